"""An id token: whose it is, or why it is not believed (OpenID Connect Core 1.0, section 3.1.3.7); pure."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
from jwt import PyJWK
from jwt.exceptions import InvalidKeyError, InvalidSignatureError, PyJWTError

from bridge.config.models import Oidc
from bridge.core.errors import SigninFailed

ALGORITHMS = ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""Signed by a key of the provider's. Never `none`, nor by a secret that we have too."""
LONGEST = 100_000


class UnknownKey(Exception):
    """None of the keys signed it: the provider may have new ones."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What an id token must say: the nonce of this sign-in, None for one that came with a refresh."""

    oidc: Oidc
    now: datetime
    nonce: str | None


def claims_in(token: object, keys: Sequence[PyJWK], expected: Expected) -> Mapping[str, Any]:
    """Its claims. Raises `SigninFailed` (`token-refused`), and `UnknownKey`."""
    if not isinstance(token, str) or len(token) > LONGEST:
        raise _refused("there is none")
    claims = _signed(token, keys)
    _check_names(claims, expected)
    _check_times(claims, expected)
    return claims


def _refused(cause: str) -> SigninFailed:
    return SigninFailed("token-refused", f"its id token is not believed: {cause}")


def _signed(token: str, keys: Sequence[PyJWK]) -> Mapping[str, Any]:
    try:
        head = jwt.get_unverified_header(token)
    except PyJWTError:
        raise _refused("it cannot be read") from None
    if head.get("alg") not in ALGORITHMS:
        raise _refused(f"it is not signed by a key (alg {str(head.get('alg'))[:20]!r})")
    fitting = [key for key in keys if _fits(key, head.get("kid"))]
    for key in fitting:
        try:
            found: Mapping[str, Any] = jwt.decode(token, key.key, [head["alg"]], options=OURSELVES)
        except (InvalidSignatureError, InvalidKeyError, TypeError):  # the last two: a key of another kind
            continue
        except (PyJWTError, ValueError) as error:
            raise _refused(type(error).__name__) from None
        return found
    raise UnknownKey


OURSELVES: Any = {
    "verify_aud": False,
    "verify_iss": False,
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
}
"""Names and times are compared here: by the bridge's own clock, and each with a cause of its own."""


def _fits(key: PyJWK, kid: object) -> bool:
    return key.public_key_use in (None, "sig") and (kid is None or key.key_id is None or key.key_id == kid)


def _check_names(claims: Mapping[str, Any], expected: Expected) -> None:
    oidc, audience = expected.oidc, claims.get("aud")
    if claims.get("iss") != oidc.issuer:
        raise _refused("another issuer's")
    given = audience if isinstance(audience, list) else [audience]
    if oidc.client_id not in given:
        raise _refused("for another client (aud)")
    if claims.get("azp", oidc.client_id) != oidc.client_id or (len(given) > 1 and "azp" not in claims):
        raise _refused("for several clients, and not issued to this one (azp)")
    nonce = claims.get("nonce")
    if expected.nonce is not None and not (isinstance(nonce, str) and same(nonce, expected.nonce)):
        raise _refused("of another sign-in (nonce)")
    if not isinstance(claims.get("sub"), str) or not claims["sub"]:
        raise _refused("of nobody (sub)")


def _check_times(claims: Mapping[str, Any], expected: Expected) -> None:
    now, skew = expected.now.timestamp(), expected.oidc.clock_skew_seconds
    ends, issued, begins = (_seconds(claims, name) for name in ("exp", "iat", "nbf"))
    if ends is None or now - skew >= ends:
        raise _refused("expired (exp)")
    if issued is None or issued > now + skew:
        raise _refused("of a later time (iat): the provider's clock is ahead of the bridge's")
    if begins is not None and begins > now + skew:
        raise _refused("not valid yet (nbf)")


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    return (
        float(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12 else None
    )


def same(one: str, other: str) -> bool:
    """Compared in constant time."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))
