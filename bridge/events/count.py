"""What a turn of a call adds to the day's figures of the CRMs whose agents it is: answered, or missed by everybody."""

from bridge.calls.pictures import Happened, Turn
from bridge.core.model import Direction
from bridge.events.pop import People, agents_of
from bridge.services import Services
from bridge.store import figures

OURS = frozenset({Direction.OUTGOING, Direction.INTERNAL})
"""Nobody outside waits for an answer to these."""


async def count(pbx: str, turn: Turn, people: People, services: Services) -> None:
    """Count it. Told again, nothing more is counted. Raises redis-py's errors."""
    what = _counted_as(turn)
    if what is None:
        return
    now, call = services.clock.now(), f"{pbx}\x1f{turn.call.identity}"
    for crm in sorted({agent.crm for agent in agents_of(pbx, turn, people, services)}):
        await figures.count_call(services.scripts, services.settings.day_of(crm, now), crm, call, what)


def _counted_as(turn: Turn) -> str | None:
    if turn.call.direction in OURS:
        return None
    if turn.what is Happened.TALKS:
        return figures.ANSWERED
    is_missed = turn.what is Happened.LEFT and not (turn.was_answered or turn.now_on)
    return figures.MISSED if is_missed else None
