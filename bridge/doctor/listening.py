"""Whether somebody listens to a phone system that makes popups without a click, and how that goes."""

from collections.abc import Iterator

from bridge.calls.live_calls import PhoneSystem
from bridge.core.finding import Finding, Grade, counted
from bridge.core.model import Pop
from bridge.services import Services
from bridge.store import listeners
from bridge.store.listeners import Status

LATE_SECONDS = 90.0
"""Three times as long as a listener waits before it asks for the whole picture anyway."""
UNANNOUNCED = listeners.UNANNOUNCED
CONNECT = "see the test of this phone system above; it is tried again every few seconds, and polled meanwhile"
EVENTS = "check where this phone system sends its events (its README: Popups without a click), and what is in between"
SUBSCRIBE = "they are made as soon as that is mended: see the README of this make, Popups without a click"
START = "start a worker: popbridge worker; it listens for all phone systems"


async def of_listener(services: Services, system: PhoneSystem) -> list[Finding]:
    """Nothing where popups come by the button alone, and nobody waits for others."""
    what, way = f"events of {system.name}", system.account.events
    if way == "off":
        return _waiting_in_vain(services, system)
    status = await listeners.status(services.redis, system.name)
    if status is None:
        return [Finding(what, Grade.FAIL, "nobody listens: no popup comes without a click", START)]
    wrong = [
        Finding(what, Grade.WARN, f"{way} on {status.machine}: {message}", fix)
        for message, fix in _problems(status, services.clock.now().timestamp(), system)
    ]
    if wrong:
        return wrong
    told = f"{way} on {status.machine}: {status.calls} calls, {status.told} events, {status.asked} questions"
    return [Finding(what, Grade.OK, told)]


def _problems(status: Status, now: float, system: PhoneSystem) -> Iterator[tuple[str, str]]:
    """What is wrong, and its fix."""
    silent = now - status.heard_at
    if status.problem or silent > LATE_SECONDS:
        yield status.problem or f"nothing was heard for {silent:.0f} s", "see the test of this phone system above"
    if status.down:
        yield f"not connected: {status.down}", CONNECT
    if status.unannounced >= UNANNOUNCED:
        since = f"for {now - status.event_at:.0f} s" if status.event_at else "yet"
        yield f"no event came {since}, though {status.unannounced} changes of calls were found by asking", EVENTS
    if status.missing or status.unsubscribed:
        told = f"{status.missing} extensions have no subscription to events"
        yield f"{told}: {status.unsubscribed}" if status.unsubscribed else told, SUBSCRIBE


def _waiting_in_vain(services: Services, system: PhoneSystem) -> list[Finding]:
    agents = services.agents.directory().agents.values()
    waiting = [
        agent
        for agent in agents
        if agent.pop is not Pop.BUTTON and any(line.pbx == system.name for line in agent.extensions)
    ]
    if not waiting:
        return []
    message = f"{counted(len(waiting), 'agent')} asked for popups without a click, and nobody listens"
    return [Finding(f"events of {system.name}", Grade.WARN, message, f'set events = "poll" in [pbx.{system.name}]')]
