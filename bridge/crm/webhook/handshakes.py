"""What senders try an address with before they send clicks to it; pure.

monday and chats send `{"challenge": …}` and want it back, Microsoft Graph sends `?validationToken=…`, and senders after
WebSub send `hub.challenge` by GET. Others send an empty POST. None of it is a click, and none of it needs a proof: the
answer says nothing but what was sent.
"""

import json

from bridge.core.http_types import Incoming, Response
from bridge.core.text import trimmed

LONGEST = 4096
PLAIN, JSON = {"Content-Type": "text/plain; charset=utf-8"}, {"Content-Type": "application/json"}


def answer(incoming: Incoming) -> Response | None:
    """The answer to a challenge or an empty ping; None: it is neither."""
    for name in ("validationtoken", "hub.challenge"):
        token = trimmed(incoming.query.get(name, ""))
        if token and len(token) <= LONGEST and token.isprintable():
            return Response(200, PLAIN, token.encode())
    if incoming.method == "POST" and not incoming.body.strip() and not incoming.query:
        return Response(200, JSON, b"{}") if not _claims_proof(incoming) else None
    return _challenge(incoming.body) if incoming.method == "POST" else None


def _claims_proof(incoming: Incoming) -> bool:
    return any(name in incoming.headers for name in ("authorization", "webhook-id", "svix-id", "x-api-key"))


def _challenge(body: bytes) -> Response | None:
    if len(body) > LONGEST or b"challenge" not in body:
        return None
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return None
    challenge = told.get("challenge") if isinstance(told, dict) else None
    is_click = isinstance(told, dict) and bool({"agent", "extension"} & told.keys())
    if not isinstance(challenge, str) or is_click:
        return None
    return Response(200, JSON, json.dumps({"challenge": challenge}).encode())
