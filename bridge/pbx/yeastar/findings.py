"""What the doctor is told about an account's rights, its trunks and its transport; pure."""

from collections.abc import Set
from urllib.parse import urlsplit

from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import reason

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def of(what: str, base_url: str, listed: Set[str] | None, has_call_without_other_side: bool) -> list[Finding]:
    """What was found: the extensions `listed` (None: no right to), and whether a call had only one side."""
    found = [_of_extensions(what, listed)]
    if has_call_without_other_side:
        found.append(_warn(what, "one-sided", "monitor-trunks"))
    if not _is_safe(base_url):
        found.append(_warn(what, "not-encrypted", "use-https"))
    return found


def _of_extensions(what: str, listed: Set[str] | None) -> Finding:
    if listed is None:
        return _warn(what, "extensions-refused", "allow-extensions")
    if not listed:
        return _warn(what, "no-extensions", "allow-extensions")
    return worded(what, Grade.OK, reason("yeastar.extensions", count=len(listed)))


def _warn(what: str, told: str, fix: str) -> Finding:
    return worded(what, Grade.WARN, reason(f"yeastar.{told}"), reason(f"yeastar.{fix}"))


def _is_safe(base_url: str) -> bool:
    """Whether nobody on the way can read what is asked."""
    parts = urlsplit(base_url)
    return parts.scheme == "https" or parts.hostname in LOOPBACK
