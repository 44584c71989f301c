"""What a probe finds: a right missing or too many, a setting that is not there, a way that is not safe; pure."""

from collections.abc import Set
from urllib.parse import SplitResult

from bridge.core.errors import PbxRefused
from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Reply
from bridge.pbx.asterisk.ami import is_error
from bridge.pbx.asterisk.ari import FORBIDDEN
from bridge.pbx.asterisk.legs import DNID, LINKEDID, RECORDING
from bridge.pbx.contract import Listing

RIGHTS = "in manager.conf give this user read = call,reporting,agent and write = reporting; manager reload"
FIXES = {
    "asterisk.no-web-manager": "webenabled = yes in manager.conf, enabled = yes in http.conf; restart Asterisk",
    "asterisk.login-refused": "compare username and password with manager.conf, and permit there with this machine's"
    " address; manager reload",
    "asterisk.no-right": RIGHTS,
    "asterisk.no-ari": "enabled = yes in ari.conf and http.conf; just after a start wait until Asterisk has booted",
    "asterisk.no-linkedid": "add CHANNEL(linkedid) to channelvars in ari.conf; module reload res_ari.so",
}
ANYTHING_ELSE = "check base_url, username, password and interface in the settings, and the addresses allowed there"
LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def refused(what: str, error: PbxRefused) -> Finding:
    """Why nothing could be asked, and what to change on Asterisk."""
    return Finding(what, Grade.FAIL, str(error), FIXES.get(error.reason.code, ANYTHING_ELSE))


def of_extensions(what: str, known: frozenset[str] | None, listing: Listing) -> Finding:
    """Whether an idle extension can be told from one that does not exist."""
    if known is None:
        told = "it lists no hints and no device states: an extension that does not exist looks idle"
        return Finding(what, Grade.WARN, told, "add hints to the dialplan: exten => 101,hint,PJSIP/101")
    strange = sorted(set(listing.extensions) - known)
    if strange:
        told = f"{len(strange)} extensions have calls and neither hint nor device state: when idle they look unknown"
        return Finding(what, Grade.WARN, told, "add hints for them to the dialplan: exten => 101,hint,PJSIP/101")
    return Finding(what, Grade.OK, f"{len(known)} endpoints are known")


def of_transport(what: str, url: SplitResult) -> Finding | None:
    """Whether password and callers' numbers travel in the clear."""
    if url.scheme == "https" or url.hostname in LOOPBACK:
        return None
    fix = "tlsenable = yes in http.conf with a certificate, and https:// and its port in base_url; or a private network"
    return Finding(what, Grade.WARN, "it is asked over http: password and numbers travel unencrypted", fix)


def of_queues(what: str, reply: Reply) -> Finding | None:
    """Whether queues may be listed."""
    return Finding(what, Grade.WARN, "it may not list queues", RIGHTS) if is_error(reply) else None


def of_commands(what: str, reply: Reply) -> Finding | None:
    """Whether this user could do more than look."""
    if is_error(reply):
        return None
    return Finding(what, Grade.WARN, "its user may run commands: that is more than popbridge needs", RIGHTS)


def of_channelvars(what: str, given: Set[str], wanted: Set[str]) -> Finding | None:
    """What ari.conf leaves out, and what must not be there. Without a call there is nothing to see it on."""
    forbidden = sorted(name for name in given if name.startswith(FORBIDDEN))
    if forbidden:
        told = f"channelvars in ari.conf has {', '.join(forbidden)}: Asterisk may stop at the next call"
        return Finding(what, Grade.FAIL, told, "take it out at once; module reload res_ari.so")
    missing = sorted(wanted - given - {RECORDING})
    if not given:
        told = f"no call at the moment: whether channelvars in ari.conf has {LINKEDID} and {DNID} could not be seen"
        return Finding(what, Grade.OK, told, "call somebody and try again")
    if not missing:
        return None
    told = f"channelvars in ari.conf leaves out {', '.join(missing)}: the number dialled or custom data will be missing"
    return Finding(what, Grade.WARN, told, f"add them: channelvars = {','.join(sorted(wanted | {LINKEDID}))}")


def of_writing(what: str, reply: Reply) -> Finding | None:
    """Whether this user could do more than look."""
    if reply.status == 403:
        return None
    return Finding(what, Grade.WARN, "its user may change calls", "read_only = yes for this user in ari.conf")
