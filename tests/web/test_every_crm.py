"""A press in every make of CRM: who is calling, the popup there, and the call in its history, once each."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.crm.contract import ChangesPopups, Delivers, FindsContacts, LogsCalls, ReadsClicks
from bridge.crm.registry import find, packages, simulator
from bridge.crm.simulation import Mood
from bridge.store.tokens import Role
from tests.stage import DANA, Stage, open_stage, until, working

pytestmark = pytest.mark.anyio
KNOWN, TWINS, ALIKE, NOBODY = "0522340002", "03-7654321", "+447522340002", "0543450009"


def able(*capabilities: type) -> list[str]:
    """The makes that have all of these, and a simulator with contacts."""
    return [kind for kind in packages() if all(isinstance(find(kind), capability) for capability in capabilities)]


@asynccontextmanager
async def office(folder: Path, redis_url: Secret, kind: str, **keys: object) -> AsyncIterator[Stage]:
    """A stage with a CRM of that make, and workers."""
    asked = {"search_seconds": 5.0, "popup_ttl_seconds": 60, **keys}
    async with open_stage(folder, redis_url, crms={"sales": kind}, crm_keys=asked) as stage, working(stage):
        yield stage


async def pressed(stage: Stage, press_id: str = "press-1") -> Any:
    answer = await stage.press("sales", press_id)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def popup(stage: Stage, popup_id: str) -> Any:
    return (await stage.get(f"/api/popups/{popup_id}", await stage.token(Role.SUPERVISOR))).json()


async def identified(stage: Stage, popup_id: str) -> Any:
    """The contact, once the CRM was asked."""

    async def contact() -> Any:
        found = (await popup(stage, popup_id))["contact"]
        return found if found["ms"] is not None else None

    return await until(contact)


async def settled(stage: Stage, popup_id: str) -> dict[str, str]:
    """The states of the deliveries to the CRM by what they brought, once none is pending."""

    async def ended() -> Any:
        told = await popup(stage, popup_id)
        states = {one["event"]: one["state"] for one in told["deliveries"] if one["target"] == "sales"}
        return states if "pending" not in states.values() else None

    found: dict[str, str] = await until(ended, 20)
    return found


def behave(stage: Stage, kind: str, mood: Mood) -> None:
    """The simulated CRM is so from now on."""
    become(stage.simulated_crms["sales"].faults, simulator(kind).moods[mood])


def become(faults: Any, wanted: Any) -> None:
    for field in fields(faults):
        setattr(faults, field.name, getattr(wanted, field.name))


whole = pytest.mark.parametrize("kind", able(ReadsClicks, Delivers, FindsContacts))


@whole
async def test_a_press_shows_who_is_calling_and_the_popup_there(tmp_path: Path, redis_url: Secret, kind: str) -> None:
    async with office(tmp_path, redis_url, kind) as stage:
        stage.talk(number=KNOWN)
        popup_id = (await pressed(stage))["popup"]["popup_id"]
        contact = await identified(stage, popup_id)
        assert (contact["status"], contact["crm"], contact["from"]) == ("one", "sales", "crm")
        assert contact["records"][0]["name"].startswith("Rivka")
        assert set((await settled(stage, popup_id)).values()) <= {"delivered"}
        assert len([one for one in stage.simulated_crms["sales"].shown() if one.agent == DANA]) <= 1


@whole
@pytest.mark.parametrize(
    ("number", "status", "names"), [(TWINS, "several", 2), (ALIKE, "none", 0), (NOBODY, "none", 0)]
)
async def test_several_are_several_and_a_wrong_hit_is_nobody(
    tmp_path: Path, redis_url: Secret, kind: str, number: str, status: str, names: int
) -> None:
    async with office(tmp_path, redis_url, kind) as stage:
        stage.talk(number=number)
        contact = await identified(stage, (await pressed(stage))["popup"]["popup_id"])
        assert (contact["status"], len(contact["records"])) == (status, names)


@pytest.mark.parametrize("kind", able(ChangesPopups))
async def test_a_target_that_can_change_its_popup_is_brought_the_contact(
    tmp_path: Path, redis_url: Secret, kind: str
) -> None:
    """Whether its popup has arrived by then or not; it is shown once."""
    searched = {"targets": ["sales", "chat", "desktop"], "search_seconds": 5.0}
    crms = {"sales": "odoo", "chat": kind}
    async with open_stage(tmp_path, redis_url, crms=crms, crm_keys=searched) as stage, working(stage):
        chat = stage.simulated_crms["chat"]
        for press_id, mood in (("press-1", "ok"), ("press-2", "down")):
            ivrid = stage.talk(number=KNOWN)
            become(chat.faults, simulator(kind).moods[mood])
            popup_id = (await pressed(stage, press_id))["popup"]["popup_id"]
            await identified(stage, popup_id)
            become(chat.faults, simulator(kind).moods["ok"])
            await until(lambda popup_id=popup_id: _named(chat, popup_id), 20)
            assert [one.popup_id for one in chat.shown()].count(popup_id) == 1
            stage.phone.hang_up(ivrid)


async def _named(chat: Any, popup_id: str) -> bool:
    """Whether the popup's message there has the contact's name."""
    return any("Rivka" in str(one) for one in chat.written(popup_id))


@pytest.mark.parametrize("kind", able(ReadsClicks, LogsCalls))
async def test_a_call_is_logged_once_however_often_the_button_is_pressed(
    tmp_path: Path, redis_url: Secret, kind: str
) -> None:
    async with office(tmp_path, redis_url, kind, log_calls=True) as stage:
        stage.talk(number=KNOWN)
        told = [await pressed(stage, f"press-{number}") for number in range(3)]
        ended = await asyncio.gather(*(settled(stage, answer["popup"]["popup_id"]) for answer in told))
        assert [states["call.log"] for states in ended] == ["delivered"] * 3
        logged = stage.simulated_crms["sales"].logged()
        assert [one.contact_id for one in logged] == ["9001"], "one record, linked to the caller"


@pytest.mark.parametrize("kind", able(ReadsClicks, LogsCalls))
async def test_a_call_is_logged_when_the_crm_works_again(tmp_path: Path, redis_url: Secret, kind: str) -> None:
    async with office(tmp_path, redis_url, kind, log_calls=True) as stage:
        await pressed(stage, "press-0")  # some have to be asked who it was, once
        stage.talk(number=KNOWN)
        behave(stage, kind, "down")
        popup_id = (await pressed(stage))["popup"]["popup_id"]

        async def tried() -> Any:
            return [one for one in (await popup(stage, popup_id))["deliveries"] if one["attempts"]]

        await until(tried)
        behave(stage, kind, "ok")
        assert set((await settled(stage, popup_id)).values()) == {"delivered"}
        assert len(stage.simulated_crms["sales"].logged()) == 1
        assert len([one for one in stage.simulated_crms["sales"].shown() if one.agent == DANA]) <= 1


@whole
async def test_the_popup_is_not_later_for_a_slow_search(tmp_path: Path, redis_url: Secret, kind: str) -> None:
    async with office(tmp_path, redis_url, kind, search_seconds=0.3, targets=["desktop"]) as stage:
        stage.talk(number=KNOWN)
        behave(stage, kind, "slow")
        answer = await pressed(stage)
        assert answer["popup"]["contact"]["status"] == "unknown"
        contact = await identified(stage, answer["popup"]["popup_id"])
        assert (contact["status"], contact["reason"]["code"]) == ("unknown", "timeout")


@pytest.mark.parametrize("kind", able(ReadsClicks, LogsCalls))
async def test_the_end_of_a_call_is_written_into_its_one_record(tmp_path: Path, redis_url: Secret, kind: str) -> None:
    asked = {"search_seconds": 5.0, "log_calls": True}
    polled = {"events": "poll", "poll_seconds": 0.2}
    opened = open_stage(tmp_path, redis_url, crms={"sales": kind}, crm_keys=asked, main_keys=polled)
    async with opened as stage, working(stage):
        ivrid = stage.talk(number=KNOWN)
        popup_id = (await pressed(stage))["popup"]["popup_id"]
        await until(lambda: _events_of(stage, popup_id, "call.log"), 20)
        stage.phone.hang_up(ivrid)
        await until(lambda: _events_of(stage, popup_id, "call.ended"), 20)
        logged = stage.simulated_crms["sales"].logged()
        assert [one.contact_id for one in logged] == ["9001"], "one record, linked to the caller"


async def _events_of(stage: Stage, popup_id: str, event: str) -> Any:
    """Whether that event of the popup's call was delivered; those of its end are listed by time only."""
    told = await stage.get("/api/deliveries?target=sales&state=delivered", await stage.token(Role.SUPERVISOR))
    return [one for one in told.json()["items"] if (one["popup_id"], one["event"]) == (popup_id, event)]
