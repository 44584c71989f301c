"""`popbridge record`, with every make's simulator: its samples are replayed, and hold no number, name or secret."""

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.disguise import Disguise
from bridge.core.errors import PbxError
from bridge.core.http_types import Reply, Secret
from bridge.core.json_codec import as_json
from bridge.core.model import Caller, CallerKind
from bridge.pbx.contract import Listing
from bridge.pbx.recorded_samples import samples
from bridge.pbx.recording import record
from bridge.pbx.registry import find, packages, simulator
from bridge.pbx.switchboard import Extension, Switchboard
from tests.contract.samples import Sample
from tests.contract.session import NOW, SimulatorSession
from tests.contract.test_pbx import assert_named, come_of
from tests.makes.test_asterisk_recordings import KEYS, SITUATIONS, Replay, expected

SECRET, KEY = Secret("made-up-secret-0123456789"), b"key of the tests"
URL = "http://phone-system.example"
NUMBERS = ("0522340002", "0543450003", "+972549998877", "5551234", "0722776772")
NAMES = ("Ruth Levi", "רות כהן", "O'Neil", "Ziva", "Omer")
MAKES = [*((kind, {}) for kind in packages()), ("asterisk", {"interface": "ari"})]


def recorded(kind: str, more: dict[str, Any]) -> tuple[dict[str, bytes], Switchboard]:
    """What was recorded while three people are on the phone, and one waits."""
    adapter, described = find(kind), simulator(kind)
    names = {short: described.extension_of(f"SIPZiva{short}", short) for short in ("8107", "8108", "8109")}
    board = Switchboard([Extension(name, NAMES[3], short, email="ziva@firm.example") for short, name in names.items()])
    one, two, three = names.values()
    callers = [Caller(number, name=name, kind=CallerKind.NUMBER) for number, name in zip(NUMBERS, NAMES, strict=True)]
    talk = board.incoming([one, two], callers[0], NOW, did=NUMBERS[4], customdata={"ticket": "Secret-4711"})
    board.answer(talk, one, NOW)
    board.incoming([two, three], callers[1], NOW, did=NUMBERS[4])
    board.outgoing(three, callers[2], NOW)
    board.internal(three, one, NOW)
    board.wait("Ziva", callers[3], NOW)
    app = Starlette(routes=[Mount(described.path, described.build(board, SECRET).app())])
    account = adapter.account.model_validate({"kind": kind, **described.section(URL + described.path, SECRET), **more})

    async def run() -> dict[str, bytes]:
        answers = await record(adapter, account, SimulatorSession(adapter, account, app))
        return await samples(adapter, account, answers, "busy", NOW, KEY)

    return asyncio.run(run()), board


@pytest.mark.parametrize(("kind", "more"), MAKES)
def test_no_number_name_or_secret_is_left(kind: str, more: dict[str, Any]) -> None:
    files, _ = recorded(kind, more)
    told = "\n".join(body.decode("utf-8", "replace") for body in files.values())
    assert '"calls"' in told
    for private in (
        *NUMBERS,
        "972549998877",
        "549998877",
        "522340002",
        SECRET.reveal(),
        "4711",
        "phone-system.example",
    ):
        assert private not in told, private
    for name in ("Ruth", "Levi", "רות", "כהן", "Neil", "Ziva", "ziva", "Omer"):
        assert not re.search(rf"(?<![A-Za-z]){name}(?![a-z])", told), name
    assert not re.search(r"\b810[789]\b", told)


@pytest.mark.parametrize(("kind", "more"), MAKES)
def test_a_recording_is_replayed_by_the_contract_tests(kind: str, more: dict[str, Any]) -> None:
    """Written as a sample, read as a sample; and the same calls are on as many extensions as they were."""
    files, board = recorded(kind, more)
    asked = set()
    for name, body in files.items():
        if name.endswith(".expected.json"):
            continue
        expected = json.loads(files[f"{Path(name).stem}.expected.json"])
        assert expected["from"] == "recorded"
        asked.add(expected["ask"])
        found = come_of(Sample(kind, Path(name).stem, body, expected))
        if isinstance(found, PbxError):
            assert type(found).__name__ == expected["error"]
            continue
        if isinstance(found, Listing):
            assert_named(as_json(found.extensions), expected["extensions"], "extensions")
            shown = sorted(len(calls) for calls in found.extensions.values() if calls)
            assert shown == sorted(len(board.calls(one)) for one in board.extensions)
            assert len({call.caller.number for calls in found.extensions.values() for call in calls}) == len(
                {call.caller.number for call in board.all_calls()}
            )
        elif expected["ask"] == "extensions":
            assert sorted(found) == expected["names"]
            assert len(found) == len(board.extensions)
    assert "calls" in asked


def disguise(*private: str) -> Disguise:
    return Disguise(KEY, NOW.timestamp(), {"Ringing", "PJSIP"}, private)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('{"state":"Ringing","n":12}', '{"state":"Ringing","n":12}'),
        (
            '{"started_at":"2026-11-22T10:00:00Z","t":1795341600}',
            '{"started_at":"2026-11-22T10:00:00Z","t":1795341600}',
        ),
        ('{"status":"Odd word","rows":[]}', '{"status":"Odd word","rows":[]}'),
        (
            "Event: Newstate\r\nChannelStateDesc: Pre-ring\r\n\r\n",
            "Event: Newstate\r\nChannelStateDesc: Pre-ring\r\n\r\n",
        ),
        ("<Call><State>Busy</State></Call>", "<Call><State>Busy</State></Call>"),
    ],
)
def test_what_says_what_is_going_on_is_kept(written: str, kept: str) -> None:
    assert disguise().document(written) == kept


