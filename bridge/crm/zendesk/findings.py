"""What the doctor and the console's "test" tell of an account; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.core.finding import Finding, Grade
from bridge.crm.zendesk import users, wire
from bridge.crm.zendesk.account import Account

PROBED_NUMBER = "+15550100"
"""Reserved for fiction: nobody has it."""
CREDENTIALS = "see Zendesk's Admin Center, Apps and integrations, APIs; then renew the keys of this section"


def of_login(what: str, user: Mapping[str, Any]) -> Finding:
    """Whose requests these are. Zendesk answers 200 with an anonymous user to whom it does not know."""
    number, role = wire.id_of(user), wire.text(user, "role")
    if number is None:
        return Finding(what, Grade.FAIL, "answers, but to nobody: it does not know these credentials", CREDENTIALS)
    if role not in users.AGENT_ROLES:
        fix = "authorize the OAuth client as an agent: end users may neither search nor display"
        return Finding(what, Grade.FAIL, f"the requests are those of an {role or 'unknown role'}", fix)
    return Finding(what, Grade.OK, f"signed in as {role} {number}; users can be searched")


def of_settings(what: str, account: Account) -> Iterator[Finding]:
    """What will be so one day, or cannot be tried without opening a page in somebody's browser."""
    if not account.has_oauth:
        fix = "make an OAuth client, and set client_id, client_secret and refresh_token"
        yield Finding(what, Grade.WARN, "uses an API token: Zendesk ends them all on 2027-04-30", fix)
    if account.takes_popups:
        yield Finding(what, Grade.OK, "displaying needs Talk Partner Edition: only a popup shows whether it is there")
