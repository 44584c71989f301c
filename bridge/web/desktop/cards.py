"""How the call of an open card stands: what the page is told while the phone system says it; pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from bridge.calls.labels import Labels, labelled
from bridge.calls.live_calls import LookupResult
from bridge.clicks.choose import choose
from bridge.core import hide
from bridge.core.json_codec import as_json, from_json, time_text
from bridge.core.model import Call, CallState, ExtensionId, Outcome, Popup
from bridge.core.reasons import Reason, say
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


def lines_of(popup: Popup, lines: Sequence[ExtensionId]) -> tuple[ExtensionId, ...]:
    """Where the popup's call may be now: on its own line or on another of the agent's."""
    return tuple(dict.fromkeys((ExtensionId(popup.agent.pbx, popup.agent.extension), *lines)))


def as_heard(card: Card, heard: Sequence[LookupResult], labels: Labels, hidden: Collection[str] = ()) -> CallNow:
    """How the call stands by what the phone systems said about each line of the agent, without what is `hidden`."""
    calls = [call for each in heard for call in each.calls]
    mine = next((call for call in calls if _is_same(call, card.popup.call)), None)
    if mine is not None:
        choice = choose([mine, *(call for call in calls if not _is_same(call, mine))], mine.ivrid)
        others = choice.others if choice else ()
        call, *shown = (hide.call_without(labelled(each, labels), hidden) for each in (mine, *others))
        return CallNow(str(mine.state), call, tuple(shown), Reason(f"chosen-{mine.state}"))
    silent = next((each for each in heard if each.outcome not in ANSWERED), None)
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