def test_equal_stays_equal_in_every_form_and_unlike_stays_unlike() -> None:
    hider = disguise("0522340002", "Ruth")
    said = hider.document(
        '{"a":"0522340002","b":"sip:+972522340002@x","c":"Ruth Levi","d":"\\u05e8\\u05d5\\u05ea","e":"רות"}'
    )
    found = json.loads(said)
    assert found["a"][-7:] == found["b"].split("@")[0][-7:]
    assert found["a"][-7:] != "2340002"
    assert found["d"] == found["e"] != "רות"
    assert hider.value("Ruth") == found["c"].split(" ")[0]
    assert re.fullmatch(r"052\d{7}", found["a"])


@given(st.lists(st.from_regex(r"[0-9]{3,12}", fullmatch=True), unique=True, max_size=40))
def test_numbers_are_told_apart_as_before(numbers: list[str]) -> None:
    hider = disguise(*numbers)
    for number in numbers:
        hider.avoid(number)
    made = [hider.value(number) for number in numbers]
    assert [len(one) for one in made] == [len(one) for one in numbers]
    assert len(set(made)) == len(numbers)
    assert not set(made) & set(numbers)


def test_bytes_that_are_no_text_stay_so(tmp_path: Path) -> None:
    name = "דנה".encode("windows-1255")
    hider = disguise()
    text = (b'{"cname":"' + name + b'"}').decode("utf-8", "surrogateescape")
    body = hider.document(text).encode("utf-8", "surrogateescape")
    assert name not in body
    with pytest.raises(UnicodeDecodeError):
        body.decode()
    assert len(json.loads(body.decode("windows-1255"))["cname"]) == 3
    assert Reply(200, {}, body, 1.0).body == body


def test_what_came_on_a_connection_of_its_own_is_recorded_and_replayed_too() -> None:
    """The protocol is not HTTP: lengths are told before the bodies, and must be those of the replaced ones."""
    adapter = find("freeswitch")
    board = Switchboard([Extension("8107", "Ziva", "8107")])
    board.incoming(["8107"], Caller(NUMBERS[0], name=NAMES[1], kind=CallerKind.NUMBER), NOW, did=NUMBERS[4])
    fake = simulator("freeswitch").build(board, SECRET)

    async def run() -> dict[str, bytes]:
        async with fake.event_socket() as port:
            keys = {"kind": "freeswitch", "base_url": f"127.0.0.1:{port}", "interface": "esl", "region": "IL"}
            account = adapter.account.model_validate({**keys, "domain": "acme.example", "password": SECRET.reveal()})
            answers = await record(adapter, account, SimulatorSession(adapter, account, None))
            return await samples(adapter, account, answers, "esl", NOW, KEY)

    files = asyncio.run(run())
    told = b"\n".join(files.values()).decode()
    assert [
        private for private in (*NUMBERS[:1], *NAMES[1:2], "8107", "acme", SECRET.reveal()) if private in told
    ] == []
    body, expected = files["esl_calls.txt"], json.loads(files["esl_calls.expected.json"])
    assert body.startswith(b"Content-Type: auth/request\n\n")
    assert (expected["raw"], expected["account"]["interface"]) == (True, "esl")
    found = come_of(
        Sample("freeswitch", "esl", body, {**expected, "account": {**expected["account"], "base_url": "h:1"}})
    )
    assert isinstance(found, Listing), found
    assert as_json(found.extensions) == expected["extensions"]
    (calls,) = found.extensions.values()
    assert calls[0].state == "ringing"


@pytest.mark.parametrize("situation", SITUATIONS)
def test_what_a_real_system_answered_says_the_same_without_its_numbers(situation: str) -> None:
    """Recordings of a real one, recorded once more: states, directions and hold are as they were."""
    adapter = find("asterisk")
    keys = {"kind": "asterisk", "base_url": URL, **KEYS, "trunks": ["provider"]}
    account = adapter.account.model_validate(keys)
    session = SimulatorSession(adapter, account, Replay(situation).app())

    async def run() -> dict[str, bytes]:
        return await samples(adapter, account, await record(adapter, account, session), "again", NOW, KEY)

    files = asyncio.run(run())
    told = b"\n".join(files.values()).decode()
    names = (
        "0501234567",
        "0722776772",
        "Moshe",
        "Peretz",
        "Dana",
        "Cohen",
        "provider",
        "C-4711",
        "אורית",
        "Invented42",
    )
    assert [name for name in names if name in told] == []
    found = come_of(
        Sample("asterisk", "again", files["again_calls.txt"], json.loads(files["again_calls.expected.json"]))
    )
    assert isinstance(found, Listing), found
    assert whats_on(as_json(found.extensions)) == whats_on(expected(situation))


def whats_on(extensions: dict[str, Any]) -> list[list[tuple[str, str, str]]]:
    words = ("state", "direction", "started_at")
    return sorted(sorted(tuple(call[word] for word in words) for call in calls) for calls in extensions.values())
