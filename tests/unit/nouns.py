"""Nouns that several unit tests speak of. Nobody here is real."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bridge.core.delivery import Note
from bridge.core.model import (
    Agent,
    Call,
    Caller,
    CallState,
    Click,
    Direction,
    ExtensionId,
    Popup,
    PopupAgent,
    Recording,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
DANA = Agent(
    "acme", "dana@acme.example", "Dana Cohen", (ExtensionId("main", "SIPDana1"), ExtensionId("main", "SIPDana2"))
)
CLICK = Click("clk_1", "acme", NOON, "192.0.2.7", agent="dana@acme.example")


def call(
    ivrid: str = "c0ffee01",
    state: CallState = CallState.TALKING,
    started: int | None = 0,
    pbx: str = "main",
    extension: str = "SIPDana1",
    number: str = "0722776772",
    did: str = "",
    customdata: dict[str, str] | None = None,
    original: str | None = None,
) -> Call:
    """A call that started `started` seconds after noon, as an adapter gives it."""
    return Call(
        pbx=pbx,
        extension=extension,
        ivrid=ivrid,
        original_ivrid=original,
        did=did,
        did_label=None,
        direction=Direction.INCOMING,
        state=state,
        caller=Caller(number, name="רות לוי"),
        started_at=None if started is None else NOON + timedelta(seconds=started),
        answered_at=None,
        recording=Recording("c0ffee01.mp3", muted=False),
        customdata=customdata or {},
    )


POPUP = Popup(
    popup_id="pop_1",
    click_id="clk_1",
    created_at=NOON,
    expires_at=NOON + timedelta(seconds=120),
    agent=PopupAgent("acme", "dana@acme.example", "Dana Cohen", "main", "SIPDana1"),
    call=replace(call(did="0776707528", customdata={"ticket": "7"}), did_label="Sales line"),
    other_calls=(call("c0ffee02", CallState.HOLD),),
    why="talking now; 1 other call is on hold",
    record={"type": "contact", "id": "42", "url": "https://crm.acme.example/contacts/42"},
)
NOTE = Note("pop_1", "clk_1", POPUP.agent, POPUP.call.ivrid, "wants a quote", "follow-up", NOON + timedelta(seconds=90))
