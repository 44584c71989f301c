"""Requests to a workflow of Teams, and what its answers mean; pure. README.md here names the documents.

A workflow answers 202 at once, before it has posted anything. The connectors before it answered 200 with the error as
text; a flow with a step that answers may do so too.
"""

import json
from collections.abc import Mapping
from datetime import datetime

from bridge.core.http_types import Reply, Request
from bridge.core.reasons import Reason, reason
from bridge.crm.contract import Delivered, Rejected, Result, Retry
from bridge.crm.replies import AGAIN, retry_after

CARD = "application/vnd.microsoft.card.adaptive"
FAILED = b"Webhook message delivery failed"
LIMITED = b"429"
LIMIT = Reason("teams.limit")
REFUSED = {
    400: "teams.invalid",
    401: "teams.signature",
    403: "teams.signature",
    404: "teams.gone",
    410: "teams.gone",
    413: "teams.large",
}


def post(url: str, card: Mapping[str, object], crm_user: str) -> Request:
    """A card for the workflow. `recipient` is for those that post to the agent's own chat; the others ignore it."""
    attachment = {"contentType": CARD, "contentUrl": None, "content": card}
    message = {"type": "message", "recipient": crm_user, "attachments": [attachment]}
    body = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace")
    return Request("POST", url, {"Content-Type": "application/json"}, body)


def judged(reply: Reply, now: datetime) -> Result:
    """What the answer means for the delivery."""
    wait = retry_after(reply.headers.get("retry-after"), now)
    if reply.status == 429:
        return Retry(wait, LIMIT)
    if 200 <= reply.status < 300:
        return _in_200(reply)
    if reply.status >= 500 or reply.status in AGAIN:
        return Retry(wait, reason("teams.not-working", status=reply.status))
    if 300 <= reply.status < 400:
        return Rejected(reason("teams.redirected", status=reply.status))
    return Rejected(reason(REFUSED.get(reply.status, "teams.refused"), status=reply.status))


def _in_200(reply: Reply) -> Result:
    if FAILED not in reply.body[:500]:
        return Delivered()
    return Retry(None, LIMIT if LIMITED in reply.body[:500] else reason("teams.not-working", status=reply.status))
