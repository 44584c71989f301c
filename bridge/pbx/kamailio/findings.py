"""What a probe finds: what the script leaves out, what may not be asked, what may be asked too much; pure."""

from collections.abc import Iterable
from urllib.parse import SplitResult

from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.pbx.kamailio.calls import Rules
from bridge.pbx.kamailio.dialogs import ENDED, Dialog

LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def of_variables(what: str, dialogs: Iterable[Dialog], rules: Rules) -> Finding:
    """Whether the script says whose phone a call rings on. Without a call there is nothing to see it on."""
    live = [dialog for dialog in dialogs if dialog.state != ENDED]
    if not live:
        return worded(what, Grade.OK, _said("no-call-to-see", variable=rules.callee), _said("call-somebody"))
    if not any(dialog.said(rules.callee) for dialog in live):
        return _warn(what, _said("no-callee", variable=rules.callee), "set-callee")
    return worded(what, Grade.OK, _said("callee-set", variable=rules.callee))


def of_registered(what: str, known: frozenset[str] | None) -> Finding:
    """Whether an idle extension can be told from one that does not exist."""
    if known is None:
        return _warn(what, _said("no-users"), "allow-users")
    return worded(what, Grade.OK, _said("users", count=len(known)))


def of_rights(what: str, may_anything: bool) -> Finding | None:
    """Whether whoever may ask may also end calls or stop the proxy."""
    return _warn(what, _said("may-anything"), "allow-two-methods") if may_anything else None


def of_transport(what: str, url: SplitResult, has_password: bool) -> Finding | None:
    """Whether callers' numbers and the password travel in the clear, or anybody may ask."""
    if url.hostname in LOOPBACK:
        return None
    if not has_password:
        return _warn(what, _said("no-password"), "set-password")
    return None if url.scheme == "https" else _warn(what, _said("in-the-clear"), "use-tls")


def _said(code: str, **params: object) -> Reason:
    return reason(f"kamailio.{code}", **params)


def _warn(what: str, told: Reason, fix: str) -> Finding:
    return worded(what, Grade.WARN, told, _said(fix))
