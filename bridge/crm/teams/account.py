"""The keys of `[crm.NAME]` with `kind = "teams"`."""

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from bridge.config.models import CrmAccount, SecretText
from bridge.core.reasons import Reason, reason

HOOK = re.compile(r"https?://([^\s/:?#]+)(?::\d+)?/\S+", re.I)
RETIRED = re.compile(r"(?:.*\.)?(?:webhook\.office\.com|outlook\.office(?:365)?\.com)", re.I)
"""Where the addresses of Office 365 connectors led."""


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "teams"`."""

    kind: Literal["teams"]
    webhook_url: SecretText | None = Field(
        None, description='address of a workflow that begins with "When a Teams webhook request is received"'
    )
    bot_token: SecretText | None = Field(None, description="not possible: Teams has no bot token that lasts")
    language: Literal["en", "he"] = Field("en", description="of the cards")

    @property
    def takes_popups(self) -> bool:
        """Always: it is a target."""
        return True

    def addresses(self) -> Iterator[str]:
        """Where cards are sent: the host alone, since what follows it is secret."""
        if self.webhook_url is not None:
            yield "/".join(self.webhook_url.reveal().split("/", 3)[:3]) + "/"

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        if self.bot_token is not None:
            yield "bot_token", reason("teams.value-no-bot")
        if self.webhook_url is None:
            if self.bot_token is None:
                yield "webhook_url", reason("teams.value-needed")
            return
        found = HOOK.fullmatch(self.webhook_url.reveal())
        if found is None:
            yield "webhook_url", reason("teams.value-workflow")
        elif RETIRED.fullmatch(found[1]):
            yield "webhook_url", reason("teams.value-retired")
