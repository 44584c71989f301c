"""What the doctor is told about an account's members and its transport; pure."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from bridge.core.finding import Finding, Grade
from bridge.core.reasons import reason, say

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def of(what: str, base_url: str, members: Mapping[str, frozenset[str]]) -> list[Finding]:
    """What was found: the members of each extension."""
    several = sum(len(each) > 1 for each in members.values())
    found = [_counted(what, Grade.OK, "extensions", len(members))]
    if not members:
        found = [Finding(what, Grade.FAIL, say(reason("webex.no-extensions")), say(reason("webex.grant-rights")))]
    if several:
        found.append(_counted(what, Grade.WARN, "shared", several, "set-location"))
    if not _is_safe(base_url):
        found.append(Finding(what, Grade.WARN, say(reason("webex.not-encrypted")), say(reason("webex.use-https"))))
    return found


def _counted(what: str, grade: Grade, told: str, count: int, fix: str = "") -> Finding:
    return Finding(what, grade, say(reason(f"webex.{told}", count=count)), say(reason(f"webex.{fix}")) if fix else "")


def _is_safe(base_url: str) -> bool:
    """Whether nobody on the way can read what is asked."""
    parts = urlsplit(base_url)
    return parts.scheme == "https" or parts.hostname in LOOPBACK
