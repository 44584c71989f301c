"""The popup that is made of the chosen call."""

from dataclasses import replace
from datetime import timedelta

from bridge.calls.labels import Labels, labelled
from bridge.clicks.choose import choose
from bridge.clicks.popup import make_popup
from bridge.core.model import CallState
from tests.unit.nouns import CLICK, DANA, NOON, call

LABELS = Labels({"0776707528": "Sales line"}, {"main": "IL", "office": "HU"})


def test_the_popup() -> None:
    transferred = call("b", did="0776707528", customdata={"OriginalIvrUniqueID": "z", "ticket": "7"}, original="z")
    click = replace(CLICK, record={"type": "contact", "id": "42"})
    calls = [call("a", CallState.HOLD, did="0776707528"), transferred]
    choice = choose([labelled(each, LABELS) for each in calls], None)
    assert choice is not None
    made = make_popup(click, DANA, choice, "pop_1", NOON, ttl=120)
    assert (made.popup_id, made.click_id, made.why) == ("pop_1", "clk_1", "talking now; 1 other call is on hold")
    assert (made.created_at, made.expires_at) == (NOON, NOON + timedelta(seconds=120))
    assert made.call == labelled(transferred, LABELS)
    assert (made.call.original_ivrid, made.call.did_label) == ("z", "Sales line")
    assert made.call.customdata == {"OriginalIvrUniqueID": "z", "ticket": "7"}
    assert [(other.ivrid, other.did_label, other.caller.e164) for other in made.other_calls] == [
        ("a", "Sales line", "+972722776772")
    ]
    assert made.record == {"type": "contact", "id": "42"}


def test_the_popup_names_the_extension_that_the_call_is_on() -> None:
    choice = choose([call("a", extension="SIPDana2", pbx="office")], None)
    assert choice is not None
    agent = make_popup(CLICK, DANA, choice, "pop_1", NOON, 120).agent
    assert (agent.crm, agent.crm_user, agent.name) == ("acme", "dana@acme.example", "Dana Cohen")
    assert (agent.pbx, agent.extension) == ("office", "SIPDana2")
