"""A click is written down in one transaction: stored answer, cached call, log entry, deliveries and their jobs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bridge.core.clock import new_id
from bridge.core.contact import ContactStatus
from bridge.core.delivery import DESKTOP, Delivery, DeliveryState, Event
from bridge.core.json_codec import JsonWriter, fields_of, from_json, time_text
from bridge.core.model import Agent, Answer, Call, Caller, Click
from bridge.core.phone_numbers import e164
from bridge.observability import tracing
from bridge.store import counters, jobs, keys, searches
from bridge.store.calls import popped, popups
from bridge.store.clicks import accept, callers
from bridge.store.client import Batch
from bridge.store.deliveries import records
from bridge.store.desktop import stream
from bridge.store.scripts import Scripts


@dataclass(frozen=True, slots=True)
class Entry:
    """All that one answered click leaves behind."""

    click: Click
    answer: Answer
    agent: Agent | None = None
    live_calls: tuple[Call, ...] = ()
    targets: tuple[str, ...] = ()
    histories: tuple[str, ...] = ()
    """The CRMs that keep the call in their history."""
    place: popped.Place | None = None
    """The popup's call and agent, where others may make a popup of it too."""
    is_again: bool = False
    """The popup was made before, and is told once more: nothing is delivered."""
    rule: int = 0
    """The rule of the settings that decided, from 1; 0: none."""
    steps: Mapping[str, float] = field(default_factory=dict)
    regions: Mapping[str, str] = field(default_factory=dict)
    questions: Sequence[tuple[str, float]] = ()
    """Phone systems that were asked since the last click, whoever asked, and for how many seconds."""


@dataclass(frozen=True, slots=True)
class Given:
    """The answer that stands: as JSON text, encoded once, and as a value. `duplicate`: it was given before."""

    text: str
    answer: Answer
    duplicate: bool = False

    @classmethod
    def again(cls, text: str) -> "Given":
        """A stored answer, given once more."""
        return cls(f'{text[:-1]},"duplicate":true}}', from_json(Answer, text), duplicate=True)


async def commit(scripts: Scripts, queue: jobs.Jobs, entry: Entry) -> Given:
    """Write `entry` once and whole; the answer that stands, which is an earlier one if there was one.

    Raises `Unavailable`: nothing was written then.
    """
    waiting, writer = _deliveries(entry), JsonWriter()
    text = writer.text(entry.answer)

    def write(pipe: Batch) -> None:
        _write(pipe, queue, entry, waiting, writer)
        popups.buffer_story(pipe, entry.click.click_id, writer.text(_story(entry, waiting)), text)

    with tracing.step("transaction"):
        earlier = await accept.commit(scripts, entry.click, text, write)
    if earlier is not None:
        return Given.again(earlier)
    await _tell_desktop(scripts, entry)
    return Given(text, entry.answer)


async def _tell_desktop(scripts: Scripts, entry: Entry) -> None:
    """That there is no popup; a popup is told by its delivery."""
    agent = entry.agent
    if entry.answer.popup is None and agent is not None and agent.crm_user and DESKTOP in entry.targets:
        await stream.tell_nothing(scripts, agent, entry.answer, entry.click.received_at)


def _deliveries(entry: Entry) -> list[Delivery]:
    popup = entry.answer.popup
    if popup is None or entry.is_again:
        return []
    reachable = [target for target in entry.targets if target != DESKTOP or popup.agent.crm_user]
    wanted = [(target, Event.POPUP) for target in reachable] + [(crm, Event.LOG) for crm in entry.histories]
    at = popup.created_at
    return [
        Delivery(new_id("dlv", at), popup.popup_id, target, DeliveryState.PENDING, created_at=at, event=event)
        for target, event in wanted
    ]


