"""What the doctor and the console's "test" tell of an account; pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.crm.bitrix24 import wire
from bridge.crm.bitrix24.account import Account

PROBED_NUMBER = "+15550100"
"""Reserved for fiction: nobody has it."""
USERS = ("user", "user_basic")
"""Either lets e-mail addresses be read."""


def of_profile(what: str, account: Account, told: Mapping[str, Any]) -> Finding:
    """Whose requests these are."""
    number = wire.id_of(told.get("ID"))
    if number is None:
        return worded(what, Grade.FAIL, Reason("bitrix24.found-no-portal"), Reason("bitrix24.fix-address"))
    if account.has_application:
        return worded(what, Grade.OK, reason("bitrix24.found-application", user=number))
    return worded(what, Grade.OK, reason("bitrix24.found-hook", user=number))


def needed(account: Account) -> Iterator[tuple[Reason, tuple[str, ...]]]:
    """What is not possible without which scope (any of them)."""
    yield Reason("bitrix24.for-search"), ("crm",)
    yield Reason("bitrix24.for-agents"), USERS
    if account.shows == "card" or account.log_calls:
        yield Reason("bitrix24.for-calls"), ("telephony",)
    if account.shows != "none":
        yield Reason("bitrix24.for-notices"), ("im",)


def of_scopes(what: str, account: Account, given: Collection[str]) -> Iterator[Finding]:
    """Which rights are missing, and which are more than is needed."""
    place = Reason("bitrix24.the-application") if account.has_application else "webhook_url"
    for purpose, scopes in needed(account):
        if not set(scopes) & set(given):
            fix = reason("bitrix24.fix-right", place=place, right=scopes[-1])
            yield worded(what, Grade.FAIL, reason("bitrix24.found-right", purpose=purpose, right=scopes[-1]), fix)
    wanted = {scope for _, scopes in needed(account) for scope in scopes} | {"placement", "user_brief"}
    more = sorted(str(scope)[:40] for scope in given if scope not in wanted)
    if more:
        fix = reason("bitrix24.fix-rights", place=place)
        yield worded(what, Grade.WARN, reason("bitrix24.found-rights", rights=more[:10]), fix)
