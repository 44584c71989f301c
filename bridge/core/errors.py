"""The one error tree. Expected outcomes are values (`domain.Outcome`); these are the failures.

PopbridgeError
├── SettingsError           the settings are wrong: every problem, one line each
├── ClickRefused            the click was not accepted; answered as problem+json with `reason` and `status`
│   ├── Malformed           400
│   ├── BadSignature        401  one text for every way it can fail
│   ├── OriginRefused       403  a page's script, from an origin that the CRM does not list
│   ├── UnknownCrm          404
│   ├── UnknownPbx          404
│   ├── TooLarge            413
│   ├── UnsupportedMediaType 415
│   ├── TooManyClicks       429
│   └── Unavailable         503  Redis is away: nothing was accepted
│       └── Overload        503  more clicks wait than can be answered soon
├── PbxError                the phone system gave no list of calls; becomes the click's outcome
│   ├── PbxRefused          credentials, address or permission
│   ├── PbxUnreachable      no connection, timeout, 5xx
│   └── PbxUnintelligible   an answer that cannot be read as the vendor's
├── RequestFailed           no usable HTTP answer (connection, timeout, too large)
├── RateLimited             the vendor's limit is used up: not sent
├── TokenRefused            the vendor gives no access token for the credentials
├── SearchFailed            the CRM gave no usable answer to a search, a lookup of an agent or a call record
├── SigninFailed            nobody is signed in by the identity provider: `code` says why
├── EmbeddedRedisFailed     popbridge's own Redis did not start
├── CannotListen            the web door's address cannot be used
├── RedisUnfit              this Redis cannot be used, or (strict) may lose what it accepted
└── ArchiveUnfit            the audit archive cannot be used as it is, or not for this
"""

from collections.abc import Sequence

from bridge.core.model import Outcome
from bridge.core.reasons import Reason, say


class PopbridgeError(Exception):
    """Root of every failure this program raises on purpose. Its text never holds a secret or a caller's number."""


class SettingsError(PopbridgeError):
    """The settings, or the agents' file, cannot be used. `problems` has one line each in English, naming source, key
    and what is allowed; `reasons` are the same as data, as far as they were given so."""

    def __init__(self, problems: Sequence[str | Reason]) -> None:
        found = {str(one): one for one in problems}
        super().__init__("\n".join(found))
        self.problems = list(found)
        self.reasons = [one if isinstance(one, Reason) else Reason("as-told", {"what": one}) for one in found.values()]


class ClickRefused(PopbridgeError):
    """A click that was not accepted. `reason` is stable: CRM admins and metrics rely on it.

    `detail` is what the sender is told; where it was given as a reason, `said` is that, for pages. `cause` is for the
    operator alone: `popbridge clicks`, the console, the log.
    """

    status = 400
    reason = "malformed"
    title = "The request cannot be read"

    def __init__(self, detail: str | Reason, retry_after: int | None = None, cause: Reason | None = None) -> None:
        super().__init__(str(detail))
        self.detail = str(detail)
        self.said = detail if isinstance(detail, Reason) else None
        self.retry_after = retry_after
        self.cause = cause


class Malformed(ClickRefused):
    """The body or the query does not say whose calls to look up."""


class BadSignature(ClickRefused):
    """Neither signature nor token proves the sender. One text for all cases: it must teach an attacker nothing. The
    `cause` says which proof failed and how, without any part of a secret or a signature."""

    status = 401
    reason = "bad-signature"
    title = "The click is not signed by this CRM"

    def __init__(self, cause: Reason | None = None) -> None:
        super().__init__(
            "The sender could not be authenticated: the click is not signed, or its signature or token is wrong or"
            " expired. The guide of this CRM says how its clicks prove where they come from.",
            cause=cause,
        )


class OriginRefused(ClickRefused):
    """A browser asks whether a page's script may send a click, and the CRM does not list its origin. The page itself
    learns nothing of it, so it is kept for the operator."""

    status = 403
    reason = "origin-not-listed"
    title = "This page's origin is not listed"


