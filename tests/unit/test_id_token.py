"""Which id tokens are believed: each way one can be wrong, against a right one that differs in just that."""

import time
from datetime import UTC, datetime
from functools import cache
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt import PyJWK

from bridge.config.models import Oidc
from bridge.core.errors import SigninFailed
from bridge.signin.id_token import Expected, UnknownKey, claims_in

ISSUER, CLIENT, SECRET, NONCE = "https://login.example.com/", "popbridge", "a-secret-of-32-characters-at-least", "n0nce"
NOW = int(time.time())
OIDC = Oidc.model_validate({"issuer": ISSUER, "client_id": CLIENT, "client_secret": SECRET})
RIGHT: dict[str, Any] = {"iss": ISSUER, "aud": CLIENT, "sub": "42", "nonce": NONCE, "iat": NOW, "exp": NOW + 300}


@cache
def keys() -> dict[str, Any]:
    return {
        "rsa": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "other": rsa.generate_private_key(public_exponent=65537, key_size=2048),
        "ec": ec.generate_private_key(ec.SECP256R1()),
    }


def public(name: str, **more: str) -> PyJWK:
    algorithm = jwt.algorithms.ECAlgorithm if name == "ec" else jwt.algorithms.RSAAlgorithm
    return PyJWK({**algorithm.to_jwk(keys()[name].public_key(), as_dict=True), "kid": name, **more})


def token(key: str = "rsa", algorithm: str = "RS256", kid: str | None = "rsa", **changed: Any) -> str:
    claims = {name: value for name, value in {**RIGHT, **changed}.items() if value is not None}
    return jwt.encode(claims, keys()[key], algorithm, headers={"kid": kid} if kid else None)


def believed(text: object, nonce: str | None = NONCE, known: tuple[str, ...] = ("rsa", "ec")) -> Any:
    return claims_in(text, [public(name) for name in known], Expected(OIDC, datetime.fromtimestamp(NOW, UTC), nonce))


@pytest.mark.parametrize(
    "right",
    [
        {}, {"aud": [CLIENT]}, {"aud": [CLIENT, "b"], "azp": CLIENT}, {"iat": NOW + 59}, {"exp": NOW - 59},
        {"nbf": NOW + 59}, {"kid": None}, {"key": "ec", "algorithm": "ES256", "kid": "ec"}, {"algorithm": "PS256"},
        {"key": "ec", "algorithm": "ES256", "kid": None},
    ],
)  # fmt: skip
def test_a_right_one_is_believed(right: dict[str, Any]) -> None:
    assert believed(token(**right))["sub"] == "42"


def test_one_that_came_with_a_refresh_needs_no_nonce() -> None:
    assert believed(token(nonce=None), nonce=None)["sub"] == "42"


@pytest.mark.parametrize(
    ("wrong", "cause"),
    [
        ({"nonce": "another"}, "nonce"), ({"nonce": None}, "nonce"), ({"nonce": 1}, "nonce"),
        ({"aud": "another"}, "aud"), ({"aud": ["another"]}, "aud"), ({"aud": None}, "aud"),
        ({"aud": [CLIENT, "b"]}, "azp"), ({"aud": [CLIENT, "b"], "azp": "b"}, "azp"), ({"azp": "b"}, "azp"),
        ({"iss": "https://login.example.com"}, "issuer"), ({"iss": None}, "issuer"),
        ({"exp": NOW - 60}, "exp"), ({"exp": None}, "exp"), ({"exp": "soon"}, "exp"), ({"exp": 1e300}, "exp"),
        ({"iat": NOW + 61}, "iat"), ({"iat": None}, "iat"), ({"nbf": NOW + 61}, "nbf"),
        ({"sub": None}, "sub"), ({"sub": ""}, "sub"),
    ],
)  # fmt: skip
def test_a_wrong_one_is_refused_by_its_cause(wrong: dict[str, Any], cause: str) -> None:
    with pytest.raises(SigninFailed, match=cause) as refused:
        believed(token(**wrong))
    assert (refused.value.code, refused.value.is_final) == ("token-refused", True)
    assert "eyJ" not in str(refused.value)


def test_one_that_no_key_signed_is_refused() -> None:
    unsigned = jwt.encode(RIGHT, None, "none")
    by_secret = jwt.encode(RIGHT, SECRET, "HS256")
    for text in (unsigned, by_secret, unsigned.rstrip(".")):
        with pytest.raises(SigninFailed):
            believed(text)


@pytest.mark.parametrize("text", [None, 5, "", "x", "a.b.c", "." * 3, "x" * 100_001])
def test_what_is_none_is_refused(text: object) -> None:
    with pytest.raises(SigninFailed):
        believed(text)


def test_a_key_that_is_not_known_may_be_new() -> None:
    head, claims, _ = token().split(".")
    for text in (token(key="other"), token(key="other", kid="new"), f"{head}.{claims}.{token(sub='7').split('.')[2]}"):
        with pytest.raises(UnknownKey):
            believed(text)
    with pytest.raises(UnknownKey):
        believed(token(), known=())


def test_a_key_for_encryption_signs_nothing() -> None:
    expected = Expected(OIDC, datetime.fromtimestamp(NOW, UTC), NONCE)
    with pytest.raises(UnknownKey):
        claims_in(token(), [public("rsa", use="enc")], expected)
