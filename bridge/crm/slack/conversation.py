"""The messages of a call: one that is written once and then changed, and what stands below it.

chat.postMessage knows no key that would make it happen once. Each message carries the id of its delivery in its
metadata, so that an attempt after a lost answer looks whether it is there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from bridge.core.delivery import CallEnd, DeliveryEvent
from bridge.core.errors import SearchFailed
from bridge.core.model import Popup
from bridge.core.reasons import reason
from bridge.crm.contract import Delivered, Duplicate, Recipient, RecipientUnknown, Rejected, Result, Retry
from bridge.crm.slack import wire
from bridge.crm.slack.api import EVENT_TYPE, Api

KEPT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Conversation:
    """The channel of one agent, or the one of all."""

    api: Api
    recipient: Recipient

    async def show(self, popup: Popup, delivery_id: str, message: Mapping[str, object]) -> Result:
        """The message of a popup, written or changed."""
        known = await self.api.session.recall(f"message {popup.popup_id}")
        if known is not None:
            return await self._change(known, message)
        result = await self._write(delivery_id, message, None, popup.popup_id)
        if isinstance(result, Delivered | Duplicate) and result.ref is not None:
            await self.api.session.remember(f"message {popup.popup_id}", result.ref, KEPT)
            if popup.call.ivrid:
                await self.api.session.remember(self._of_call(popup.call.ivrid), result.ref, KEPT, vital=False)
        return result

    async def complete(self, popup: Popup, message: Mapping[str, object]) -> Result:
        """The message of a popup, changed once it is there."""
        known = await self.api.session.recall(f"message {popup.popup_id}")
        return await self._change(known, message) if known is not None else Retry(None, reason("slack.not-sent"))

    async def add(self, event: DeliveryEvent, message: Mapping[str, object]) -> Result:
        """A line below the message of its call, where that is known."""
        session, data = self.api.session, event.data
        popup_id = getattr(data, "popup_id", None)
        below = await session.recall(f"message {popup_id}") if popup_id else None
        if below is None and isinstance(data, CallEnd):
            below = await session.recall(self._of_call(data.ivrid))
        return await self._write(event.delivery_id, message, below, popup_id or "")

    def _of_call(self, ivrid: str) -> str:
        return f"call {ivrid} {self.recipient.crm_user}"

    async def _change(self, known: str, message: Mapping[str, object]) -> Result:
        channel, _, ts = known.partition(" ")
        error, found = await self.api.write("chat.update", {"channel": channel, "ts": ts, "parse": "none", **message})
        if error in wire.GONE or not error:
            return Delivered(known)
        return Rejected(wire.refusal(error, found))

    async def _write(self, delivery_id: str, message: Mapping[str, object], below: str | None, popup_id: str) -> Result:
        session, begun = self.api.session, f"begun {delivery_id}"
        try:
            channel = below.partition(" ")[0] if below else await self._channel()
        except SearchFailed as failed:
            return Rejected(failed.reason)
        if below is None and await session.recall(begun) is not None:
            known = await self.api.written(channel, delivery_id)
            if known is not None:
                return Duplicate(known)
        await session.remember(begun, channel, KEPT)
        thread = {"thread_ts": below.partition(" ")[2]} if below else {}
        fields = {
            "channel": channel,
            "unfurl_links": False,
            "unfurl_media": False,
            "metadata": _mark(delivery_id, popup_id),
        }
        error, found = await self.api.write("chat.postMessage", {**fields, **thread, **message})
        if error in wire.NOBODY:
            return RecipientUnknown()
        return Rejected(wire.refusal(error, found)) if error else Delivered(wire.place(found))

    async def _channel(self) -> str:
        """Where the agent's messages go."""
        if self.api.account.channel is not None:
            return self.api.account.channel
        user = self.recipient.agent_id or ""
        known = await self.api.session.recall(f"channel {user}")
        if known is None:
            known = await self.api.direct_channel(user)
            await self.api.session.remember(f"channel {user}", known, KEPT, vital=False)
        return known


def _mark(delivery_id: str, popup_id: str) -> dict[str, object]:
    """What tells our messages apart. Every app of the workspace may read it: it names nobody."""
    return {"event_type": EVENT_TYPE, "event_payload": {"delivery": delivery_id, "popup": popup_id}}
