"""How the call of an open card stands: what the page is told while the phone system says it; pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bridge.calls.labels import Labels, labelled
from bridge.calls.live_calls import LookupResult
from bridge.clicks.choose import choose
from bridge.core import hide
from bridge.core.json_codec import as_json, from_json, time_text
from bridge.core.model import Call, CallState, ExtensionId, Outcome, Popup
from bridge.core.reasons import Reason, say
from bridge.store.clicks.callers import key_of
from bridge.web.desktop.open_pages import event

ENDED = "ended"
ANSWERED = (Outcome.FOUND, Outcome.NO_ACTIVE_CALL, Outcome.UNKNOWN_EXTENSION)


@dataclass(frozen=True, slots=True)
class CallNow:
    """`state` is a call's or `ended`; `stale`: the phone system does not answer now, the rest is the last known.

    `answered_by`: somebody else has answered it, and who ("": nobody knows).
    """

    state: str
    call: Call | None
    other_calls: tuple[Call, ...]
    reason: Reason | None = field(compare=False)
    stale: bool = False
    answered_by: str | None = None


@dataclass(eq=False, slots=True)
class Card:
    """The newest popup of an agent, read only when its call is followed: most popups are just handed on.

    `now` is how its call stood when it was asked last (None: as in the popup), `is_told` whether the pages know it.
    """

    popup_id: str
    data: str
    asked_at: datetime
    is_told: bool
    now: CallNow | None = None
    _popup: Popup | None = None
    _callers: set[str] | None = None

    @property
    def callers(self) -> set[str]:
        """The callers, by key, whom its pages were shown and the log has; those of the popup first."""
        if self._callers is None:
            calls = (self.popup.call, *self.popup.other_calls)
            self._callers = {key_of(call.caller) for call in calls}
        return self._callers

    @property
    def popup(self) -> Popup:
        """The popup."""
        if self._popup is None:
            self._popup = from_json(Popup, self.data)
        return self._popup

    @property
    def stands(self) -> CallNow:
        """How its call stands, as far as it is known."""
        popup = self.popup
        return self.now or CallNow(str(popup.call.state), popup.call, popup.other_calls, popup.reason)

    @property
    def rings(self) -> bool:
        """Whether its call was still to be answered when it was last asked about."""
        return self.stands.state in (CallState.RINGING, CallState.UNKNOWN)

    @property
    def is_over(self) -> bool:
        """Whether nothing more can become of its call."""
        return self.now is not None and self.now.state == ENDED

    def text(self) -> bytes:
        """The event that tells it."""
        now = self.stands
        told = {
            "popup_id": self.popup_id,
            "ivrid": self.popup.call.ivrid,
            "state": now.state,
            "call": as_json(now.call),
            "other_calls": as_json(now.other_calls),
            "asked_at": time_text(self.asked_at),
            "stale": now.stale,
            "answered_by": now.answered_by,
            "why": say(now.reason) if now.reason else self.popup.why,
            "reason": as_json(now.reason),
        }
        return event("call", told)


def ended(answered_by: str | None = None) -> CallNow:
    """The call is gone, or somebody else has answered it."""
    return CallNow(ENDED, None, (), _why_ended(answered_by), answered_by=answered_by)


def _why_ended(answered_by: str | None) -> Reason:
    if answered_by is None:
        return Reason("call-over")
    return Reason("answered-by", {"who": answered_by}) if answered_by else Reason("answered-elsewhere")


def not_followed(card: Card) -> CallNow:
    """The agent has lost the call's extension: what was known of it, and nothing that is new."""
    return CallNow(
        str(CallState.UNKNOWN),
        card.stands.call,
        (),
        Reason("extension-lost", {"extension": line_of(card.popup).extension}),
    )


def line_of(popup: Popup) -> ExtensionId:
    """The extension that the popup's call was found on."""
    return ExtensionId(popup.agent.pbx, popup.agent.extension)


def as_heard(
    card: Card,
    heard: Mapping[ExtensionId, LookupResult],
    lines: Collection[ExtensionId],
    labels: Labels,
    hidden: Collection[str] = (),
) -> CallNow:
    """How the call stands by what the phone systems said about each of the agent's `lines`, without what is `hidden`.

    The call may be on its own line or on another of the agent's; on one that is not theirs any more nothing is told.
    """
    answers = [heard[line] for line in lines if line in heard]
    calls = [call for each in answers for call in each.calls]
    mine = next((call for call in calls if _is_same(call, card.popup.call)), None)
    if mine is not None:
        choice = choose([mine, *(call for call in calls if not _is_same(call, mine))], mine.ivrid)
        others = choice.others if choice else ()
        call, *shown = (hide.call_without(labelled(each, labels), hidden) for each in (mine, *others))
        return CallNow(str(mine.state), call, tuple(shown), Reason(f"chosen-{mine.state}"))
    if line_of(card.popup) not in lines:
        return not_followed(card)
    silent = next((each for each in answers if each.outcome not in ANSWERED), None)
    if silent is None:
        return ended()
    last = card.stands
    return CallNow(last.state, last.call, last.other_calls, silent.reason, stale=True)


def _is_same(call: Call, other: Call) -> bool:
    """The same call, on whichever line; phone systems that give no ivrid are told apart by line, caller and start."""
    if call.pbx != other.pbx or call.ivrid != other.ivrid:
        return False
    if call.ivrid:
        return True
    return (call.extension, call.caller.number, call.started_at) == (
        other.extension,
        other.caller.number,
        other.started_at,
    )
