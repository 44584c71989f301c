"""The line of a click: it goes in at the top, its answer comes out at the bottom.

Whose click, which calls are live, which one is meant, and then all of it is written down in one transaction. The answer
is given only after that.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from redis.exceptions import RedisError

from bridge.agents import directory
from bridge.calls.labels import labelled
from bridge.calls.live_calls import LookupResult
from bridge.clicks.choose import Choice, choose
from bridge.clicks.commit import Entry, Given, commit
from bridge.clicks.contact import at_first
from bridge.clicks.popup import make_popup
from bridge.clicks.timings import StepTimer
from bridge.core.clock import new_id
from bridge.core.model import Agent, Answer, Click, Outcome, Popup
from bridge.core.reasons import Reason, say
from bridge.observability import tracing
from bridge.services import Services
from bridge.store.clicks import accept
from bridge.store.desktop import choices


async def answer(
    click: Click, services: Services, timer: StepTimer, allowances: Sequence[accept.Allowance] = ()
) -> Given:
    """Contract 3's answer to an authenticated click, written down before it is given.

    Raises `TooManyClicks` (by `allowances`) and `Unavailable`.
    """
    with tracing.span("click", "SERVER", click_id=click.click_id, crm=click.crm):
        given = await _answer_once(click, services, timer, allowances)
        if services.replicas is not None:
            await services.replicas.confirm(click)
        tracing.annotate(outcome=given.answer.outcome, duplicate=given.duplicate)
    return given


async def _answer_once(
    click: Click, services: Services, timer: StepTimer, allowances: Sequence[accept.Allowance]
) -> Given:
    """A repeat gets the stored answer; whoever fails lets a repeat start at once."""
    stored = await accept.begin(services.scripts, click, services.hold_seconds, allowances)
    if stored is not None:
        return Given.again(stored)
    try:
        return await commit(services.scripts, services.jobs, await _look_up(click, services, timer))
    except BaseException:
        await accept.abandon(services.scripts, click)
        raise


async def _look_up(click: Click, services: Services, timer: StepTimer) -> Entry:
    """From the click to all that it leaves behind."""
    resolved = directory.resolve(click, services.agents.directory(), services.settings.pbx_of(click.crm))
    targets = services.settings.targets_of(click.crm)
    timer.mark("directory")
    if isinstance(resolved, directory.UnresolvedAgent):
        nothing = _Found(None, resolved.outcome, resolved.reason)
        return Entry(click, _answer(click, nothing, None, timer), resolved.agent, targets=targets)

    result = await services.lookup.live_calls(resolved.extensions)
    timer.mark("lookup")

    found = await _choose(click, resolved.agent, result, services)
    timer.mark("choose")

    return Entry(
        click=click,
        answer=_answer(click, found, result, timer),
        agent=resolved.agent,
        live_calls=tuple(labelled(call, services.labels) for call in result.calls),
        targets=targets,
        steps=timer.ms,
        regions=services.labels.regions,
        questions=services.lookup.take_durations(),
    )


@dataclass(frozen=True, slots=True)
class _Found:
    """What comes of a lookup: a popup, or the outcome without one; and why."""

    popup: Popup | None
    outcome: Outcome
    reason: Reason


async def _choose(click: Click, agent: Agent, result: LookupResult, services: Services) -> _Found:
    if result.outcome is not Outcome.FOUND:
        return _Found(None, result.outcome, result.reason or Reason(result.outcome))
    choice = choose(result.calls, click.ivrid, await _chosen_before(click, agent, result, services))
    if choice is None:
        missing = Reason("no-such-call", {"ivrid": click.ivrid, "count": len(result.calls)})
        return _Found(None, Outcome.NO_SUCH_CALL, missing)
    return _Found(_popup(click, agent, choice, services), Outcome.FOUND, choice.reason)


async def _chosen_before(click: Click, agent: Agent, result: LookupResult, services: Services) -> str | None:
    """The ivrid that the agent chose on the desktop page; asked for only when there is something to choose."""
    if click.ivrid is not None or len(result.calls) < 2 or not agent.crm_user:
        return None
    try:
        return await choices.load(services.redis, agent)
    except (RedisError, OSError):
        return None  # the rule decides; that Redis is away is told by the write


def _popup(click: Click, agent: Agent, choice: Choice, services: Services) -> Popup:
    now, ttl = services.clock.now(), services.settings.crm[click.crm].popup_ttl_seconds
    return at_first(make_popup(click, agent, choice, services.labels, new_id("pop", now), now, ttl), services)


def _answer(click: Click, found: _Found, result: LookupResult | None, timer: StepTimer) -> Answer:
    return Answer(
        click_id=click.click_id,
        outcome=found.outcome,
        why=say(found.reason),
        popup=found.popup,
        served_from=result.served_from if result else None,
        pbx_ms=result.pbx_ms if result else None,
        total_ms=timer.total(),
        reason=found.reason,
    )
