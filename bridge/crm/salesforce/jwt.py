"""The JWT by which popbridge asks for a session: signed with the key whose certificate the app has (RS256); pure."""

import base64
import json
from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from bridge.core.http_types import Secret

LIFE = timedelta(minutes=3)
"""Salesforce takes no assertion that is valid for longer than five minutes, and clocks differ."""
FEWEST_BITS = 2048


def is_key(pem: Secret) -> bool:
    """Whether assertions can be signed with it."""
    return _key(pem) is not None


def assertion(pem: Secret, client_id: str, username: str, audience: str, now: datetime) -> str:
    """The assertion. Raises `ValueError` for what is no key."""
    key = _key(pem)
    if key is None:
        raise ValueError("not an RSA key")
    claims = {"iss": client_id, "sub": username, "aud": audience, "exp": int((now + LIFE).timestamp())}
    signed = f"{_part({'alg': 'RS256', 'typ': 'JWT'})}.{_part(claims)}"
    return f"{signed}.{_base64(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def _key(pem: Secret) -> RSAPrivateKey | None:
    try:
        key = serialization.load_pem_private_key(pem.reveal().encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # no PEM; with a passphrase; of a kind it does not know
        return None
    return key if isinstance(key, RSAPrivateKey) and key.key_size >= FEWEST_BITS else None


def _part(value: Mapping[str, object]) -> str:
    return _base64(json.dumps(value, separators=(",", ":")).encode())


def _base64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
