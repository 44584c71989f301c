"""Whether the API user's key and role suffice: what the doctor and the console's test show."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade, worded
from bridge.core.http_types import Reply
from bridge.core.reasons import Reason, reason
from bridge.core.session import Session
from bridge.crm.espocrm import wire
from bridge.crm.espocrm.wire import Access
from bridge.crm.replies import object_in

KEY = Reason("espocrm.fix-key")
ADDRESS = Reason("espocrm.fix-address")


async def probe(access: Access, session: Session, scopes: Iterable[str], popup: str, logs: bool) -> list[Finding]:
    """One finding for each right that is needed."""
    what = f"crm {session.name}"
    needed = [*scopes, "User"]
    replies = [(scope, await session.send(access.get(f"{scope}?select=id&maxSize=1"), True)) for scope in needed]
    read = [_may_read(what, scope, reply) for scope, reply in replies]
    own = await session.send(access.get("App/user"), True)
    return [*dict.fromkeys(read), *_may_write(what, own, popup, logs)]


def _may_read(what: str, scope: str, reply: Reply) -> Finding:
    refused = wire.refusal(reply)
    if refused is None:
        try:
            wire.records(reply)
        except SearchFailed as failed:
            return worded(what, Grade.FAIL, failed.reason, ADDRESS)
        return worded(what, Grade.OK, reason("espocrm.found-reads", scope=scope))
    if refused.code == "espocrm.no-right":
        told = reason("espocrm.found-reads-not", scope=scope, told=refused.params["told"])
        return worded(what, Grade.FAIL, told, _in_role(f"{scope} read: all"))
    return worded(what, Grade.FAIL, refused, KEY if refused.code == "espocrm.wrong-key" else ADDRESS)


def _may_write(what: str, reply: Reply, popup: str, logs: bool) -> Iterator[Finding]:
    if reply.status == 401:
        return
    rights = _rights(reply)
    if rights is None:
        yield worded(what, Grade.WARN, Reason("espocrm.found-rights-hidden"))
        return
    calls = rights["table"].get("Call")
    if popup == "call" or logs:
        for action, level in (("create", "yes"), ("read", "all"), ("edit", "all")):
            has = isinstance(calls, Mapping) and calls.get(action) not in (None, "no", False)
            yield _right(what, has, f"calls-{action}", f"Call {action}: {level}")
        has = rights.get("assignmentPermission") in ("all", "team", True)
        yield _right(what, has, "calls-give", "Assignment Permission: all")
    if popup == "note":
        has = rights.get("messagePermission") in ("all", "team", True)
        yield _right(what, has, "notes-send", "Message Permission: all")
    has = isinstance(rights["table"].get("Contact"), Mapping) and rights["table"]["Contact"].get("create") == "yes"
    if not has:
        yield worded(what, Grade.OK, Reason("espocrm.found-no-new-contacts"))


def _right(what: str, has: bool, action: str, right: str) -> Finding:
    if has:
        return worded(what, Grade.OK, reason("espocrm.found-may", action=Reason(f"espocrm.may-{action}")))
    told = reason("espocrm.found-may-not", action=Reason(f"espocrm.may-{action}"))
    return worded(what, Grade.FAIL, told, _in_role(right))


def _in_role(right: str) -> Reason:
    return reason("espocrm.fix-role", right=right)


def _rights(reply: Reply) -> dict[str, Any] | None:
    rights = (object_in(reply) or {}).get("acl")
    return rights if isinstance(rights, dict) and isinstance(rights.get("table"), dict) else None
