"""`[signin]` and `[signin.oidc]`: how people sign in on the pages, and how long they stay signed in."""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from bridge.config.addresses import ExactAddress
from bridge.config.section import Section
from bridge.config.values import Names, SecretText

LOOPBACK = ("127.0.0.1", "::1", "localhost")


def _issuer(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme != "https" and parts.hostname not in LOOPBACK:
        raise ValueError("must be an https:// address: whoever can change what comes from it can sign in as anybody")
    if parts.query or parts.fragment or "/.well-known/" in value:
        raise ValueError("must be the issuer itself, without /.well-known/…, query or fragment")
    return value


class Group(Section):
    """`[signin.oidc.groups.GROUP]`: what the members of one of the provider's groups may see."""

    role: Literal["supervisor", "admin"] = Field(description="what its members are")
    crms: Names = Field((), description="the CRMs that they see; left out: every CRM")


class Oidc(Section):
    """`[signin.oidc]`: signing in by OpenID Connect at an identity provider of one's own."""

    issuer: Annotated[ExactAddress, AfterValidator(_issuer)] = Field(
        description="the provider's issuer, exactly as its discovery document has it"
    )
    client_id: str = Field(min_length=1, max_length=300, description="what popbridge is called at the provider")
    client_secret: SecretText = Field(description="how popbridge proves itself to the provider")
    name: str = Field("single sign-on", min_length=1, max_length=60, description="shown on the page: Sign in with NAME")
    scopes: Names = Field(
        ("openid", "profile", "email"),
        description="what is asked of the provider; add offline_access, and what brings the groups",
    )
    agent_claim: str = Field("email", min_length=1, description="the claim that is an agent's crm_user")
    agent_claims: Mapping[str, str] = Field({}, description="the same for single CRMs, by name")
    groups_claim: str = Field("groups", min_length=1, description="the claim that has a person's groups")
    groups: Mapping[str, Group] = Field(
        {}, description="role and crms by group; who is in none of them supervises none"
    )
    renew_minutes: float = Field(
        60.0,
        ge=1,
        le=1440,
        description="how often the provider is asked whether a person and their groups are as before",
    )
    clock_skew_seconds: float = Field(60.0, ge=0, le=600, description="how far the provider's clock may be off")
    timeout_seconds: float = Field(5.0, gt=0, le=30, description="for one whole question to the provider")

    def claim_of(self, crm: str) -> str:
        """The claim that is an agent's `crm_user` in this CRM."""
        return self.agent_claims.get(crm, self.agent_claim)

    def crms_named(self) -> Iterator[tuple[tuple[str, ...], str]]:
        """Each CRM that is named in it, and where."""
        yield from (((key, crm), crm) for key in ("agent_claims",) for crm in self.agent_claims)
        for name, group in self.groups.items():
            yield from ((("groups", name, "crms"), crm) for crm in group.crms)


class Signin(Section):
    """`[signin]`: how long people stay signed in on the pages."""

    session_hours: float = Field(
        720.0, gt=0, le=8760, description="a session lasts this long at most; one from a token ends with the token"
    )
    idle_hours: float = Field(72.0, gt=0, le=8760, description="a session ends when no page used it for this long")
    oidc: Oidc | None = Field(None, description="OpenID Connect, see `signin.oidc`")

    @property
    def life(self) -> timedelta:
        """How long a session lasts at most."""
        return timedelta(hours=self.session_hours)

    @property
    def idle(self) -> timedelta:
        """How long it lasts without being used."""
        return timedelta(hours=self.idle_hours)
