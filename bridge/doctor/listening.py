"""Whether somebody listens to a phone system that makes popups without a click, and how that goes."""

from collections.abc import Iterator

from bridge.calls.phone_system import PhoneSystem
from bridge.core.finding import Finding, Grade, worded
from bridge.core.model import Pop
from bridge.core.reasons import Reason, reason
from bridge.services import Services
from bridge.store import listeners
from bridge.store.listeners import Status

LATE_SECONDS = 90.0
"""Three times as long as a listener waits before it asks for the whole picture anyway."""
UNANNOUNCED = listeners.UNANNOUNCED
TEST, START = Reason("fix-see-test"), Reason("fix-listener")


async def of_listener(services: Services, system: PhoneSystem) -> list[Finding]:
    """Nothing where popups come by the button alone, and nobody waits for others."""
    what, way = f"events of {system.name}", system.account.events
    if way == "off":
        return _waiting_in_vain(services, system)
    status = await listeners.status(services.redis, system.name)
    if status is None:
        return [worded(what, Grade.FAIL, Reason("found-nobody-listens"), START)]
    wrong = [
        worded(what, Grade.WARN, reason("found-listener-problem", way=way, machine=status.machine, reason=why), fix)
        for why, fix in _problems(status, services.clock.now().timestamp())
    ]
    if wrong:
        return wrong
    counts = {"calls": status.calls, "events": status.told, "questions": status.asked}
    return [worded(what, Grade.OK, reason("found-listener", way=way, machine=status.machine, **counts))]


def _problems(status: Status, now: float) -> Iterator[tuple[Reason, Reason]]:
    """What is wrong, and its fix."""
    silent = now - status.heard_at
    if status.problem or silent > LATE_SECONDS:
        yield status.problem or reason("found-unheard", seconds=round(silent)), TEST
    if status.down:
        yield reason("found-disconnected", reason=status.down), Reason("fix-connect")
    if status.unannounced >= UNANNOUNCED:
        yield _without_events(status, now), Reason("fix-events")
    if status.missing or status.unsubscribed:
        also = (status.unsubscribed,) if status.unsubscribed else ()
        yield Reason("found-unsubscribed", {"count": status.missing}, also), Reason("fix-subscribe")


def _without_events(status: Status, now: float) -> Reason:
    if not status.event_at:
        return reason("found-no-event-yet", changes=status.unannounced)
    return reason("found-no-event", seconds=round(now - status.event_at), changes=status.unannounced)


def _waiting_in_vain(services: Services, system: PhoneSystem) -> list[Finding]:
    agents = services.agents.directory().agents.values()
    waiting = [
        agent
        for agent in agents
        if agent.pop is not Pop.BUTTON and any(line.pbx == system.name for line in agent.extensions)
    ]
    if not waiting:
        return []
    told, fix = reason("found-waiting-in-vain", count=len(waiting)), reason("fix-poll", pbx=system.name)
    return [worded(f"events of {system.name}", Grade.WARN, told, fix)]
