"""Tokens that show nothing: their agent has no row in the directory, or their CRM is not in the settings."""

from redis.exceptions import RedisError

from bridge.agents.access import has_row
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.services import Services
from bridge.store import tokens
from bridge.store.tokens import Grant, Kind

NAMED = 5


async def of_tokens(services: Services) -> list[Finding]:
    """Which tokens, by their ids; sessions end with their tokens and are not counted."""
    try:
        grants = [grant for grant in await tokens.every(services.redis) if grant.kind is Kind.TOKEN or not grant.parent]
    except (RedisError, OSError):
        return [worded("tokens", Grade.WARN, Reason("found-unknown"), Reason("fix-redis-first"))]
    await services.agents.refresh()
    directory = services.agents.directory()
    rowless = [one for one in grants if services.agents.is_complete and not has_row(one, directory)]
    crmless = [one for one in grants if not {*one.crms} <= {*services.settings.crm}]
    found = []
    if rowless:
        found.append(
            worded("tokens", Grade.WARN, _named("found-tokens-rowless", rowless), Reason("fix-tokens-rowless"))
        )
    if crmless:
        found.append(
            worded("tokens", Grade.WARN, _named("found-tokens-crmless", crmless), Reason("fix-tokens-crmless"))
        )
    return found or [worded("tokens", Grade.OK, reason("found-tokens", count=len(grants)))]


def _named(code: str, grants: list[Grant]) -> Reason:
    ids = [grant.token_id for grant in grants[:NAMED]]
    return Reason(code, {"count": len(grants), "ids": [*ids, "…"] if len(grants) > NAMED else ids})
