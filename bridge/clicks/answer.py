"""The line of a click: it goes in at the top, its answer comes out at the bottom.

Whose click, which calls are live, which one is meant, and then all of it is written down in one transaction. The answer
is given only after that.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace

from redis.exceptions import RedisError

from bridge.agents import directory
from bridge.calls.labels import labelled
from bridge.calls.live_calls import LookupResult
from bridge.calls.rules import Decision, decide
from bridge.clicks import earlier
from bridge.clicks.choose import Choice, choose
from bridge.clicks.commit import Entry, Given, commit
from bridge.clicks.contact import at_first, keep_named
from bridge.clicks.passed_on import passed_on
from bridge.clicks.popup import make_popup
from bridge.clicks.timings import StepTimer
from bridge.core import hide
from bridge.core.clock import new_id
from bridge.core.errors import TooManyClicks, Unavailable
from bridge.core.model import Agent, Answer, Call, Click, Outcome, Popup
from bridge.core.reasons import Reason, say
from bridge.observability import tracing
from bridge.services import Services
from bridge.store import keys
from bridge.store.calls import popped
from bridge.store.clicks import accept
from bridge.store.desktop import choices

AGAIN_SECONDS = 5
"""When to ask again whose an extension is."""


@dataclass(frozen=True, slots=True)
class Event:
    """What an event of the phone system says already, so that nobody asks it: the agent's live calls, and the popup's
    place, which is claimed for it."""

    calls: LookupResult
    place: popped.Place


async def answer(
    click: Click,
    services: Services,
    timer: StepTimer,
    allowances: Sequence[accept.Allowance] = (),
    event: Event | None = None,
) -> Given:
    """Contract 3's answer to an authenticated click, or to an event in its place, written down before it is given.

    Raises `TooManyClicks` (by `allowances`) and `Unavailable`.
    """
    with tracing.span("click", "SERVER", click_id=click.click_id, crm=click.crm):
        given = await _answer_once(click, services, timer, allowances, event)
        if services.replicas is not None and event is None:  # nobody waits for the answer to an event
            await services.replicas.confirm(click)
        tracing.annotate(outcome=given.answer.outcome, duplicate=given.duplicate)
    return given


async def _answer_once(
    click: Click, services: Services, timer: StepTimer, allowances: Sequence[accept.Allowance], event: Event | None
) -> Given:
    """A repeat gets the stored answer; the phone system is asked meanwhile."""
    resolved = directory.resolve(click, services.agents.directory(), services.settings.pbx_of(click.crm))
    asked = None if event is not None else _ask_ahead(click, resolved, services)
    try:
        stored = await accept.begin(services.scripts, click, services.hold_seconds, allowances)
        if stored is not None:
            return Given.again(stored)
        return await _answer_new(_Accepted(click, resolved, timer, event, asked), services)
    except TooManyClicks as refused:
        services.ahead.needs_none(click.crm, refused.retry_after or 0)
        raise
    finally:
        if asked is not None:
            asked.cancel()


Resolved = directory.ResolvedAgent | directory.UnresolvedAgent
Asked = asyncio.Task[LookupResult]


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A click that is no repeat: whose it is, the time it takes, and where its live calls come from: the event that
    brought them, or the question that is on its way; neither: they are asked for now."""

    click: Click
    resolved: Resolved
    timer: StepTimer
    event: Event | None
    asked: Asked | None

    async def live_calls(self, agent: directory.ResolvedAgent, services: Services) -> LookupResult:
        """The agent's calls, labelled."""
        if self.event is not None:
            found = self.event.calls
        else:
            found = await (self.asked or services.lookup.live_calls(agent.extensions))
        return replace(found, calls=tuple(labelled(call, services.labels) for call in found.calls))


def _ask_ahead(click: Click, resolved: Resolved, services: Services) -> Asked | None:
    """The question, unless it is known to be of no use: of a repeat, and for a while after a click too many."""
    if isinstance(resolved, directory.UnresolvedAgent) or not resolved.agent.crm_user:
        return None
    asked = services.ahead.ask(resolved.extensions, (accept.key_of(click), click.crm))
    services.ahead.needs_none(accept.key_of(click), keys.ACCEPTED_SECONDS)
    return asked


async def _answer_new(accepted: _Accepted, services: Services) -> Given:
    """Whoever fails lets a repeat start at once."""
    entry: Entry | None = None
    try:
        entry = await _look_up(accepted, services)
        given = await commit(services.scripts, services.jobs, entry)
    except BaseException:
        await accept.abandon(services.scripts, accepted.click)
        if entry is not None and entry.place is not None:
            await earlier.give_up(services, entry.place, accepted.click)
        raise
    if entry.is_again and entry.answer.popup is not None:
        await keep_named(entry.answer.popup, services)
    return given


