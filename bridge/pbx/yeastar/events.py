"""Events of the Open API, as a webhook or the websocket gets them; pure. Source: the vendor's guide, API Events
Overview and Monitor Events via WebSocket.

An event tells of one call, with all its members. It does not tell which other calls an extension has, nor when it was
sent: each is a hint to ask again.
"""

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from bridge.core.errors import BadSignature, Malformed
from bridge.core.http_types import Incoming, Reply, Response, Secret
from bridge.core.text import without_marks
from bridge.pbx.contract import AskAgain
from bridge.pbx.fields import written
from bridge.pbx.reading import decoded
from bridge.pbx.yeastar import answers

MOST_EXTENSIONS = 500
SUBSCRIPTION = '{"topic_list":[30011,30012]}'
HEARTBEAT, HEARTBEAT_RESPONSE = "heartbeat", "heartbeat response"
NOTHING_TO_DO = Response(200, {"Content-Type": "application/json"}, b"{}")


def read_event(secret: Secret | None, incoming: Incoming) -> AskAgain | Response:
    """Whose calls to ask for again; or an answer to an event of another kind. Raises `BadSignature` and `Malformed`."""
    if incoming.method != "POST" or secret is None or not _is_signed(secret, incoming):
        raise BadSignature
    return _told(_object(decoded(incoming.body))) or NOTHING_TO_DO


def read_message(message: str) -> AskAgain | None:
    """The same of a message on the websocket; None: of nothing. What cannot be read may be of anybody's calls."""
    if message.strip() == HEARTBEAT_RESPONSE:
        return None
    try:
        said = _object(message)
        return None if "errcode" in said else _told(said)
    except Malformed:
        return AskAgain()


def check_subscribed(message: str, secret: Secret) -> None:
    """Raises `PbxError` where the subscription is not accepted."""
    answers.answer(Reply(200, {}, message.encode("utf-8", "replace"), 0.0), secret)


def _told(said: Mapping[str, Any]) -> AskAgain | None:
    match written(said.get("type")):
        case "30011":  # a call has changed
            return AskAgain(_extensions(_object(said.get("msg"))))
        case "30012":  # a call has ended: its record
            return AskAgain()
    return None


def _is_signed(secret: Secret, incoming: Incoming) -> bool:
    """Whether `X-Signature` is the HMAC-SHA256 of the body, in Base64. An address alone, as a GET is, has none."""
    expected = hmac.new(secret.reveal().encode(), incoming.body, hashlib.sha256).digest()
    try:
        offered = base64.b64decode(incoming.headers.get("x-signature", ""), validate=True)
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(expected, offered)


def _object(value: object) -> Mapping[str, Any]:
    """An object, or a text that is one: `msg` comes as either."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            raise Malformed("The event is not JSON") from None
    if not isinstance(value, dict):
        raise Malformed("The event is not a JSON object")
    return value


def _extensions(call: Mapping[str, Any]) -> frozenset[str]:
    """The extensions that have part in a call, those that have just left it too."""
    members = call.get("members")
    sides = [one.get("extension") for one in members if isinstance(one, dict)] if isinstance(members, list) else []
    numbers = [without_marks(written(side.get("number"))[:100]) for side in sides if isinstance(side, dict)]
    return frozenset(number for number in numbers[:MOST_EXTENSIONS] if number)
