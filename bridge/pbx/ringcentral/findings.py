"""What the doctor is told about an account's rights, its limit and its subscriptions; pure."""

from collections.abc import Mapping, Sequence
from urllib.parse import urlsplit

from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import reason
from bridge.pbx.ringcentral.wire import Subscription

LOOPBACK = {"localhost", "127.0.0.1", "::1"}
ACTIVE = "Active"


def of(
    what: str, base_url: str, numbers: Mapping[str, str], hidden: int, subscriptions: Sequence[Subscription] | None
) -> list[Finding]:
    """What was found: the extensions' `numbers` by their ids, of how many the calls may not be seen, and the
    subscriptions to its events (None: none are needed)."""
    found = [_of_extensions(what, len(numbers))]
    if hidden:
        found.append(_counted(what, Grade.WARN, "hidden-ones", hidden, "show-presence"))
    found += _of_subscriptions(what, numbers, subscriptions) if subscriptions is not None else []
    if not _is_safe(base_url):
        found.append(_finding(what, Grade.WARN, "not-encrypted", "use-https"))
    return found


def _of_subscriptions(what: str, numbers: Mapping[str, str], made: Sequence[Subscription]) -> list[Finding]:
    """Those that are none, have stopped, or would show one agent another's calls."""
    stopped = sum(one.status != ACTIVE for one in made)
    wrong = sum(bool(one.extension) and {numbers.get(each) for each in one.ids} != {one.extension} for one in made)
    found = [] if made else [_finding(what, Grade.WARN, "no-subscription", "subscribe")]
    if stopped:
        found.append(_counted(what, Grade.WARN, "subscriptions-stopped", stopped, "subscribe"))
    if wrong:
        found.append(_counted(what, Grade.FAIL, "subscriptions-wrong", wrong, "subscribe-anew"))
    return found


def _of_extensions(what: str, count: int) -> Finding:
    if not count:
        return _finding(what, Grade.FAIL, "no-extensions", "grant-rights")
    return worded(what, Grade.OK, reason("ringcentral.extensions", count=count))


def _counted(what: str, grade: Grade, told: str, count: int, fix: str) -> Finding:
    return worded(what, grade, reason(f"ringcentral.{told}", count=count), reason(f"ringcentral.{fix}"))


def _finding(what: str, grade: Grade, told: str, fix: str) -> Finding:
    return worded(what, grade, reason(f"ringcentral.{told}"), reason(f"ringcentral.{fix}"))


def _is_safe(base_url: str) -> bool:
    """Whether nobody on the way can read what is asked."""
    parts = urlsplit(base_url)
    return parts.scheme == "https" or parts.hostname in LOOPBACK
