"""The identity provider: what it says of itself (OpenID Connect Discovery 1.0), its keys, and its token endpoint."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus, urlencode

from jwt import PyJWK, PyJWKSet
from jwt.exceptions import PyJWTError

from bridge.config.models import Oidc
from bridge.core.clock import Clock
from bridge.core.errors import RequestFailed, SigninFailed
from bridge.core.http_types import Reply, Request
from bridge.core.reasons import Reason, reason
from bridge.egress.client import EgressClient

DESCRIBED_FOR, KEYS_FOR = timedelta(hours=1), timedelta(hours=1)
KEYS_AGAIN = timedelta(seconds=10)
"""Keys are asked for again at most this often, however many tokens with unknown keys come."""
MAX_BYTES = 512 * 1024
FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Described:
    """The provider's endpoints; `end_session` where it offers signing out (RP-Initiated Logout 1.0)."""

    authorization: str
    token: str
    keys: str
    userinfo: str | None
    end_session: str | None
    by_post: bool
    """The token endpoint takes the client's secret in the form alone."""


class Provider:
    """Asks through the one way out. Every failure is a `SigninFailed`: `provider-unreachable` may pass by itself."""

    def __init__(self, client: EgressClient, oidc: Oidc, clock: Clock) -> None:
        self._client, self.oidc, self._clock = client, oidc, clock
        self._described: tuple[datetime, Described] | None = None
        self._keys: tuple[datetime, list[PyJWK]] | None = None

    async def described(self) -> Described:
        """Its endpoints, asked again every hour."""
        now = self._clock.now()
        if self._described is None or now - self._described[0] > DESCRIBED_FOR:
            address = f"{self.oidc.issuer.rstrip('/')}/.well-known/openid-configuration"
            self._described = now, _described(await self._object(Request("GET", address)), self.oidc.issuer)
        return self._described[1]

    async def keys(self, again: bool = False) -> list[PyJWK]:
        """Its public keys. `again`: a token came that none of them fits, so it may have new ones."""
        now = self._clock.now()
        age = now - self._keys[0] if self._keys else KEYS_FOR
        if self._keys is None or age >= KEYS_FOR or (again and age >= KEYS_AGAIN):
            found = await self._object(Request("GET", (await self.described()).keys))
            self._keys = now, _keys(found)
        return self._keys[1]

    async def tokens(self, **fields: str) -> Mapping[str, Any]:
        """What the token endpoint answers to these fields. `code-refused`: it says no."""
        oidc, described = self.oidc, await self.described()
        headers = {"content-type": FORM, "accept": "application/json"}
        if described.by_post:
            fields |= {"client_id": oidc.client_id, "client_secret": oidc.client_secret.reveal()}
        else:
            pair = f"{quote_plus(oidc.client_id)}:{quote_plus(oidc.client_secret.reveal())}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        return await self._object(Request("POST", described.token, headers, urlencode(fields).encode()))

    async def userinfo(self, access_token: str) -> Mapping[str, Any]:
        """What it says of the person beside the id token; nothing where it has no such endpoint."""
        address = (await self.described()).userinfo
        if address is None or not access_token.isprintable():
            return {}
        return await self._object(Request("GET", address, {"authorization": f"Bearer {access_token}"}))

    async def _object(self, request: Request) -> Mapping[str, Any]:
        try:
            reply = await self._client.send(request, self.oidc.timeout_seconds, MAX_BYTES)
        except RequestFailed as error:
            raise SigninFailed("provider-unreachable", error.reason, is_final=False) from None
        return _object(reply)


def _object(reply: Reply) -> Mapping[str, Any]:
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    if reply.status in (429, *range(500, 600)):
        raise SigninFailed("provider-unreachable", reason("found-provider-status", status=reply.status), is_final=False)
    if reply.status in (400, 401, 403):
        said = found.get("error") if isinstance(found, dict) else None
        word = said if isinstance(said, str) and len(said) < 60 and said.isprintable() else "-"
        cause = reason("found-provider-refuses", status=reply.status, error=word)
        raise SigninFailed("code-refused", cause, is_final=word == "invalid_grant")
    if reply.status != 200 or not isinstance(found, dict):
        cause = reason("found-provider-no-json", status=reply.status)
        raise SigninFailed("provider-unintelligible", cause, is_final=False)
    return found


def _described(found: Mapping[str, Any], issuer: str) -> Described:
    if found.get("issuer") != issuer:
        cause = reason("found-provider-issuer", issuer=repr(str(found.get("issuer"))[:200]))
        raise SigninFailed("provider-unintelligible", cause, is_final=False)
    methods = found.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
    return Described(
        authorization=_address(found, "authorization_endpoint", issuer),
        token=_address(found, "token_endpoint", issuer),
        keys=_address(found, "jwks_uri", issuer),
        userinfo=_address(found, "userinfo_endpoint", issuer) if found.get("userinfo_endpoint") else None,
        end_session=_address(found, "end_session_endpoint", issuer) if found.get("end_session_endpoint") else None,
        by_post="client_secret_basic" not in methods and "client_secret_post" in methods,
    )


def _address(found: Mapping[str, Any], name: str, issuer: str) -> str:
    """An endpoint. One without TLS is not believed of a provider with it."""
    value = found.get(name)
    scheme = issuer.partition(":")[0]
    if not isinstance(value, str) or not value.startswith((f"{scheme}://", "https://")) or not value.isprintable():
        cause = reason("found-provider-no-endpoint", name=name)
        raise SigninFailed("provider-unintelligible", cause, is_final=False)
    return value


def _keys(found: Mapping[str, Any]) -> list[PyJWK]:
    """The keys that can be read; a kind that is new to us spoils no other."""
    try:
        return list(PyJWKSet.from_dict(dict(found)).keys)
    except (PyJWTError, TypeError, ValueError, KeyError, AttributeError):
        cause = Reason("found-provider-keys")
        raise SigninFailed("provider-unintelligible", cause, is_final=False) from None
