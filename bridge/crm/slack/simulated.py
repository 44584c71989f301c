"""What a simulated workspace keeps and checks: channels, messages with their limits, blocks; no HTTP."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.crm.simulation import SimulatedAgent
from bridge.crm.slack.messages import LONGEST_HEADER, MOST_FIELDS

LONGEST_TEXT, LONGEST_BLOCK, LONGEST_FIELD = 40_000, 3000, 2000
BURST, BURST_SECONDS = 4, 4.0
MARKUP = re.compile(r"<[^<>|\s]+(?:\|[^<>]*)?>")
STRAY = re.compile(r"[<>]|&(?!amp;|lt;|gt;)")


class Refused(Exception):
    """The error that the API names."""


@dataclass(slots=True)
class Message:
    """One message. `number` counts the workspace's; `thread` is the time of the message above it."""

    at: float
    channel: str
    ts: str
    content: Mapping[str, Any]
    thread: str = ""

    @property
    def payload(self) -> Mapping[str, Any]:
        """What the app noted for itself."""
        payload: Mapping[str, Any] = (self.content.get("metadata") or {}).get("event_payload") or {}
        return payload


@dataclass(slots=True)
class Workspace:
    """Users with their direct channels, and the channels that the app was invited to."""

    agents: Sequence[SimulatedAgent]
    clock: Callable[[], float]
    channels: set[str] = field(default_factory=lambda: {"C0POPBRIDGE"})
    messages: list[Message] = field(default_factory=list)

    def user(self, email: object) -> str:
        """The id of the user with this e-mail address."""
        found = next((one.id for one in self.agents if one.crm_user == email), None)
        if found is None:
            raise Refused("users_not_found")
        return found

    def open(self, user: object) -> str:
        """The direct channel of a user."""
        if user not in {one.id for one in self.agents}:
            raise Refused("user_not_found")
        self.channels.add(f"D{user}")
        return f"D{user}"

    def agent_of(self, channel: str) -> str:
        """Whose direct channel it is; "" for nobody's."""
        return next((one.crm_user for one in self.agents if f"D{one.id}" == channel), "")

    def post(self, content: Mapping[str, Any]) -> Message:
        """A new message."""
        channel, now = content.get("channel"), self.clock()
        if not isinstance(channel, str) or channel not in self.channels:
            raise Refused("channel_not_found")
        self._limit(channel, now)
        check(content)
        thread = str(content.get("thread_ts", ""))
        if thread and thread not in {one.ts for one in self.messages}:
            raise Refused("thread_not_found")
        made = Message(now, channel, f"{int(now)}.{len(self.messages):06d}", content, thread)
        self.messages.append(made)
        return made

    def update(self, content: Mapping[str, Any]) -> Message:
        """A message with another content. Its metadata stays where none is sent."""
        check(content)
        place = (content.get("channel"), content.get("ts"))
        found = next((one for one in self.messages if (one.channel, one.ts) == place), None)
        if found is None:
            raise Refused("message_not_found")
        found.content = {"metadata": found.content.get("metadata"), **content}
        return found

    def _limit(self, channel: str, now: float) -> None:
        """One message per second for each channel, with a short burst."""
        recent = [one for one in self.messages if one.channel == channel and now - one.at < BURST_SECONDS]
        if len(recent) >= BURST:
            raise Refused("ratelimited")


def check(content: Mapping[str, Any]) -> None:
    """That a message is one that Slack takes, and that nothing in it is markup that was not meant."""
    text = content.get("text")
    if not isinstance(text, str) or not text:
        raise Refused("no_text")
    if len(text) > LONGEST_TEXT:
        raise Refused("msg_too_long")
    if STRAY.search(text):
        raise Refused("invalid_arguments")
    for block in content.get("blocks", ()):
        _check_block(block)


def _check_block(block: Mapping[str, Any]) -> None:
    texts = [*([block["text"]] if "text" in block else []), *block.get("fields", ())]
    if block.get("type") not in ("header", "section") or not texts or len(block.get("fields", ())) > MOST_FIELDS:
        raise Refused("invalid_blocks")
    longest = LONGEST_HEADER if block["type"] == "header" else LONGEST_BLOCK
    for one in texts:
        _check_text(one, LONGEST_FIELD if one in block.get("fields", ()) else longest, block["type"])


def _check_text(text: Mapping[str, Any], longest: int, block: str) -> None:
    written = text.get("text")
    if not isinstance(written, str) or not 0 < len(written) <= longest:
        raise Refused("invalid_blocks")
    if text.get("type") == "mrkdwn" and block == "section" and not STRAY.search(MARKUP.sub("", written)):
        return
    if text.get("type") != "plain_text":
        raise Refused("invalid_blocks")
