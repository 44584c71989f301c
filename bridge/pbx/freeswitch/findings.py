"""What the doctor is told about an account's rights and its domain; pure."""

from collections.abc import Iterable

from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import reason

Users = frozenset[tuple[str, str]]


def of(what: str, domain: str | None, users: Users | None, realms: Iterable[str], may_dump: bool) -> list[Finding]:
    """What was found: `users` (None: none listed), the `realms` in which phones are registered, whether variables may
    be read."""
    domains = {realm.casefold() for realm in (*realms, *(realm for _, realm in users or ())) if realm}
    found = [_of_users(what, domain, users), _of_domain(what, domain, domains)]
    return found if may_dump else [*found, _warn(what, "variables-refused", "allow-dump")]


def _of_users(what: str, domain: str | None, users: Users | None) -> Finding:
    if users is None:
        return _warn(what, "no-users", "idle-is-guessed")
    mine = {user for user, realm in users if domain is None or realm.casefold() == domain.casefold()}
    return worded(what, Grade.OK, reason("freeswitch.users", count=len(mine)))


def _of_domain(what: str, domain: str | None, domains: set[str]) -> Finding:
    if domain is None and len(domains) > 1:
        told, fix = reason("freeswitch.several-domains"), reason("freeswitch.set-domain")
        return worded(what, Grade.FAIL, told, fix)
    if domain is not None and domains and domain.casefold() not in domains:
        return _warn(what, "domain-unseen", "set-domain")
    return worded(what, Grade.OK, reason("freeswitch.domain-right"))


def _warn(what: str, told: str, fix: str) -> Finding:
    return worded(what, Grade.WARN, reason(f"freeswitch.{told}"), reason(f"freeswitch.{fix}"))