async def _look_up(accepted: _Accepted, services: Services) -> Entry:
    """From the click to all that it leaves behind."""
    click, resolved, timer, event = accepted.click, accepted.resolved, accepted.timer, accepted.event
    _refuse_while_unknown(resolved, services)
    targets, dry_run = services.settings.targets_of(click.crm), services.settings.crm[click.crm].dry_run
    timer.mark("directory")
    if isinstance(resolved, directory.UnresolvedAgent):
        nothing = _Found(None, resolved.outcome, resolved.reason)
        return Entry(click, _answer(click, nothing, None, timer, dry_run), resolved.agent, targets=targets)

    result = await accepted.live_calls(resolved, services)
    timer.mark("lookup")

    found = await _choose(click, resolved.agent, result, services, event)
    timer.mark("choose")

    shown = await earlier.shown(found.popup, services, click, event.place if event else None)
    popup = shown.popup
    if popup is not None and not shown.is_again and (before := await passed_on(popup, services)) is not None:
        popup = replace(popup, passed_on=before)
    targets = targets if found.targets is None or not targets else found.targets
    return Entry(
        click=click,
        answer=_answer(click, found if popup is found.popup else replace(found, popup=popup), result, timer, dry_run),
        agent=resolved.agent,
        live_calls=_shown(result, services, click.crm),
        targets=targets,
        histories=tuple(name for name in dict.fromkeys((click.crm, *targets)) if services.logs_calls(name)),
        place=shown.place,
        is_again=shown.is_again,
        rule=found.rule,
        steps=timer.ms,
        regions=services.labels.regions,
        questions=services.lookup.take_durations(),
    )


def _refuse_while_unknown(resolved: Resolved, services: Services) -> None:
    """An extension without a row may be another CRM's, as long as the rows have not been read. Raises `Unavailable`."""
    if isinstance(resolved, directory.ResolvedAgent) and not resolved.agent.crm_user:
        pbx = resolved.extensions[0].pbx
        if services.settings.is_shared(pbx) and not services.agents.tells(pbx):
            raise Unavailable("It is not known yet whose extension this is", AGAIN_SECONDS)


def _shown(result: LookupResult, services: Services, crm: str) -> tuple[Call, ...]:
    """The live calls as their details show them."""
    hidden = services.settings.crm[crm].hide
    return tuple(hide.call_without(call, hidden) for call in result.calls)


@dataclass(frozen=True, slots=True)
class _Found:
    """What comes of a lookup: a popup, or the outcome without one; why; and what a rule says of its targets."""

    popup: Popup | None
    outcome: Outcome
    reason: Reason
    targets: tuple[str, ...] | None = None
    rule: int = 0

    def marked(self) -> "_Found":
        """With a dry run said: in `why`, which the log and every page show, and for programs."""
        reason = replace(self.reason, also=(*self.reason.also, Reason("dry-run")))
        popup = self.popup and replace(self.popup, reason=reason, why=say(reason), dry_run=True)
        return replace(self, popup=popup, reason=reason)


async def _choose(click: Click, agent: Agent, result: LookupResult, services: Services, event: Event | None) -> _Found:
    if result.outcome is not Outcome.FOUND:
        return _Found(None, result.outcome, result.reason or Reason(result.outcome))
    choice = choose(result.calls, click.ivrid, await _chosen_before(click, agent, result, services))
    if choice is None:
        missing = Reason("no-such-call", {"ivrid": click.ivrid, "count": len(result.calls)})
        return _Found(None, Outcome.NO_SUCH_CALL, missing)
    if event is not None:  # nobody asked for it by its id
        choice = replace(choice, reason=Reason(f"chosen-{choice.call.state}"))
    ruled = _ruled(choice.call, click, agent, services)
    popup = _popup(click, agent, choice, services)
    if ruled.label is not None:
        popup = replace(popup, call=replace(popup.call, did_label=ruled.label))
    return _Found(popup, Outcome.FOUND, choice.reason, ruled.targets, ruled.number)


def _ruled(call: Call, click: Click, agent: Agent, services: Services) -> Decision:
    """What the rules of the settings say, where there are any."""
    if not services.settings.rules:
        return Decision()
    region = services.labels.regions.get(call.pbx, "")
    return decide(services.settings.rules, call, agent, click.trigger, region)


async def _chosen_before(click: Click, agent: Agent, result: LookupResult, services: Services) -> str | None:
    """The ivrid that the agent chose on the desktop page; asked for only when there is something to choose."""
    if click.ivrid is not None or len(result.calls) < 2 or not agent.crm_user:
        return None
    try:
        return await choices.load(services.redis, agent)
    except (RedisError, OSError):
        return None  # the rule decides; that Redis is away is told by the write


def _popup(click: Click, agent: Agent, choice: Choice, services: Services) -> Popup:
    now, crm = services.clock.now(), services.settings.crm[click.crm]
    popup_id = new_id("pop", now)
    popup = make_popup(click, agent, choice, popup_id, now, crm.popup_ttl_seconds)
    return hide.without(at_first(popup, services), crm.hide)


def _answer(click: Click, found: _Found, result: LookupResult | None, timer: StepTimer, dry_run: bool) -> Answer:
    found = found.marked() if dry_run else found
    return Answer(
        click_id=click.click_id,
        outcome=found.outcome,
        why=say(found.reason),
        popup=found.popup,
        served_from=result.served_from if result else None,
        pbx_ms=result.pbx_ms if result else None,
        total_ms=timer.total(),
        reason=found.reason,
        dry_run=dry_run,
    )
