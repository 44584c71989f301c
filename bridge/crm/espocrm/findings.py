"""Whether the API user's key and role suffice: what the doctor and the console's test show."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bridge.core.errors import SearchFailed
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Reply
from bridge.core.reasons import say
from bridge.core.session import Session
from bridge.crm.espocrm import wire
from bridge.crm.espocrm.wire import Access

ROLES = "in Administration > Roles, in the role of popbridge's API user, set"
KEY = "in Administration > API Users, copy the API key of popbridge's user, active and with authentication by API key"
ADDRESS = "let base_url be the address of EspoCRM's start page, without what follows #"


async def probe(access: Access, session: Session, scopes: Iterable[str], popup: str, logs: bool) -> list[Finding]:
    """One finding for each right that is needed."""
    what = f"crm {session.name}"
    needed = [*scopes, "User"]
    replies = [(scope, await session.send(access.get(f"{scope}?select=id&maxSize=1"), True)) for scope in needed]
    read = [_may_read(what, scope, reply) for scope, reply in replies]
    own = await session.send(access.get("App/user"), True)
    return [*dict.fromkeys(read), *_may_write(what, own, popup, logs)]


def _may_read(what: str, scope: str, reply: Reply) -> Finding:
    reason = wire.refusal(reply)
    if reason is None:
        try:
            wire.records(reply)
        except SearchFailed as failed:
            return Finding(what, Grade.FAIL, say(failed.reason), ADDRESS)
        return Finding(what, Grade.OK, f"may read {scope}")
    if reason.code == "espocrm.no-right":
        return Finding(what, Grade.FAIL, f"may not read {scope}: {reason.params['told']}", f"{ROLES} {scope} read: all")
    return Finding(what, Grade.FAIL, say(reason), KEY if reason.code == "espocrm.wrong-key" else ADDRESS)


def _may_write(what: str, reply: Reply, popup: str, logs: bool) -> Iterator[Finding]:
    if reply.status == 401:
        return
    rights = _rights(reply)
    if rights is None:
        yield Finding(what, Grade.WARN, "EspoCRM does not show this user's rights: whether it may write is unknown")
        return
    calls = rights["table"].get("Call")
    if popup == "call" or logs:
        for action, level in (("create", "yes"), ("read", "all"), ("edit", "all")):
            has = isinstance(calls, Mapping) and calls.get(action) not in (None, "no", False)
            yield _right(what, has, f"{action} calls", f"Call {action}: {level}")
        has = rights.get("assignmentPermission") in ("all", "team", True)
        yield _right(what, has, "give calls to agents", "Assignment Permission: all")
    if popup == "note":
        has = rights.get("messagePermission") in ("all", "team", True)
        yield _right(what, has, "send notes to agents", "Message Permission: all")
    has = isinstance(rights["table"].get("Contact"), Mapping) and rights["table"]["Contact"].get("create") == "yes"
    if not has:
        yield Finding(what, Grade.OK, "may not create contacts: only needed for new contacts from a card")


def _right(what: str, has: bool, told: str, fix: str) -> Finding:
    if has:
        return Finding(what, Grade.OK, f"may {told}")
    return Finding(what, Grade.FAIL, f"may not {told}", f"{ROLES} {fix}")


def _rights(reply: Reply) -> dict[str, Any] | None:
    try:
        rights = json.loads(reply.body)["acl"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return rights if isinstance(rights, dict) and isinstance(rights.get("table"), dict) else None