class UnknownCrm(ClickRefused):
    """No such CRM in the settings."""

    status = 404
    reason = "unknown-crm"
    title = "No such CRM"


class UnknownPbx(ClickRefused):
    """No such phone system in the settings, or it sends no events."""

    status = 404
    reason = "unknown-pbx"
    title = "No such phone system"


class TooLarge(ClickRefused):
    """The body is over the limit."""

    status = 413
    reason = "too-large"
    title = "The click is too large"


class UnsupportedMediaType(ClickRefused):
    """Neither JSON nor a form."""

    status = 415
    reason = "unsupported-media-type"
    title = "Send JSON or a form"


class TooManyClicks(ClickRefused):
    """Over the CRM's rate or the agent's, or too many failed proofs from one address."""

    status = 429
    reason = "too-many-clicks"
    title = "Too many clicks"


class Unavailable(ClickRefused):
    """Redis cannot be reached, so nothing was accepted; the sender tries again."""

    status = 503
    reason = "unavailable"
    title = "Try again shortly"


class Overload(Unavailable):
    """More clicks wait in this process than it can answer soon; the sender tries again."""

    AFTER_SECONDS = 1

    def __init__(self) -> None:
        super().__init__("Too many clicks are waiting in this process", self.AFTER_SECONDS)


class PbxError(PopbridgeError):
    """The phone system gave no list of calls. `reason` says why; the text is its English sentence."""

    outcome = Outcome.PBX_UNREACHABLE

    def __init__(self, reason: Reason) -> None:
        super().__init__(say(reason))
        self.reason = reason


class PbxRefused(PbxError):
    """The phone system refused our credentials, our address or the question."""

    outcome = Outcome.PBX_REFUSED


class PbxUnreachable(PbxError):
    """No connection, a timeout, or a server error of the phone system."""

    outcome = Outcome.PBX_UNREACHABLE


class PbxUnintelligible(PbxError):
    """The phone system answered something that is not its own documented shape."""

    outcome = Outcome.PBX_UNINTELLIGIBLE


class RequestFailed(PopbridgeError):
    """No usable HTTP answer. `cause` is a short kebab word: it goes into attempts and metrics."""

    def __init__(self, cause: str, reason: Reason) -> None:
        super().__init__(say(reason))
        self.cause = cause
        self.reason = reason


class RateLimited(PopbridgeError):
    """The vendor's rate limit is used up by all processes together. `after`: seconds until it is worth trying again."""

    def __init__(self, after: float) -> None:
        self.reason = Reason("rate-limited", {"seconds": round(after, 1)})
        super().__init__(say(self.reason))
        self.after = after


class TokenRefused(PopbridgeError):
    """The vendor gives no access token for the credentials of the settings."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(say(reason))
        self.reason = reason


class SearchFailed(PopbridgeError):
    """The CRM gave no usable answer to a search, a lookup of an agent, or a call record."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(say(reason))
        self.reason = reason


class EmbeddedRedisFailed(PopbridgeError):
    """popbridge's own Redis did not start; the text says why and what to do."""


class CannotListen(PopbridgeError):
    """The web door's address is taken or not this machine's."""


class RedisUnfit(PopbridgeError):
    """This Redis must not be used. `problems` are why, each with its fix; `lines` the same in English."""

    def __init__(self, problems: list[tuple[Reason, Reason]]) -> None:
        self.problems = problems
        self.lines = [f"{why}; fix: {fix}" for why, fix in problems]
        super().__init__("; ".join(self.lines))


class ArchiveUnfit(PopbridgeError):
    """The audit archive cannot be used as it is, or not for what was asked; the text says what to do."""


class SigninFailed(PopbridgeError):
    """Nobody is signed in by the identity provider. `code` is stable and names the words for the page; `cause` is for
    the operator's log and holds no token, code or claim; it is a reason where the doctor may show it. `is_final` says
    that asking the provider again cannot help."""

    def __init__(self, code: str, cause: Reason | str, is_final: bool = True) -> None:
        super().__init__(f"{code}: {cause}")
        self.code, self.cause, self.is_final = code, cause, is_final
