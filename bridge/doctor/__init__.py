"""`popbridge doctor`: tests every dependency and prints the fix.

The output contains no secret, caller's number or complete address, so that all of it can go into a ticket.
"""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from pathlib import Path

from redis.exceptions import RedisError

from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.doctor import access, inside, listening, outgoing, outside, signon
from bridge.services import Services

log = logging.getLogger(__name__)


async def examine(services: Services, private: Sequence[Path]) -> list[Finding]:
    """Test everything at once; findings in the order of a click's path. `private`: the files that contain secrets."""
    settings, systems = services.settings, services.lookup.systems
    tests: list[tuple[str, Awaitable[list[Finding]]]] = [
        ("settings", asyncio.to_thread(inside.of_settings, private)),
        ("agents", inside.of_agents(services)),
        ("tokens", access.of_tokens(services)),
        ("sign-in", signon.of_signin(services)),
        ("redis", inside.of_redis(services)),
        ("workers", inside.of_workers(services)),
        ("audit", inside.of_audit(services)),
        ("public_url", outside.of_public_url(services)),
        ("outgoing", outgoing.of_ways(services)),
        *((f"pbx {name}", outside.of_pbx(system)) for name, system in systems.items()),
        *((f"events of {name}", listening.of_listener(services, system)) for name, system in systems.items()),
        *((f"agents on {name}", outside.of_rows(services, system)) for name, system in systems.items()),
        *((f"crm {name}", outside.of_crm(services, name, account)) for name, account in settings.crm.items()),
        ("buttons", outside.of_buttons(services)),
    ]
    found = await asyncio.gather(*(_tested(what, test) for what, test in tests))
    return [finding for findings in found for finding in findings]


async def _tested(what: str, test: Awaitable[list[Finding]]) -> list[Finding]:
    """What a test finds. One that cannot be made, or breaks, is a finding itself: the others are shown all the same."""
    try:
        return await test
    except (RedisError, OSError):
        return [worded(what, Grade.WARN, Reason("found-unknown"), Reason("fix-redis-first"))]
    except Exception as error:
        log.exception("the doctor's test of %s has failed", what)
        return [worded(what, Grade.FAIL, reason("found-test-broken", kind=type(error).__name__), Reason("fix-report"))]
