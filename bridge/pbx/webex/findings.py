"""What the doctor is told about an account's members and its transport; pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import reason

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def of(what: str, base_url: str, members: Mapping[str, frozenset[str]]) -> list[Finding]:
    """What was found: the members of each extension."""
    several = sum(len(each) > 1 for each in members.values())
    found = [_counted(what, Grade.OK, "extensions", len(members))]
    if not members:
        found = [worded(what, Grade.FAIL, reason("webex.no-extensions"), reason("webex.grant-rights"))]
    if several:
        found.append(_counted(what, Grade.WARN, "shared", several, "set-location"))
    if not _is_safe(base_url):
        found.append(worded(what, Grade.WARN, reason("webex.not-encrypted"), reason("webex.use-https")))
    return found


def _counted(what: str, grade: Grade, told: str, count: int, fix: str = "") -> Finding:
    return worded(what, grade, reason(f"webex.{told}", count=count), reason(f"webex.{fix}") if fix else None)


def _is_safe(base_url: str) -> bool:
    """Whether nobody on the way can read what is asked."""
    parts = urlsplit(base_url)
    return parts.scheme == "https" or parts.hostname in LOOPBACK
