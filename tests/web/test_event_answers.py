"""What each phone system hears when it tells of a call: its own answer, small, and before anybody is asked anything."""

import base64
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from bridge.core.http_types import Secret
from bridge.pbx import registry
from bridge.pbx.contract import ReadsEvents
from bridge.store import listeners
from tests.stage import Stage, open_stage, simulated

pytestmark = pytest.mark.anyio
SECRET = "made-up-event-secret-0123456789"
MOST_BYTES = 1024
"""Head and body together: the least that any vendor allows."""
JSON, NOTHING = "application/json", b""


def by_hmac(header: str, algorithm: str, encode: Callable[[bytes], str]) -> Callable[[bytes], Mapping[str, str]]:
    return lambda body: {header: encode(hmac.new(SECRET.encode(), body, algorithm).digest())}


@dataclass(frozen=True)
class Told:
    """An event as the vendor sends it, and the answer that it wants."""

    body: bytes = b""
    query: str = ""
    method: str = "POST"
    content_type: str = JSON
    proof: Callable[[bytes], Mapping[str, str]] = field(default=lambda _: {})
    answer: bytes = b"{}"
    answered_as: str = JSON
    is_kept: bool = True

    async def send(self, stage: Stage) -> httpx.Response:
        headers = {"Content-Type": self.content_type, **self.proof(self.body)}
        url = f"{stage.bridge_url}/events/main?{self.query}"
        return await stage.http.request(self.method, url, content=self.body, headers=headers)


RINGS = {"phone": "972722776772", "ivrid": "i1", "extenUser": "SIPDana1", "did": "", "status": "Ringing"}
FORM = "application/x-www-form-urlencoded"
SIGNED = by_hmac("X-Signature", "sha256", lambda digest: base64.b64encode(digest).decode())
SPARK = by_hmac("X-Spark-Signature", "sha1", bytes.hex)
PRESENCE = {"event": "/restapi/v1.0/account/1/extension/7/presence?x", "body": {"activeCalls": []}}
EVENTS: Mapping[str, Mapping[str, Told]] = {
    "voicenter": {
        "pop-up by JSON": Told(json.dumps(RINGS).encode(), f"secret={SECRET}", answer=b'{"STATUS":"OK"}'),
        "pop-up by a form": Told(
            b"phone=972722776772&ivrid=i1&extenUser=SIPDana1&status=Talking",
            f"secret={SECRET}", content_type=FORM, answer=b'{"STATUS":"OK"}',
        ),
        "pop-up by its address": Told(
            query=f"secret={SECRET}&phone=972722776772&ivrid=i1&extenUser=SIPDana1&statusCall=Ringing",
            method="GET", answer=b'{"STATUS":"OK"}',
        ),
        "record of a call": Told(
            b'{"ivruniqueid":"i1","callerextension":"SIPDana1","status":"ANSWER"}',
            f"secret={SECRET}", answer=b'{"Err":0,"Errdesc":"OK"}',
        ),
    },
    "ozeki": {
        "notification": Told(
            b"NotificationName=CallChanged&CallState=InCall", f"secret={SECRET}", content_type=FORM,
            answer=NOTHING, answered_as="text/plain",
        ),
        "routing, which its own dial plan decides": Told(
            b"NotificationName=RoutingInterception&CallerID=1", f"secret={SECRET}", content_type=FORM,
            answer=NOTHING, answered_as="text/plain",
        ),
    },
    "yeastar": {
        "call": Told(b'{"type":30011,"sn":"1","msg":"{\\"call_id\\":\\"1\\",\\"members\\":[]}"}', proof=SIGNED),
        "another kind": Told(b'{"type":30005,"sn":"1","msg":{}}', proof=SIGNED, is_kept=False),
    },
    "ringcentral": {
        "presence": Told(
            json.dumps(PRESENCE).encode(), "extension=101", proof=lambda _: {"Verification-Token": SECRET}
        ),
        "another kind": Told(
            b'{"event":"/restapi/v1.0/glip/posts"}', proof=lambda _: {"Verification-Token": SECRET},
            answer=NOTHING, is_kept=False,
        ),
        "challenge": Told(proof=lambda _: {"Validation-Token": "t" * 36}, answer=NOTHING, is_kept=False),
    },
    "webex": {
        "call": Told(b'{"resource":"telephony_calls","event":"updated","actorId":"a","data":{}}', proof=SPARK),
        "another kind": Told(b'{"resource":"messages"}', proof=SPARK, is_kept=False),
    },
}  # fmt: skip
CASES = [
    pytest.param(kind, event, id=f"{kind}: {name}") for kind, each in EVENTS.items() for name, event in each.items()
]


def test_every_make_that_sends_events_is_among_them() -> None:
    able = {kind for kind in registry.packages() if isinstance(registry.find(kind), ReadsEvents)}
    assert able == EVENTS.keys()


@pytest.mark.parametrize(("kind", "event"), CASES)
async def test_it_hears_what_it_wants_to_hear(tmp_path: Path, redis_url: Secret, kind: str, event: Told) -> None:
    make = simulated(kind, Secret(f"made-up-secret-of-{kind}"))
    keys = {"events": "push", "event_secret": SECRET}
    async with open_stage(tmp_path, redis_url, make, main_keys=keys) as stage:
        answer = await event.send(stage)
        assert (answer.status_code, answer.content) == (200, event.answer)
        assert answer.headers["content-type"].startswith(event.answered_as)
        head = sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)
        assert head + len(answer.content) <= MOST_BYTES
        assert bool(await listeners.waiting_events(stage.redis, "main", "")) is event.is_kept
        assert stage.systems["main"].asked == 0, "the answer waits for nobody"


@pytest.mark.parametrize(("kind", "event"), CASES)
async def test_who_cannot_prove_it_is_told_nothing(tmp_path: Path, redis_url: Secret, kind: str, event: Told) -> None:
    make = simulated(kind, Secret(f"made-up-secret-of-{kind}"))
    keys = {"events": "push", "event_secret": "another-secret-0123456789"}
    async with open_stage(tmp_path, redis_url, make, main_keys=keys) as stage:
        answer = await event.send(stage)
        is_challenge = not event.body and event.method == "POST"
        assert answer.status_code == (200 if is_challenge else 401)
        assert await listeners.waiting_events(stage.redis, "main", "") == []
