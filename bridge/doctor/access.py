"""Tokens that show nothing: their agent has no row in the directory, or their CRM is not in the settings."""

from redis.exceptions import RedisError

from bridge.agents.access import has_row
from bridge.core.finding import Finding, Grade, counted
from bridge.services import Services
from bridge.store import tokens
from bridge.store.tokens import Grant, Kind

NAMED = 5
FIX = "add the row again, or: popbridge token revoke ID; popbridge token list names all"


async def of_tokens(services: Services) -> list[Finding]:
    """Which tokens, by their ids; sessions end with their tokens and are not counted."""
    try:
        grants = [grant for grant in await tokens.every(services.redis) if grant.kind is Kind.TOKEN or not grant.parent]
    except (RedisError, OSError):
        return [Finding("tokens", Grade.WARN, "unknown: Redis is unavailable", "fix redis first")]
    await services.agents.refresh()
    directory = services.agents.directory()
    rowless = [one for one in grants if services.agents.is_complete and not has_row(one, directory)]
    crmless = [one for one in grants if not {*one.crms} <= {*services.settings.crm}]
    found = []
    if rowless:
        found.append(
            Finding("tokens", Grade.WARN, f"{_named(rowless)}: the agent has no row, so nothing is shown", FIX)
        )
    if crmless:
        message = f"{_named(crmless)}: limited to a CRM that is not in the settings"
        found.append(Finding("tokens", Grade.WARN, message, "popbridge token revoke ID; popbridge token create"))
    return found or [Finding("tokens", Grade.OK, counted(len(grants), "token"))]


def _named(grants: list[Grant]) -> str:
    ids = ", ".join(grant.token_id for grant in grants[:NAMED])
    return f"{len(grants)} token{'s' * (len(grants) != 1)} ({ids}{', …' * (len(grants) > NAMED)})"