def _write(pipe: Batch, queue: jobs.Jobs, entry: Entry, waiting: list[Delivery], writer: JsonWriter) -> None:
    click, popup = entry.click, entry.answer.popup
    ids = [delivery.delivery_id for delivery in waiting]
    if popup is not None and not entry.is_again:
        popups.buffer_popup(pipe, popup, ids, writer)
        for delivery in waiting:
            if delivery.event is Event.LOG:
                records.buffer_log(pipe, delivery, click)
                continue
            records.buffer_new(pipe, delivery, click, popup.expires_at)
            queue.add(pipe, jobs.DELIVER, delivery.delivery_id)
        if entry.place is not None:
            popped.buffer_popped(pipe, entry.place, popup.popup_id)
        if popup.contact is not None and popup.contact.status is ContactStatus.UNKNOWN:
            searches.buffer_wanted(pipe, popup.popup_id, popup.created_at)
            queue.add(pipe, jobs.CONTACT, popup.popup_id)
    pipe.xadd(keys.AUDIT, {"kind": "lookup", "line": writer.text(log_entry(entry))})
    callers.buffer_shown(pipe, click.click_id, _other_callers(entry), click.received_at)
    if click.proof:
        pipe.hset(keys.PROOFS, mapping={f"{click.crm} {click.proof}": time_text(click.received_at)})
    counters.buffer_count(pipe, "clicks", crm=click.crm, outcome=str(entry.answer.outcome))
    counters.buffer_observed(pipe, counters.CLICK, click.crm, entry.answer.total_ms / 1000)
    for pbx, seconds in entry.questions:
        counters.buffer_observed(pipe, counters.QUESTION, pbx, seconds)


def _other_callers(entry: Entry) -> Iterable[Caller]:
    """Who is shown besides the caller of the popup: those of the other live calls, which the story has as well."""
    popup = entry.answer.popup
    known = [callers.key_of(popup.call.caller)] if popup else []
    before = [popup.passed_on.caller] if popup and popup.passed_on else []
    return callers.new_ones([*before, *(call.caller for call in entry.live_calls)], known).values()


def _story(entry: Entry, waiting: Sequence[Delivery]) -> dict[str, object]:
    """What came, what the phone system said, what was chosen and why, and what became of it; all but the answer."""
    came = fields_of(entry.click)
    del came["proof"]  # which secret it was is for the operator, not for whoever reads the story
    return {
        "click": came,
        "agent": entry.agent,
        "live_calls": entry.live_calls,
        "steps": [{"step": step, "ms": ms} for step, ms in entry.steps.items()],
        "delivery_ids": [delivery.delivery_id for delivery in waiting],
        "rule": entry.rule or None,
    }


def log_entry(entry: Entry) -> dict[str, object]:
    """Contract 6's entry, and `caller_e164` to find a number by in any spelling."""
    click, answer, agent = entry.click, entry.answer, entry.agent
    call = answer.popup.call if answer.popup else None
    line = agent.extensions[0] if agent and agent.extensions and call is None else None
    region = entry.regions.get(call.pbx, "") if call else ""
    return {
        "time": click.received_at,
        "click_id": click.click_id,
        "crm": click.crm,
        "crm_user": agent.crm_user if agent else click.agent or "",
        "agent": agent.name if agent else "",
        "pbx": call.pbx if call else line.pbx if line else "",
        "extension": call.extension if call else click.extension or (line.extension if line else ""),
        "outcome": answer.outcome,
        "why": answer.why,
        "reason": answer.reason,
        "ivrid": call.ivrid if call else click.ivrid or "",
        "original_ivrid": call.original_ivrid if call else None,
        "did": call.did if call else "",
        "did_e164": e164(call.did, region) if call and call.did else None,
        "caller": call.caller.number if call else "",
        "caller_e164": call.caller.e164 if call else None,
        "popup_id": answer.popup.popup_id if answer.popup else None,
        "served_from": answer.served_from,
        "pbx_ms": answer.pbx_ms,
        "total_ms": answer.total_ms,
        "source_ip": click.source_ip,
    }
