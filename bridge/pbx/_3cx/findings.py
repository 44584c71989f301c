"""What the doctor is told about what an account may see; pure."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import reason

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def of(what: str, base_url: str, extensions: int, trunks: Sequence[str]) -> list[Finding]:
    """What was found: how many extensions it may see, and `trunks` with a call whose dialled number is not known."""
    if extensions:
        found = [worded(what, Grade.OK, reason("3cx.extensions", count=extensions))]
    else:
        found = [_finding(what, Grade.FAIL, "no-extensions", "select-extensions")]
    if trunks:
        told = reason("3cx.no-did", trunks=list(trunks))
        found.append(worded(what, Grade.WARN, told, reason("3cx.set-trunk-dids")))
    if not _is_safe(base_url):
        found.append(_finding(what, Grade.WARN, "not-encrypted", "use-https"))
    return found


def _finding(what: str, grade: Grade, told: str, fix: str) -> Finding:
    return worded(what, grade, reason(f"3cx.{told}"), reason(f"3cx.{fix}"))


def _is_safe(base_url: str) -> bool:
    """Whether nobody on the way can read what is asked."""
    parts = urlsplit(base_url)
    return parts.scheme == "https" or parts.hostname in LOOPBACK
