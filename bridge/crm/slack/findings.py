"""What the doctor and the console's "test" tell of an account; pure."""

from datetime import datetime

from bridge.core.finding import Finding, Grade, worded
from bridge.core.http_types import Reply
from bridge.core.reasons import Reason, reason
from bridge.crm.contract import Rejected, Retry
from bridge.crm.replies import object_in
from bridge.crm.slack import wire
from bridge.crm.slack.account import Account

ALWAYS = ("chat:write",)
FOR_AGENTS = ("im:write", "users:read.email")
TEXT_MISSED = ("no_text", "invalid_payload", "missing_text_or_fallback_or_attachments")


def of_webhook(what: str, reply: Reply, now: datetime) -> Finding:
    """What a webhook says to a message without a text: one that Slack knows misses the text."""
    word = reply.body[:61].decode("utf-8", "replace").strip()
    if reply.status == 400 and word in TEXT_MISSED:
        return worded(what, Grade.OK, Reason("slack.found-hook"))
    result = wire.posted(reply, now)
    told = result.reason if isinstance(result, Rejected | Retry) else Reason("slack.found-anything-goes")
    return worded(what, Grade.FAIL, told, Reason("slack.fix-hook"))


def of_token(what: str, account: Account, reply: Reply) -> list[Finding]:
    """Whether Slack knows the token, and which rights it lacks."""
    found = object_in(reply)
    if reply.status != 200 or found is None:
        return [worded(what, Grade.FAIL, reason("slack.found-strange", status=reply.status), Reason("slack.fix-api"))]
    if found.get("ok") is not True:
        error = wire.text(found, "error")
        return [worded(what, Grade.FAIL, wire.refusal(error, found), Reason("slack.fix-token"))]
    told = reply.headers.get("x-oauth-scopes")
    missing = [one for one in needed(account) if told is not None and one not in told.replace(" ", "").split(",")]
    if missing:
        lacks = reason("slack.found-scopes", scopes=", ".join(missing))
        return [worded(what, Grade.FAIL, lacks, Reason("slack.fix-scopes"))]
    return [worded(what, Grade.OK, Reason("slack.found-token"))]


def needed(account: Account) -> tuple[str, ...]:
    """The scopes without which no message arrives."""
    return ALWAYS if account.channel is not None else (*ALWAYS, *FOR_AGENTS)
