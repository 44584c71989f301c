"""What Voicenter sends beside what it documents: rows of junk, half characters, times of Israel's wall clock."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bridge.core.errors import PbxRefused, PbxUnintelligible
from bridge.core.http_types import Reply
from bridge.core.json_codec import as_json, json_text
from bridge.core.model import Call
from bridge.core.reasons import say
from bridge.pbx.contract import CallQueue, Listing
from bridge.pbx.voicenter import ADAPTER, EPOCH, Account, wire
from tests.contract import samples
from tests.contract.samples import PBX
from tests.contract.session import ScriptedSession

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
ISRAEL = ZoneInfo("Asia/Jerusalem")
GOOD: dict[str, Any] = {"ivrid": "good", "callstatus": "Talking", "callerphone": "0722776772", "direction": "Incoming"}


class Asked:
    """An account whose answers are given, and what its session keeps between them."""

    def __init__(self, **keys: Any) -> None:
        self.account: Account = samples.account(PBX, "voicenter", **keys)
        self.session = ScriptedSession(ADAPTER, self.account, [], NOW)

    def _answers(self, answer: object) -> None:
        self.session._replies = [Reply(200, {}, json.dumps(answer).encode(), 1.0)]

    def listing(self, rows: object, now: datetime = NOW) -> Listing:
        self._answers({"ERR": 0, "DESC": "OK", "EXTENSIONS": rows})
        self.session.now = now
        return asyncio.run(ADAPTER.calls(self.account, self.session, None))

    def call(self, now: datetime = NOW, **fields: Any) -> Call:
        listing = self.listing([{"username": "SIPDana1", "calls": [{**GOOD, **fields}]}], now)
        return listing.extensions["SIPDana1"][0]

    def queues(self, answer: object, queue: str | None = None) -> tuple[CallQueue, ...]:
        self._answers(answer)
        return asyncio.run(ADAPTER.queues(self.account, self.session, queue))

    def restart(self) -> None:
        """Another process: it has what is remembered, and nothing else."""
        self.session.local = {}


def wall(moment: datetime) -> int:
    """As Voicenter counts: the wall clock, read as if it were UTC."""
    return int(moment.astimezone(ISRAEL).replace(tzinfo=UTC).timestamp())


def utc(moment: datetime) -> int:
    return int(moment.timestamp())


def ago(**how_long: float) -> datetime:
    return NOW - timedelta(**how_long)


# Rows of junk


JUNK: list[Any] = [
    None, 0, 1, 1.5, True, "junk", "", [], [[]], ["x"], {}, {"foo": 1}, {"username": None}, {"username": ""},
    {"username": "\u200f"}, {"name": "User 1", "calls": []},
]  # fmt: skip


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_a_row_of_junk_beside_a_good_call_leaves_the_call_and_is_counted(junk: Any) -> None:
    listing = Asked().listing([junk, {"username": "SIPDana1", "calls": [GOOD]}, junk])
    assert [call.ivrid for call in listing.extensions["SIPDana1"]] == ["good"]
    assert listing.empty_hint is not None
    assert say(listing.empty_hint) == "2 rows of the phone system's list could not be parsed"


@pytest.mark.parametrize("junk", [None, 0, "junk", "", [], [{}], {}, {"foo": 1}, True, -1.5, [None]], ids=repr)
def test_a_call_of_junk_beside_a_good_call_leaves_the_call_and_is_counted(junk: Any) -> None:
    rows = [{"username": "SIPDana1", "calls": [junk, GOOD]}, {"username": "SIPOmer2", "calls": []}]
    listing = Asked().listing(rows)
    assert [call.ivrid for call in listing.extensions["SIPDana1"]] == ["good"]
    assert (set(listing.unreadable), listing.extensions["SIPOmer2"]) == ({"SIPDana1"}, ())


@pytest.mark.parametrize("rows", [*([junk] for junk in JUNK), None, {}, "x", 5], ids=repr)
def test_junk_alone_never_passes_for_idle_extensions(rows: Any) -> None:
    with pytest.raises(PbxUnintelligible):
        Asked().listing(rows)


@pytest.mark.parametrize("junk", [None, 0, "x", [], [1]], ids=repr)
def test_junk_beside_queues_and_waiting_callers_leaves_the_others(junk: Any) -> None:
    caller = {"Phone": "0722776772", "CallID": "1", "Duration": 5}
    queue = {"ID": 7, "Name": "Sales", "Weight": 5, "Callers": [junk, caller]}
    (found,) = Asked().queues({"ERR": 0, "QUEUES": [junk, queue]})
    assert (found.queue, found.weight, [one.caller.number for one in found.callers]) == ("7", 5, ["0722776772"])


# Text


@pytest.mark.parametrize("half", ["\ud83d", "a\ud83d", "\udfffb", "\ude00\ud83d"], ids=ascii)
def test_half_a_character_is_replaced_wherever_it_stands(half: str) -> None:
    row = {
        "username": f"SIP{half}",
        "name": half,
        "representative": half,
        "calls": [
            {
                **dict.fromkeys(("ivrid", "callername", "callerphone", "did", "callstatus"), f"x{half}"),
                "customdata": {f"key{half}": half, "OriginalIvrUniqueID": half},
                "recording": {"Filename": half},
            }
        ],
    }
    listing = Asked().listing([row])
    written = repr(as_json(listing.extensions)) + repr(listing.names) + repr(listing.details)
    assert written.encode().decode() == written
    assert "?" not in json_text(listing.extensions), "a question mark would look like the caller's own"
    (call,) = next(iter(listing.extensions.values()))
    assert call.ivrid.encode()


@pytest.mark.parametrize(
    ("sent", "number"),
    [
        ("\u202a+972722776772\u202c", "+972722776772"),
        ("072\u200b2776772\r\n", "0722776772"),
        ("\ufeff0722776772\x00", "0722776772"),
        (722776772, "722776772"),
        (972722776772.0, "972722776772"),
        (None, ""),
        (True, "true"),
        ("0" * 5000, "0" * 1000),
    ],
    ids=ascii,
)
def test_a_number_is_taken_without_invisible_marks(sent: object, number: str) -> None:
    assert Asked().call(callerphone=sent).caller.number == number


def test_an_extension_with_invisible_marks_is_that_extension() -> None:
    listing = Asked().listing([{"username": "\u200eSIPDana1\u200f\n", "calls": [GOOD]}])
    assert list(listing.extensions) == ["SIPDana1"]


def test_custom_data_keeps_its_lines_and_is_bounded() -> None:
    call = Asked().call(customdata={"note": "one\ntwo\x00\x07", "long": "x" * 9000, "k\n\u200b": 1.0})
    assert call.customdata == {"note": "one\ntwo", "long": "x" * 2000, "k": "1"}


def test_who_is_logged_in_is_kept() -> None:
    row = {
        **{"username": "SIPDana1", "name": "Dana", "representative": "Omer", "userID": 7, "onlineUserID": 8},
        **{"onlineUserStatus": 1, "extensionID": 9, "calls": [], "other": 1},
    }
    details = Asked().listing([row]).details["SIPDana1"]
    assert details == {
        **{"representative": "Omer", "userID": "7", "onlineUserID": "8"},
        **{"onlineUserStatus": "1", "extensionID": "9"},
    }


# Times


AGES = [timedelta(hours=3), timedelta(hours=4, minutes=30), timedelta(hours=9), timedelta(days=1), timedelta(days=6)]


@pytest.mark.parametrize("age", AGES, ids=str)
@pytest.mark.parametrize("state", ["Talking", "Hold", "Parked"])
@pytest.mark.parametrize("count", [wall, utc])
def test_the_start_of_an_old_call_is_unknown_rather_than_wrong(age: timedelta, state: str, count: Any) -> None:
    call = Asked().call(callStarted=count(NOW - age), callAnswered=count(NOW - age), callstatus=state)
    assert (call.started_at, call.answered_at) == (None, None)


@pytest.mark.parametrize(
    "young",
    [
        {"callStarted": wall(ago(minutes=1)), "callstatus": "Ringing"},
        {"callStarted": wall(ago(minutes=1)), "callstatus": "Talking"},
        {"callStarted": wall(ago(minutes=100)), "callstatus": "Hold"},
        {"callStarted": wall(ago(hours=6)), "callAnswered": wall(ago(minutes=1)), "callstatus": "Talking"},
        {"callStarted": str(wall(ago(minutes=1))), "callstatus": "Dialing"},
        {"callStarted": wall(ago(hours=5)), "ivrid": "2026112207000022555eb61e755c08a1"},
    ],
)
def test_one_call_that_decides_tells_the_clock_of_all_later_ones(young: dict[str, Any]) -> None:
    account, old = Asked(), ago(hours=5)
    assert account.call(callStarted=wall(old)).started_at is None
    account.call(**young)
    assert account.call(callStarted=wall(old)).started_at == old
    account.restart()
    assert account.call(callStarted=wall(old)).started_at == old, "it is remembered for all processes"


@pytest.mark.parametrize(
    "young",
    [
        {"callStarted": utc(ago(minutes=1)), "callstatus": "Ringing"},
        {"callStarted": utc(ago(minutes=20)), "callstatus": "Dialing"},
        {"callStarted": utc(ago(hours=5)), "ivrid": "2026112207000022555eb61e755c08a1"},
    ],
)
def test_an_account_that_counts_utc_is_learned_too(young: dict[str, Any]) -> None:
    account, old = Asked(), ago(hours=5)
    assert account.call(callStarted=utc(old)).started_at is None
    account.call(**young)
    assert account.call(callStarted=utc(old)).started_at == old


def test_a_ringing_call_that_nobody_ended_does_not_outweigh_what_is_certain() -> None:
    account = Asked()
    account.call(callStarted=wall(ago(minutes=1)))
    account.call(callStarted=wall(ago(hours=2, minutes=5)), callstatus="Ringing")
    assert account.call(callStarted=wall(ago(hours=5))).started_at == ago(hours=5)


def test_what_is_certain_outweighs_what_is_likely() -> None:
    rings = [{**GOOD, "callstatus": "Ringing", "callStarted": count(ago(minutes=1))} for count in (utc, wall)]
    listing = Asked().listing([{"username": "SIPDana1", "calls": rings}])
    assert listing.extensions["SIPDana1"][1].started_at == ago(minutes=1)


def test_calls_that_contradict_each_other_teach_nothing() -> None:
    began = {"ivrid": "2026112207000022555eb61e755c08a1"}
    calls = [{**GOOD, **began, "callStarted": count(ago(hours=5))} for count in (utc, wall)]
    account = Asked()
    listing = account.listing([{"username": "SIPDana1", "calls": calls}])
    assert [call.started_at for call in listing.extensions["SIPDana1"]] == [None, None]
    assert account.session.memory.remembered == {}


@pytest.mark.parametrize("started", [0, -1, "", None, "soon", 1e400, 99999999999, "9" * 400, [], {}, True], ids=repr)
def test_a_time_that_is_none_teaches_nothing(started: object) -> None:
    account = Asked()
    account.call(callStarted=started, callAnswered=started)
    assert EPOCH not in account.session.memory.remembered or started == 99999999999
    assert account.call(callStarted=wall(ago(hours=5))).started_at in (None, ago(hours=5))


def test_summer_and_winter_time_are_those_of_the_call() -> None:
    account, july = Asked(), datetime(2026, 7, 1, 9, 0, tzinfo=UTC)
    account.call(callStarted=wall(ago(minutes=1)))
    assert account.call(july + timedelta(hours=5), callStarted=wall(july)).started_at == july


@pytest.mark.parametrize(("setting", "count"), [("local", wall), ("utc", utc)])
def test_a_clock_that_is_set_is_not_learned(setting: str, count: Any) -> None:
    account = Asked(epoch=setting)
    for moment in (ago(hours=5), ago(minutes=1), ago(days=1)):
        assert account.call(callStarted=count(moment)).started_at == moment
    assert account.session.memory.remembered == {}


def test_a_zone_without_an_offset_has_nothing_to_learn() -> None:
    assert Asked(timezone="UTC").call(callStarted=utc(ago(hours=5))).started_at == ago(hours=5)


@pytest.mark.parametrize("text", ["", "mars 3", "local", "local 9", "utc 4", "{}", "local 3 "])
def test_what_was_remembered_by_nobody_is_ignored(text: str) -> None:
    account = Asked()
    account.session.memory.remembered[EPOCH] = text
    assert account.call(callStarted=wall(ago(hours=5))).started_at is None


def test_what_other_processes_have_learned_is_not_looked_up_for_each_question() -> None:
    account = Asked()
    account.call(callStarted=wall(ago(hours=5)))
    account.session.memory.remembered[EPOCH] = "local 3"
    assert account.call(callStarted=wall(ago(hours=5))).started_at is None
    later = NOW + timedelta(seconds=11)
    assert account.call(later, callStarted=wall(ago(hours=5))).started_at == ago(hours=5)


def test_calls_are_made_for_whom_somebody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    account, read = Asked(), list[str]()

    def counted(call: Any, pbx: str, extension: str, clock: Any) -> Call:
        read.append(extension)
        return made(call, pbx, extension, clock)

    made = wire._call
    monkeypatch.setattr(wire, "_call", counted)
    listing = account.listing([{"username": f"SIP{n}", "calls": [GOOD]} for n in range(50)])
    assert listing.extensions["SIP7"][0].extension == "SIP7"
    assert read == ["SIP7"]


def test_a_large_account_teaches_by_its_first_calls_and_now_and_then_by_all() -> None:
    account = Asked()
    rows = [{"username": f"SIP{n}", "calls": [{**GOOD, "callStarted": utc(ago(minutes=9))}]} for n in range(50)]
    account.listing(rows)
    rows[-1]["calls"] = [{**GOOD, "callStarted": wall(ago(minutes=1))}]
    assert account.listing(rows).extensions["SIP49"][0].started_at is None
    assert account.listing(rows, NOW + timedelta(seconds=10)).extensions["SIP49"][0].started_at == ago(minutes=1)


def test_how_long_somebody_waits_is_told_by_the_time_of_joining_where_nothing_else_does() -> None:
    account = Asked()
    account.call(callStarted=wall(ago(minutes=1)))
    callers = [{"Phone": "1", "JoinTime": wall(ago(minutes=3))}, {"Phone": "2", "Duration": 21, "JoinTime": 5}]
    (queue,) = account.queues({"ERR": 0, "QUEUES": [{"ID": 7, "Callers": callers}]})
    assert [(one.caller.number, one.waiting_seconds) for one in queue.callers] == [("1", 180.0), ("2", 21.0)]


# Queues


@pytest.mark.parametrize(
    "text", ["Queue is not found in this account", "queue 7 not found", "QUEUE IS NOT FOUND", "Queue\u00a0not found"]
)
def test_an_unknown_queue_is_no_queue(text: str) -> None:
    assert Asked().queues({"ERR": 2, "DESC": text}, "7") == ()


@pytest.mark.parametrize(
    ("answer", "queue"),
    [
        ({"ERR": 2, "DESC": "Internal error."}, "7"),
        ({"ERR": 1, "DESC": "Authorization failed."}, "7"),
        ({"ERR": 2, "DESC": "Queue is not found in this account"}, None),
        ({"ERR": 2}, "7"),
    ],
)
def test_another_error_is_no_unknown_queue(answer: object, queue: str | None) -> None:
    with pytest.raises(PbxRefused):
        Asked().queues(answer, queue)
