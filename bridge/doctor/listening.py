"""Whether somebody listens to a phone system that makes popups without a click, and how that goes."""

from bridge.calls.live_calls import PhoneSystem
from bridge.core.finding import Finding, Grade
from bridge.core.model import Pop
from bridge.pbx.contract import Connects, ReadsEvents
from bridge.services import Services
from bridge.store import listeners

LATE_SECONDS = 90.0
"""Three times as long as a listener waits before it asks for the whole picture anyway."""
START = "start a worker: popbridge worker; it listens for all phone systems"


async def of_listener(services: Services, system: PhoneSystem) -> list[Finding]:
    """Nothing where popups come by the button alone, and nobody waits for others."""
    what, way = f"events of {system.name}", system.account.events
    if way == "off":
        return _waiting_in_vain(services, system)
    if not _can(system.adapter, way):
        fix = f'set events = "poll" in [pbx.{system.name}]; every make can be polled'
        return [Finding(what, Grade.FAIL, f'{system.adapter.title} cannot do events = "{way}"', fix)]
    status = await listeners.status(services.redis, system.name)
    if status is None:
        return [Finding(what, Grade.FAIL, "nobody listens: no popup comes without a click", START)]
    silent = services.clock.now().timestamp() - status.heard_at
    if status.problem or silent > LATE_SECONDS:
        message = status.problem or f"nothing was heard for {silent:.0f} s"
        return [
            Finding(
                what, Grade.WARN, f"{way} on {status.machine}: {message}", "see the test of this phone system above"
            )
        ]
    told = f"{way} on {status.machine}: {status.calls} calls, {status.told} events, {status.asked} questions"
    return [Finding(what, Grade.OK, told)]


def _can(adapter: object, way: str) -> bool:
    return way == "poll" or isinstance(adapter, ReadsEvents if way == "push" else Connects)


def _waiting_in_vain(services: Services, system: PhoneSystem) -> list[Finding]:
    agents = services.agents.directory().agents.values()
    waiting = [
        agent
        for agent in agents
        if agent.pop is not Pop.BUTTON and any(line.pbx == system.name for line in agent.extensions)
    ]
    if not waiting:
        return []
    message = f"{len(waiting)} agents want popups without a click, and nobody listens"
    return [Finding(f"events of {system.name}", Grade.WARN, message, f'set events = "poll" in [pbx.{system.name}]')]
