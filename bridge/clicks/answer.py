"""THE LINE: a click goes in at the top, its answer comes out at the bottom."""

from collections.abc import Sequence

from redis.exceptions import RedisError

from bridge.agents import directory
from bridge.calls.live_calls import Heard
from bridge.clicks import choose
from bridge.clicks.commit import Entry, record
from bridge.core.clock import Clock, new_id
from bridge.core.model import Agent, Answer, Click, Outcome
from bridge.observability import tracing
from bridge.services import Kit
from bridge.store.clicks import accept
from bridge.store.desktop import stream


async def answer(click: Click, kit: Kit, laps: "Laps", allowances: Sequence[accept.Allowance] = ()) -> accept.Stored:
    """Contract 3's answer to an authenticated click, written down before it is given.

    Raises `TooManyClicks` (by `allowances`) and `Unavailable`.
    """
    with tracing.span("click", "SERVER", click_id=click.click_id, crm=click.crm):
        given = await _answer(click, kit, laps, allowances)
        tracing.tell(outcome=given["outcome"], duplicate="duplicate" in given)
    return given


async def _answer(click: Click, kit: Kit, laps: "Laps", allowances: Sequence[accept.Allowance]) -> accept.Stored:
    stored = await accept.begin(kit.scripts, click, kit.hold_seconds, allowances)
    if stored is not None:
        return {**stored, "duplicate": True}
    try:
        given = await record(kit.scripts, kit.jobs, await _look(click, kit, laps))
    except BaseException:
        await accept.abandon(kit.scripts, click)
        raise
    return given if given["click_id"] == click.click_id else {**given, "duplicate": True}


async def _look(click: Click, kit: Kit, laps: "Laps") -> Entry:
    """Whose click, which calls are live, which one is meant."""
    owner = directory.owner_of(click, kit.agents.directory(), kit.settings.pbx_of(click.crm))
    targets = kit.settings.targets_of(click.crm)
    laps.lap("directory")
    if isinstance(owner, directory.Stranger):
        return Entry(click, _without(click, owner.outcome, owner.why, None, laps), owner.agent, targets=targets)
    heard = await kit.lookup.live_calls(owner.lines)
    laps.lap("lookup")
    chosen = await _chosen_before(click, owner.agent, heard, kit)
    given = _choose(click, owner.agent, heard, chosen, kit, laps)
    asked = kit.lookup.asked()
    return Entry(click, given, owner.agent, heard.calls, targets, laps.ms, kit.labels.regions, asked)


async def _chosen_before(click: Click, agent: Agent, heard: Heard, kit: Kit) -> str | None:
    """The ivrid that the agent chose on the desktop page; asked for only when there is something to choose."""
    if click.ivrid is not None or len(heard.calls) < 2 or not agent.crm_user:
        return None
    try:
        return await stream.chosen(kit.redis, agent)
    except (RedisError, OSError):
        return None  # the rule decides; that Redis is away is told by the write


def _choose(click: Click, agent: Agent, heard: Heard, chosen: str | None, kit: Kit, laps: "Laps") -> Answer:
    if heard.outcome is not Outcome.FOUND:
        return _without(click, heard.outcome, heard.why, heard, laps)
    choice = choose.choose(heard.calls, click.ivrid, chosen)
    if choice is None:
        why = f"no live call has the ivrid '{click.ivrid}'; {len(heard.calls)} other live: it may have ended"
        return _without(click, Outcome.NO_SUCH_CALL, why, heard, laps)
    now, ttl = kit.clock.now(), kit.settings.crm[click.crm].popup_ttl_seconds
    popup = choose.popup(click, agent, choice, kit.labels, new_id("pop", now), now, ttl)
    laps.lap("enrich")
    return Answer(click.click_id, Outcome.FOUND, popup.why, popup, heard.served_from, heard.pbx_ms, laps.total())


def _without(click: Click, outcome: Outcome, why: str, heard: Heard | None, laps: "Laps") -> Answer:
    """An answer that has no popup."""
    served_from, pbx_ms = (heard.served_from, heard.pbx_ms) if heard else (None, None)
    return Answer(click.click_id, outcome, why, None, served_from, pbx_ms, laps.total())


class Laps:
    """How long each step of one click took, in milliseconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock, self._started = clock, clock.ticks()
        self._last = self._started
        self.ms: dict[str, float] = {}

    def lap(self, step: str) -> None:
        """The step that ends now."""
        now = self._clock.ticks()
        self.ms[step], self._last = round((now - self._last) * 1000, 2), now

    def total(self) -> float:
        """Since the click arrived."""
        return round((self._clock.ticks() - self._started) * 1000, 1)
