"""Single sign-on: the authorization code flow with PKCE (OpenID Connect Core 1.0, RFC 7636), to a person.

Nothing that the browser brings back is believed by itself: the state is ours and good once, for the browser that began;
the code is worth something with our verifier alone; the id token must be signed by the provider for this sign-in.
"""

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from bridge.agents.directory import Directory
from bridge.config.models import Oidc, Settings
from bridge.core.clock import Clock
from bridge.core.errors import SigninFailed
from bridge.core.reasons import Reason, reason
from bridge.signin.id_token import Expected, UnknownKey, claims_in, same
from bridge.signin.provider import Provider
from bridge.signin.rights import Person, person_of
from bridge.store.signins import Asked, SignIn, SignInStore

CALLBACK = "/signin/callback"


@dataclass(frozen=True, slots=True)
class Arrived:
    """Who came back from the provider, and where they wanted to go."""

    person: Person
    signin: SignIn
    asked: Asked


class SingleSignOn:
    """One identity provider, for agents, supervisors and administrators."""

    def __init__(self, settings: Settings, oidc: Oidc, provider: Provider, store: SignInStore, clock: Clock) -> None:
        self.settings, self.oidc, self.store = settings, oidc, store
        self._provider, self._clock = provider, clock

    @property
    def _redirect(self) -> str:
        return self.settings.server.public_url + CALLBACK

    async def reached(self) -> Reason:
        """What the provider offers, for the doctor. Raises `SigninFailed`."""
        described, keys = await self._provider.described(), await self._provider.keys()
        leaves = Reason("provider-signs-out" if described.end_session else "provider-signs-nobody-out")
        asks = Reason("provider-refreshes" if "offline_access" in self.oidc.scopes else "provider-refreshes-not")
        return reason("found-provider", keys=len(keys), leaves=leaves, asks=asks)

    async def leave_for_provider(self, browser: str, to: str, crm: str) -> str:
        """The provider's address for somebody who wants to sign in; `browser` is what their browser alone has."""
        described = await self._provider.described()
        asked = Asked(secrets.token_urlsafe(32), secrets.token_urlsafe(48), browser, to, crm)
        digest = hashlib.sha256(asked.verifier.encode()).digest()
        query = {
            "response_type": "code",
            "client_id": self.oidc.client_id,
            "redirect_uri": self._redirect,
            "scope": " ".join(dict.fromkeys(("openid", *self.oidc.scopes))),
            "state": await self.store.begin(asked),
            "nonce": asked.nonce,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        return f"{described.authorization}{'&' if '?' in described.authorization else '?'}{urlencode(query)}"

    async def arrive(self, answer: Mapping[str, str], browser: str, directory: Directory) -> Arrived:
        """Who came back with this answer of the provider's. Raises `SigninFailed`."""
        asked = await self.store.take(answer.get("state", ""))
        if asked is None or not same(asked.browser, browser):
            raise SigninFailed("state-unknown", "its state is not of a sign-in that this browser began, or was used")
        if answer.get("iss", self.oidc.issuer) != self.oidc.issuer:
            raise SigninFailed("token-refused", "the answer is another issuer's (iss)")
        if "error" in answer:
            is_no = answer["error"] in ("access_denied", "consent_required", "interaction_required", "login_required")
            raise SigninFailed("cancelled" if is_no else "code-refused", f"the provider says {answer['error'][:60]!r}")
        given = await self._provider.tokens(
            grant_type="authorization_code",
            code=answer.get("code", ""),
            redirect_uri=self._redirect,
            code_verifier=asked.verifier,
        )
        claims = await self._claims(given, asked.nonce)
        return Arrived(self._person(claims, directory), self._signed_in(claims, given), asked)

    def _person(self, claims: Mapping[str, Any], directory: Directory) -> Person:
        return person_of(claims, self.settings, self.oidc, directory)

    def _signed_in(self, claims: Mapping[str, Any], given: Mapping[str, Any]) -> SignIn:
        refresh, subject = given.get("refresh_token"), person_of(claims, self.settings, self.oidc, Directory()).subject
        return SignIn(
            signin_id=secrets.token_hex(8),
            subject=subject,
            sub=claims["sub"],
            refresh=refresh if isinstance(refresh, str) else "",
            id_token=given["id_token"],
            confirmed_at=self._clock.now().timestamp(),
        )

    async def confirm(self, signin: SignIn, directory: Directory) -> Person:
        """Who it is now, by the refresh token; a new one is kept. Raises `SigninFailed`."""
        given = await self._provider.tokens(grant_type="refresh_token", refresh_token=signin.refresh)
        if given.get("id_token"):
            claims = await self._claims(given, None)
        else:
            claims = await self._provider.userinfo(str(given.get("access_token", "")))
        if claims.get("sub") != signin.sub:
            raise SigninFailed("token-refused", "the refresh token gave somebody else's claims, or none")
        refresh = given.get("refresh_token")
        await self.store.change(
            signin,
            refresh=refresh if isinstance(refresh, str) and refresh else signin.refresh,
            id_token=given.get("id_token") or signin.id_token,
            confirmed_at=self._clock.now().timestamp(),
        )
        return self._person(claims, directory)

    async def _claims(self, given: Mapping[str, Any], nonce: str | None) -> Mapping[str, Any]:
        """The id token's, and those that are wanted and that only the userinfo endpoint tells."""
        expected = Expected(self.oidc, self._clock.now(), nonce)
        try:
            claims = claims_in(given.get("id_token"), await self._provider.keys(), expected)
        except UnknownKey:
            claims = await self._with_new_keys(given.get("id_token"), expected)
        wanted = {self.oidc.groups_claim if self.oidc.groups else "sub", *map(self.oidc.claim_of, self.settings.crm)}
        if wanted <= claims.keys() or not isinstance(given.get("access_token"), str):
            return claims
        more = await self._provider.userinfo(given["access_token"])
        return {**more, **claims} if more.get("sub") == claims["sub"] else claims

    async def _with_new_keys(self, token: object, expected: Expected) -> Mapping[str, Any]:
        try:
            return claims_in(token, await self._provider.keys(again=True), expected)
        except UnknownKey:
            raise SigninFailed("token-refused", "none of the provider's keys signed its id token") from None

    async def leave_address(self, signin: SignIn) -> str | None:
        """Where a person signs out at the provider too; None where it offers no such thing. Raises `SigninFailed`."""
        address = (await self._provider.described()).end_session
        if address is None:
            return None
        back = f"{self.settings.server.public_url}/"
        query = {"id_token_hint": signin.id_token, "client_id": self.oidc.client_id, "post_logout_redirect_uri": back}
        return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
