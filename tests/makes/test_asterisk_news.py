"""Which channels are asked for again after an event: recorded events of a real Asterisk, and its lists."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bridge.core.http_types import Reply, Secret
from bridge.pbx.asterisk import wire
from bridge.pbx.asterisk.ami import Access, block_of
from bridge.pbx.asterisk.calls import Rules, read_calls
from bridge.pbx.asterisk.kept import Kept
from bridge.pbx.asterisk.legs import Leg
from bridge.pbx.asterisk.news import MOST_ALONE, News
from bridge.pbx.contract import Listing
from tests.contract import samples

SAMPLES = samples.folder(samples.PBX, "asterisk") / "samples"
EVENTS = Path(__file__).parent / "asterisk_events"
"""`NAME.txt`: what AMI sent between the situation before and this one."""
RULES = Rules(frozenset({"PJSIP"}), frozenset(), "FROM_DID", ("CUSTOMER_ID",))
ACCESS = Access("http://pbx.example", "popbridge", Secret("Invented42"))
FOLLOWING = {
    "02_incoming_ringing": "01_idle",
    "03_incoming_answered": "02_incoming_ringing",
    "04_incoming_hold_by_agent": "03_incoming_answered",
    "05_incoming_resumed": "04_incoming_hold_by_agent",
    "06_incoming_hold_by_caller": "05_incoming_resumed",
    "07_after_hangup": "06_incoming_hold_by_caller",
    "11_outgoing_talking": "10_outgoing_dialing",
    "41_ringgroup_answered_by_102": "40_ringgroup_ringing",
    "61_two_calls_held_and_talking": "60_two_calls_talking_and_ringing",
    "71_blind_transfer_talking_102": "70_blind_transfer_ringing_102",
    "82_attended_transferred": "80_attended_consult_ringing",
    "91_local_talking": "90_local_ringing",
    "a1_originate_dialing": "a0_originate_agent_rings",
    "a2_originate_talking": "a1_originate_dialing",
}


def read(legs: Sequence[Leg]) -> Listing:
    return read_calls(legs, "main", RULES)


def listed(situation: str) -> dict[str, Leg]:
    reply = Reply(200, {}, (SAMPLES / f"{situation}.txt").read_bytes(), 0.0)
    return {leg.channel: leg for leg in wire.read_legs(reply, ACCESS)}


def told(situation: str) -> News:
    news, text = News(), (EVENTS / f"{situation}.txt").read_bytes().replace(b"\r\n", b"\n")
    for event in text.split(b"\n\n"):
        news.take(block_of(event.replace(b"\n", b"\r\n")))
    return news


@pytest.mark.parametrize("situation", FOLLOWING)
def test_the_channels_that_are_asked_for_again_are_all_that_have_changed(situation: str) -> None:
    before, now = listed(FOLLOWING[situation]), listed(situation)
    names = told(situation).to_ask(before)
    if names is None:
        return  # all are asked for
    kept = Kept(read, before.values())
    kept.replace(names, [now[name] for name in names if name in now])
    assert kept.legs == now
    assert kept.listing() == read([*now.values()])


def test_most_events_lead_to_a_question_for_few_channels() -> None:
    whole = {situation for situation in FOLLOWING if told(situation).to_ask(listed(FOLLOWING[situation])) is None}
    assert whole <= {"71_blind_transfer_talking_102", "82_attended_transferred", "91_local_talking"}


def test_what_names_no_channel_or_very_many_leads_to_the_list_of_all() -> None:
    nameless, many, nothing = News(), News(), News()
    nameless.take(block_of(b"Event: Newstate\r\n\r\n"))
    for number in range(MOST_ALONE + 1):
        many.take(block_of(f"Event: Newchannel\r\nChannel: PJSIP/{number}-1\r\n\r\n".encode()))
    nothing.take(block_of(b"Event: QueueMemberStatus\r\nChannel: PJSIP/101-1\r\n\r\n"))
    assert (nameless.to_ask({}), many.to_ask({}), bool(nothing)) == (None, None, False)


def test_a_call_that_shares_a_bridge_with_another_is_read_with_all_of_its_channels() -> None:
    """As parked calls do: what the other's channels tell of it is in no bridge."""

    def leg(name: str, counted: int, call: int, **more: str) -> Leg:
        return Leg(f"PJSIP/{name}-0000000{counted}", f"170000000{call}.{counted}", f"170000000{call}.{call}", **more)

    def legs(state: str) -> list[Leg]:
        return [
            leg("trunk", 1, 1, state="Up", number="0522340002", exten="101", application="Dial"),
            leg("101", 2, 1, state="Up", number="101", bridge="lot"),
            leg("trunk", 3, 3, state="Up", number="0543450003", exten="102", application="Dial"),
            leg("102", 4, 3, state=state, number="102", bridge="lot"),
        ]

    before, now = legs("Ringing"), legs("Up")
    kept = Kept(read, before)
    kept.replace([now[3].channel], [now[3]])
    assert kept.listing() == read(now)
    assert kept.listing() != read(before)
