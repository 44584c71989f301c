"""Who may set things up, how often, and that each time is in the access log."""

from typing import Any

from starlette.requests import Request

from bridge.agents.access import Access
from bridge.core.reasons import reason
from bridge.services import Services
from bridge.store import counters
from bridge.web.problems import RequestRefused
from bridge.web.signin import admin

TESTS_PER_MINUTE = 30
"""Of one token: each asks a phone system or a CRM."""
KEY_CHARACTERS, VALUE_CHARACTERS = 64, 16_384


async def admin_who_tests(request: Request) -> Access:
    """An administrator who may test now; 403, and 429 when it was too often."""
    access = await admin(request)
    services: Services = request.app.state.services
    now = services.clock.now().timestamp()
    times, wait = await counters.happened(services.redis, "connect", "", access.grant.token_id, now)
    if times > TESTS_PER_MINUTE:
        raise RequestRefused(
            429, reason("refused-tests-often", most=TESTS_PER_MINUTE), headers={"Retry-After": str(wait)}
        )
    return access


def named(access: Access, group: str, name: str) -> Any:
    """The account of that name, as far as this token sees all of it; 404."""
    sees = access.sees_all_of if group == "pbx" else access.sees_crm
    accounts = access.settings.pbx if group == "pbx" else access.settings.crm
    if name not in accounts or not sees(name):
        raise RequestRefused(404, reason("refused-not-there"))
    return accounts[name]


def text(told: dict[str, Any], name: str, most: int = VALUE_CHARACTERS) -> str:
    """A field as text, "" without one; 400 for anything else."""
    value = told.get(name, "")
    if not isinstance(value, str) or len(value) > most:
        raise RequestRefused(400, reason("refused-too-long", name=name, most=most))
    return value.strip()
