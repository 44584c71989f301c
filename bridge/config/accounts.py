"""`[pbx.NAME]` and `[crm.NAME]`: what every phone system and every CRM has. Each make's folder adds its own keys."""

from collections.abc import Iterator, Mapping
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from bridge.config.addresses import Hosts, Origins, WebAddress, host_of
from bridge.config.section import Section
from bridge.config.values import Hidden, Names, Region, Timezone, split_text
from bridge.core.http_types import Secret
from bridge.core.reasons import Reason, reason

CallEvents = Annotated[
    tuple[Literal["call.popup", "call.note", "call.answered_elsewhere", "call.ended"], ...], BeforeValidator(split_text)
]
MIN_TOKEN_CHARACTERS = 16


class PbxAccount(Section):
    """`[pbx.NAME]`: what every phone system has. Each vendor's folder adds its own keys."""

    kind: str = Field(description="the make of phone system")
    base_url: WebAddress = Field(description="where its API lives")
    timezone: Timezone = Field("UTC", description="its local time zone")
    region: Region = Field(description="country of numbers written without a country code")
    timeout_seconds: float = Field(2.0, gt=0, le=60, description="for one whole question, connect to last byte")
    fresh_seconds: float = Field(0.25, ge=0, le=5, description="answers up to this old are used again")
    agents_for: Names = Field((), description="CRMs whose users are the e-mail addresses in its own directory")

    events: Literal["off", "poll", "push", "connect"] = Field(
        "off",
        description="how popups come without a click: its calls are polled, it calls /events/NAME, or is connected to",
    )
    poll_seconds: float = Field(2.0, ge=0.2, le=60, description="how often its calls are polled")
    hot_desk: bool = Field(False, description="popups go to whoever is logged in to the extension, where it says who")

    @model_validator(mode="after")
    def _proves_events(self) -> Self:
        """Of a make whose events are pushed with a secret."""
        if self.events == "push" and getattr(self, "event_secret", "") is None:
            raise ValueError(reason("value-event-secret"))
        return self

    def addresses(self) -> Iterator[str]:
        """Where its API lives; a make that has more addresses adds them."""
        yield self.base_url


class CrmAccount(Section):
    """`[crm.NAME]`: what every CRM has. Each vendor's folder adds its own keys."""

    proven_by: ClassVar[tuple[str, ...]] = ()
    """The keys of the secrets (each one, or a list) that prove a click; a make with a button names its own."""

    kind: str = Field(description="how this CRM sends clicks and takes popups")
    pbx: str | None = Field(None, description="where an extension named in a click is looked up")
    targets: Names | None = Field(None, description="who gets the popup; default: this CRM and desktop")
    events: CallEvents = Field(
        ("call.popup", "call.note"),
        description="what it is sent, of call.popup, call.note, call.answered_elsewhere, call.ended",
    )
    popup_ttl_seconds: int = Field(120, ge=1, le=3600, description="popups expire after this long")
    clicks_per_minute: int = Field(0, ge=0, description="more than this many are answered 429; 0: no limit")
    agent_clicks_per_minute: int = Field(
        120, ge=0, description="the same for each agent: a button that is stuck stops nobody else; 0: no limit"
    )
    push_timeout_seconds: float = Field(5.0, gt=0, le=20, description="for one whole push, connect to last byte")
    pushes_at_once: int = Field(16, ge=1, le=1000, description="pushes on their way at the same time, per worker")
    pushes_per_second: int = Field(0, ge=0, description="the CRM's own limit, kept by all workers together; 0: none")
    origins: Origins = Field((), description="pages whose buttons may send clicks by script: https://host, exactly")
    record_hosts: Hosts = Field(
        (), description="more hosts that links to its records may lead to: HOST, or *.HOST for all below it"
    )
    search: bool = Field(True, description="look up callers by number, where this CRM can be searched")
    search_formats: Names = Field(
        (), description="spellings to search for, where the CRM compares texts: e164, national, international, digits"
    )
    search_seconds: float = Field(1.5, gt=0, le=20, description="how long a search for the caller may take")
    cache_seconds: int = Field(3600, ge=0, le=86400, description="how long a contact that was found is reused")
    create_url: str | None = Field(
        None, description="page for a new contact, with {e164}, {national} and {name} to be filled in"
    )
    details: Mapping[str, str] = Field(
        {}, description='fields of a contact to show on the card, by label: "last contact" = "lastContactAt"'
    )
    hide: Hidden = Field(
        (), description='fields kept from cards and pushes: "customdata.KEY", "contact.details.LABEL", "caller.name", …'
    )
    desktop_links: bool = Field(
        False, description="answers to clicks that prove who clicked offer a link that signs that agent in, once"
    )
    log_calls: bool = Field(False, description="write each call into the CRM's history, where it keeps one")
    api_url: WebAddress | None = Field(None, description="where its API lives, if elsewhere than usual")
    recheck_seconds: float = Field(
        10.0, ge=0, description="a push this late first checks that the call is still there; 0: never"
    )

    @property
    def takes_popups(self) -> bool:
        """Whether popups can be pushed to this CRM."""
        return False

    @property
    def takes_notes(self) -> bool:
        """Whether agents' notes can be sent to this CRM."""
        return self.takes_popups

    @property
    def popup_key(self) -> str:
        """The key that makes it take popups."""
        return "popup"

    dry_run: bool = Field(False, description="answer and audit clicks, but push nothing anywhere")

    def proofs(self) -> Iterator[tuple[str, str]]:
        """(fingerprint, key) of each secret by which a click is proven to come from this CRM."""
        for key in self.proven_by:
            held: Secret | tuple[Secret, ...] | None = getattr(self, key)
            if isinstance(held, tuple):
                yield from ((secret.fingerprint, f"{key}[{number}]") for number, secret in enumerate(held))
            elif held is not None:
                yield held.fingerprint, key

    def addresses(self) -> Iterator[str]:
        """Where popups are pushed to."""
        return iter(())

    def hosts(self) -> list[str]:
        """Where links to its records may lead: `record_hosts`, and the hosts of its other addresses."""
        addresses = (*self.origins, *self.addresses(), *([self.create_url] if self.create_url else []))
        return sorted({*self.record_hosts, *(host_of(address) for address in addresses)})

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section; makes add their own."""
        token: Secret | None = getattr(self, "click_token", None)
        if token is not None and len(token.reveal()) < MIN_TOKEN_CHARACTERS:
            yield "click_token", reason("value-characters-at-least", min_length=MIN_TOKEN_CHARACTERS)
