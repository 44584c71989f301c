"""What the doctor and the console's "test" tell of an account; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.crm.zendesk import users, wire
from bridge.crm.zendesk.account import Account

PROBED_NUMBER = "+15550100"
"""Reserved for fiction: nobody has it."""
CREDENTIALS = Reason("zendesk.fix-credentials")


def of_login(what: str, user: Mapping[str, Any]) -> Finding:
    """Whose requests these are. Zendesk answers 200 with an anonymous user to whom it does not know."""
    number, role = wire.id_of(user), wire.text(user, "role")
    if number is None:
        return worded(what, Grade.FAIL, Reason("zendesk.found-nobody"), CREDENTIALS)
    if role not in users.AGENT_ROLES:
        told = reason("zendesk.found-role", role=role[:40] or Reason("zendesk.role-unknown"))
        return worded(what, Grade.FAIL, told, Reason("zendesk.fix-role"))
    return worded(what, Grade.OK, reason("zendesk.found-login", role=role, number=number))


def of_settings(what: str, account: Account) -> Iterator[Finding]:
    """What will be so one day, or cannot be tried without opening a page in somebody's browser."""
    if not account.has_oauth:
        yield worded(what, Grade.WARN, Reason("zendesk.found-api-token"), Reason("zendesk.fix-oauth"))
    if account.takes_popups:
        yield worded(what, Grade.OK, Reason("zendesk.found-untried"))
