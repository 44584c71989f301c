"""What the doctor and the console's "test" tell of an account; pure."""

import json
from datetime import datetime

from bridge.core.finding import Finding, Grade
from bridge.core.http_types import Reply
from bridge.core.reasons import say
from bridge.crm.contract import Rejected, Retry
from bridge.crm.slack import wire
from bridge.crm.slack.account import Account

ALWAYS = ("chat:write",)
FOR_AGENTS = ("im:write", "users:read.email")
TEXT_MISSED = ("no_text", "invalid_payload", "missing_text_or_fallback_or_attachments")
APP = "api.slack.com/apps, OAuth & Permissions"


def of_webhook(what: str, reply: Reply, now: datetime) -> Finding:
    """What a webhook says to a message without a text: one that Slack knows misses the text."""
    word = reply.body[:61].decode("utf-8", "replace").strip()
    if reply.status == 400 and word in TEXT_MISSED:
        return Finding(what, Grade.OK, "Slack knows this incoming webhook")
    result = wire.posted(reply, now)
    told = say(result.reason) if isinstance(result, Rejected | Retry) else "took a message without a text"
    return Finding(what, Grade.FAIL, told, "check webhook_url: see Incoming Webhooks at api.slack.com/apps")


def of_token(what: str, account: Account, reply: Reply) -> list[Finding]:
    """Whether Slack knows the token, and which rights it lacks."""
    try:
        found = json.loads(reply.body)
    except (ValueError, RecursionError):
        found = None
    if reply.status != 200 or not isinstance(found, dict):
        return [Finding(what, Grade.FAIL, f"unexpected response from Slack (HTTP {reply.status})", "check api_url")]
    if found.get("ok") is not True:
        error = wire.text(found, "error")
        return [Finding(what, Grade.FAIL, say(wire.refusal(error, found)), f"take a new bot token from {APP}")]
    told = reply.headers.get("x-oauth-scopes")
    missing = [one for one in needed(account) if told is not None and one not in told.replace(" ", "").split(",")]
    if missing:
        fix = f"add them under {APP}, and install the app again"
        return [Finding(what, Grade.FAIL, f"the bot token lacks the scopes {', '.join(missing)}", fix)]
    return [Finding(what, Grade.OK, "the bot token works")]


def needed(account: Account) -> tuple[str, ...]:
    """The scopes without which no message arrives."""
    return ALWAYS if account.channel is not None else (*ALWAYS, *FOR_AGENTS)
