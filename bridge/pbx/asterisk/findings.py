"""What a probe finds: a right missing or too many, a setting that is not there, a way that is not safe; pure."""

from collections.abc import Set
from urllib.parse import SplitResult

from bridge.core.errors import PbxRefused
from bridge.core.finding import Finding, Grade, worded
from bridge.core.http_types import Reply
from bridge.core.reasons import Reason, reason
from bridge.pbx.asterisk.ami import is_error
from bridge.pbx.asterisk.ari import FORBIDDEN
from bridge.pbx.asterisk.legs import DNID, LINKEDID, RECORDING
from bridge.pbx.contract import Listing

RIGHTS = Reason("asterisk.fix-rights")
HINTS = Reason("asterisk.fix-hints")
FIXES = {
    "asterisk.no-web-manager": Reason("asterisk.fix-web-manager"),
    "asterisk.login-refused": Reason("asterisk.fix-login"),
    "asterisk.no-right": RIGHTS,
    "asterisk.no-ari": Reason("asterisk.fix-ari"),
    "asterisk.no-linkedid": Reason("asterisk.fix-linkedid"),
}
ANYTHING_ELSE = Reason("asterisk.fix-access")
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def refused(what: str, error: PbxRefused) -> Finding:
    """Why nothing could be asked, and what to change on Asterisk."""
    return worded(what, Grade.FAIL, error.reason, FIXES.get(error.reason.code, ANYTHING_ELSE))


def of_extensions(what: str, known: frozenset[str] | None, listing: Listing) -> Finding:
    """Whether an idle extension can be told from one that does not exist."""
    if known is None:
        return worded(what, Grade.WARN, Reason("asterisk.found-no-hints"), HINTS)
    strange = sorted(set(listing.extensions) - known)
    if strange:
        return worded(what, Grade.WARN, reason("asterisk.found-unhinted", count=len(strange)), HINTS)
    return worded(what, Grade.OK, reason("asterisk.found-endpoints", count=len(known)))


def of_transport(what: str, url: SplitResult) -> Finding | None:
    """Whether password and callers' numbers travel in the clear."""
    if url.scheme == "https" or url.hostname in LOOPBACK:
        return None
    return worded(what, Grade.WARN, Reason("asterisk.found-in-the-clear"), Reason("asterisk.fix-tls"))


def of_queues(what: str, reply: Reply) -> Finding | None:
    """Whether queues may be listed."""
    return worded(what, Grade.WARN, Reason("asterisk.found-no-queues"), RIGHTS) if is_error(reply) else None


def of_commands(what: str, reply: Reply) -> Finding | None:
    """Whether this user could do more than look."""
    return None if is_error(reply) else worded(what, Grade.WARN, Reason("asterisk.found-commands"), RIGHTS)


def of_channelvars(what: str, given: Set[str], wanted: Set[str]) -> Finding | None:
    """What ari.conf leaves out, and what must not be there. Without a call there is nothing to see it on."""
    forbidden = sorted(name for name in given if name.startswith(FORBIDDEN))
    if forbidden:
        told = reason("asterisk.found-forbidden", names=forbidden)
        return worded(what, Grade.FAIL, told, Reason("asterisk.fix-forbidden"))
    missing = sorted(wanted - given - {RECORDING})
    if not given:
        told = reason("asterisk.found-no-call", names=[LINKEDID, DNID])
        return worded(what, Grade.OK, told, Reason("asterisk.fix-no-call"))
    if not missing:
        return None
    add = reason("asterisk.fix-channelvars", names=",".join(sorted(wanted | {LINKEDID})))
    return worded(what, Grade.WARN, reason("asterisk.found-missing", names=missing), add)


def of_writing(what: str, reply: Reply) -> Finding | None:
    """Whether this user could do more than look."""
    if reply.status == 403:
        return None
    return worded(what, Grade.WARN, Reason("asterisk.found-writes"), Reason("asterisk.fix-writes"))
