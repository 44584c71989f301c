"""What the doctor and the console's "test" tell of an account; pure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from bridge.core.finding import Finding, Grade
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
        return Finding(what, Grade.FAIL, "answers, but not as a portal does", "check base_url")
    means = "an application" if account.has_application else "a webhook"
    return Finding(what, Grade.OK, f"{means} in the name of user {number}; records can be searched")


def needed(account: Account) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What is not possible without which scope (any of them)."""
    yield "searching callers and writing notes", ("crm",)
    yield "finding agents by their e-mail address", USERS
    if account.shows == "card" or account.log_calls:
        yield "call cards and call history", ("telephony",)
    if account.shows != "none":
        yield "notices, also for callers without a number", ("im",)


def of_scopes(what: str, account: Account, given: Collection[str]) -> Iterator[Finding]:
    """Which rights are missing, and which are more than is needed."""
    place = "the application" if account.has_application else "webhook_url"
    for purpose, scopes in needed(account):
        if not set(scopes) & set(given):
            fix = f"give {place} the right {scopes[-1]} in Developer resources, and authorize it again"
            yield Finding(what, Grade.FAIL, f"{purpose} needs the right {scopes[-1]}", fix)
    wanted = {scope for _, scopes in needed(account) for scope in scopes} | {"placement", "user_brief"}
    more = sorted(str(scope)[:40] for scope in given if scope not in wanted)
    if more:
        fix = f"take them from {place} in Developer resources"
        yield Finding(what, Grade.WARN, f"has more rights than it needs: {', '.join(more[:10])}", fix)
