"""One click through the whole chain without a browser: every step told with its time, PASS at the end or the reason."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx

from bridge.crm.simulation import ShownPopup
from bridge.demo.cast import DANA
from bridge.demo.press import Button, Press
from bridge.demo.scenes import Director
from bridge.demo.stage import Stage
from bridge.pbx import registry

PATIENCE_SECONDS = 15.0
LOOK_SECONDS = 0.002


class StepFailed(RuntimeError):
    """A step did not do what it should; the text says which and why."""


def say(text: str) -> None:
    """One line for the person who looks, at once."""
    print(text, flush=True)  # noqa: T201 - this program's output


@contextmanager
def step(what: str) -> Iterator[list[str]]:
    """Tell what is done and how long it took; the block may add words to the list. Failures name the step."""
    words: list[str] = []
    started = time.perf_counter()
    try:
        yield words
    except (TimeoutError, httpx.HTTPError) as error:
        reason = str(error) or f"nothing came within {PATIENCE_SECONDS:g} s"
        raise StepFailed(f"{what}: {reason}") from error
    say(f"  {what:<34} {(time.perf_counter() - started) * 1000:8.1f} ms  {'; '.join(words)}".rstrip())


async def play_once(stage: Stage, director: Director, button: Button, agent_token: str) -> None:
    """A customer calls Dana, the button is pressed, the popup must come to the CRM and to the desktop.

    Raises `StepFailed`.
    """
    async with _desktop(stage, agent_token) as arrivals:
        with step("a customer calls, Dana answers") as words:
            await director.play("customer")
            words.append(f"on {stage.extension(DANA)} of a simulated {registry.find(stage.pbx_kind).title}")
        press = await _click(button)
        click_id = str((press.answer or {})["click_id"])
        with step("the popup is at the CRM") as words:
            received = await _shown_at_crm(button, str((press.answer or {})["popup"]["popup_id"]), press.pressed_at)
            since = (received.at - press.pressed_at) * 1000
            words += [f"shown to {received.agent}", f"{since:.1f} ms after the press"]
        with step("the popup is on the desktop page") as words:
            shown, arrived = await _arrival(arrivals, click_id)
            await _acknowledge(stage, agent_token, shown["popup_id"])
            words.append(f"{(arrived - press.pressed_at) * 1000:.1f} ms after the press; acknowledged")
    if shown["call"]["ivrid"] != received.ivrid != "":
        raise StepFailed("the desktop page and the CRM were sent different popups")
    _tell_popup(shown)
    await _tell_audit(button, click_id)


async def _shown_at_crm(button: Button, popup_id: str, since: float) -> ShownPopup:
    """The popup as the CRM's agent sees it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            for one in button.crm.shown():
                if one.popup_id == popup_id or (not one.popup_id and one.at >= since):
                    return one
            await asyncio.sleep(LOOK_SECONDS)


async def _click(button: Button) -> Press:
    with step("the button is pressed, and answered") as words:
        press = await button.press()
        answer = press.answer
        if answer is None:
            raise StepFailed(f"the click was not accepted: {press.problem}")
        words += [f"{answer['outcome']}: {answer['why']}"]
        words += [f"the phone system took {answer['pbx_ms']} ms of {answer['total_ms']} ms"]
    if answer["outcome"] != "found":
        raise StepFailed(f"the call was not found: {answer['outcome']}: {answer['why']}")
    return press


Arrival = tuple[Mapping[str, Any], float]


@asynccontextmanager
async def _desktop(stage: Stage, agent_token: str) -> AsyncIterator["asyncio.Queue[Arrival]"]:
    """Dana's desktop stream, open; what comes on it, each with the time it came."""
    arrivals: asyncio.Queue[Arrival] = asyncio.Queue()
    headers = {"Authorization": f"Bearer {agent_token}", "Accept": "text/event-stream"}
    timeout = httpx.Timeout(PATIENCE_SECONDS, read=None)
    async with httpx.AsyncClient(trust_env=False, timeout=timeout) as client:
        with step("the desktop stream is open"):
            response = await client.send(
                client.build_request("GET", f"{stage.bridge_url}/desktop/events", headers=headers), stream=True
            )
            if response.status_code != 200:
                raise StepFailed(f"the desktop stream was answered HTTP {response.status_code}")
        reading = asyncio.create_task(_read(response, arrivals))
        try:
            yield arrivals
        finally:
            reading.cancel()
            await asyncio.wait([reading])
            await response.aclose()


async def _read(response: httpx.Response, arrivals: "asyncio.Queue[Arrival]") -> None:
    event = ""
    async for line in response.aiter_lines():
        name, _, value = line.partition(": ")
        if name == "event":
            event = value
        elif name == "data" and event == "popup":
            arrivals.put_nowait((json.loads(value), time.time()))


async def _acknowledge(stage: Stage, agent_token: str, popup_id: str) -> None:
    """Tell the bridge, as a page does, that the popup is there and was seen."""
    headers = {"Authorization": f"Bearer {agent_token}"}
    async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE_SECONDS, headers=headers) as client:
        for event in ("delivered", "shown"):
            told = {"popup_id": popup_id, "event": event}
            (await client.post(f"{stage.bridge_url}/desktop/ack", json=told)).raise_for_status()


async def _arrival(arrivals: "asyncio.Queue[Arrival]", click_id: str) -> Arrival:
    """The popup of this click; those of earlier ones may come before it."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while True:
            popup, at = await arrivals.get()
            if popup["click_id"] == click_id:
                return popup, at


def _tell_popup(popup: Mapping[str, Any]) -> None:
    call = popup["call"]
    caller = call["caller"]
    say(f"\n  caller   {caller['name'] or '-'}  {caller['number']}  {caller['e164'] or ''}")
    say(f"  dialled  {call['did_label'] or '-'}  {call['did']}")
    say(f"  call     {call['state']}, {call['direction']}, ivrid {call['ivrid']}")
    say(f"  why      {popup['why']}")


async def _tell_audit(button: Button, click_id: str) -> None:
    """The line that the audit has of this click, or `StepFailed`."""
    lines = (await button.ask("/api/audit?limit=20")).get("items", [])
    line = next((line for line in lines if line.get("click_id") == click_id), None)
    if line is None:
        raise StepFailed("the audit log has no entry for this click")
    told = ("time", "crm_user", "extension", "outcome", "caller", "ivrid", "popup_id")
    say("  audit    " + "  ".join(str(line.get(name)) for name in told) + "\n")
