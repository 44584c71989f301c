"""The keys of `[crm.NAME]` with `kind = "slack"`."""

import re
from collections.abc import Iterator
from typing import Literal

from pydantic import Field

from bridge.config.models import CrmAccount, SecretText
from bridge.core.reasons import Reason, reason

API = "https://slack.com/api"
CHANNEL = re.compile(r"[CG][A-Z0-9]{2,20}")
HOOK = re.compile(r"https?://[^\s/]+/\S+")


class Account(CrmAccount):
    """`[crm.NAME]` with `kind = "slack"`."""

    kind: Literal["slack"]
    bot_token: SecretText | None = Field(None, description="bot token (xoxb-…): messages to agents, or to `channel`")
    webhook_url: SecretText | None = Field(None, description="incoming webhook: messages to its one channel")
    channel: str | None = Field(None, description="id of the channel (C…) for all messages; default: each agent's own")
    language: Literal["en", "he"] = Field("en", description="of the messages")

    @property
    def takes_popups(self) -> bool:
        """Always: it is a target."""
        return True

    @property
    def api(self) -> str:
        """Where its Web API lives."""
        return self.api_url or API

    def addresses(self) -> Iterator[str]:
        """Where messages are sent."""
        if self.webhook_url is not None:  # all that follows its host is secret
            yield "/".join(self.webhook_url.reveal().split("/", 3)[:3]) + "/"
        else:
            yield self.api

    def problems(self) -> Iterator[tuple[str, Reason]]:
        """(key, what is wrong) for rules that need more than one key of this section."""
        if self.bot_token is None and self.webhook_url is None:
            yield "bot_token", reason("slack.value-needed")
        if self.bot_token is not None and self.webhook_url is not None:
            yield "webhook_url", reason("slack.value-both")
        if self.webhook_url is not None and not HOOK.fullmatch(self.webhook_url.reveal()):
            yield "webhook_url", reason("slack.value-hook")
        if self.channel is not None and self.bot_token is None:
            yield "channel", reason("slack.value-bot-alone")
        if self.channel is not None and not CHANNEL.fullmatch(self.channel):
            yield "channel", reason("slack.value-channel")
