"""What the doctor and the console's "test" tell of an account."""

from collections.abc import Iterator

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.crm.contract import SearchNumber
from bridge.crm.hubspot import wire
from bridge.crm.hubspot.account import Account
from bridge.crm.hubspot.api import OWNERS, Api

PROBED = SearchNumber("+15550100", "5550100", "US", ())
"""Reserved for fiction: nobody has it."""
Question = tuple[str, str, str, object]
"""The scope that it needs, method, path and body."""


def scopes(account: Account) -> list[str]:
    """The rights that the app needs, and no more."""
    kinds = [f"crm.objects.{kind}.read" for kind in account.search_in]
    return sorted({"crm.objects.owners.read", "crm.objects.contacts.read", "crm.objects.contacts.write", *kinds})


def _questions(account: Account) -> Iterator[Question]:
    yield "crm.objects.owners.read", "GET", f"{OWNERS}?limit=1", None
    for kind in account.search_in:
        yield f"crm.objects.{kind}.read", "GET", f"{wire.path(kind)}?limit=1", None
    if account.log_calls or account.takes_popups:
        yield "crm.objects.contacts.read", "GET", f"{wire.path('calls')}?limit=1", None


async def probe(api: Api) -> list[Finding]:
    """Whether the token works, and which rights it lacks. Whether it may write shows only when something is written."""
    what = f"crm {api.session.name}"
    lacking = [scope for scope in [await _lacking(api, one) for one in _questions(api.account)] if scope]
    if not lacking:
        return [worded(what, Grade.OK, Reason("hubspot.found-search"))]
    told = reason("hubspot.found-lacks", scopes=list(dict.fromkeys(lacking)))
    return [worded(what, Grade.FAIL, told, Reason("hubspot.fix-scopes"))]


async def _lacking(api: Api, question: Question) -> str | None:
    """The right that is missing for a question; None where it is answered. Raises as `Api.ask` for anything else."""
    scope, method, path, body = question
    try:
        await api.ask(method, path, body, repeatable=True)
    except SearchFailed as failed:
        if failed.reason.params.get("status") != 403:
            raise
        return scope
    return None
