"""Which of a phone system's domains (tenants) an account is for; pure."""

from collections.abc import Iterable
from dataclasses import dataclass

from bridge.core.errors import PbxRefused
from bridge.core.reasons import reason


@dataclass(frozen=True, slots=True)
class Domains:
    """`wanted` is the domain of the settings; None: the only one there is. `seen` gathers those that were met."""

    wanted: str | None
    seen: set[str]

    def has(self, domain: str) -> bool:
        """Whether the users of `domain` are this account's extensions."""
        return self.wanted is None or domain.casefold() == self.wanted.casefold()

    def meet(self, domains: Iterable[str]) -> None:
        """Take note of users' domains. Raises `PbxRefused` where there are several and none is wanted: extension 101 of
        one tenant must never be shown the calls of another's 101."""
        if self.wanted is None:
            self.seen.update(domain.casefold() for domain in domains if domain)
            if len(self.seen) > 1:
                raise PbxRefused(reason("freeswitch.several-domains"))
