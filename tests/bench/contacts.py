"""Part `contacts`: from a click to the contact on the agent's card, with a CRM that answers a search after 100 ms.

Beside it the same bridge that searches nothing: the popup must not come later for the search.
"""

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench import desktop, machine
from tests.bench.busy_phone import TALKING_SHARE
from tests.bench.figures import middle, percentile, plain, table
from tests.bench.phone import DELAY_SECONDS
from tests.bench.processes import BenchFailed, free_port, module, redis_server, running, wait_until
from tests.bench.report import Options, Report

AGENTS, WARM, GAP_SECONDS = 1000, 10, 0.25
MOST_CLICKS = int(AGENTS * TALKING_SHARE) - WARM
"""Each is of another agent, whose caller was never searched for."""
CLICKS_PER_SECOND_ASKED = 60
SEARCHED, UNSEARCHED = "popbridge", "popbridge, search = false"
TOKEN = "token-of-acme-0123456789"
SETTINGS = """
[pbx.main]
kind = "voicenter"
base_url = "http://127.0.0.1:{phone}"
region = "IL"
code = "ACCOUNTCODE77"
[crm.acme]
kind = "espocrm"
base_url = "http://127.0.0.1:{records}"
api_key = "invented"
pbx = "main"
targets = ["desktop"]
search = {search}
search_in = ["Contact"]
agent_clicks_per_minute = 1000000
click_token = "{token}"
"""


class Card(desktop.PageClient):
    """A page that notes when its card and the card's contact came."""

    def __init__(self, request: bytes, came: desktop.Came) -> None:
        super().__init__(request, came)
        self.popup_at = self.contact_at = 0.0

    def event(self, event: bytes, at: float) -> None:
        """One event of the stream, whole."""
        if b"event: popup" in event:
            self.popup_at = at
        elif b"event: contact" in event and b'"status":"one"' in event:
            self.contact_at = at


@dataclass(frozen=True, slots=True)
class Waits:
    """Milliseconds from the click, one for each click; of contacts those that came."""

    answers: list[float]
    cards: list[float]
    contacts: list[float]


def measure(options: Options) -> Report:
    """With and without searches in turn, as many rounds as asked for."""
    clicks = min(MOST_CLICKS, int(options.seconds * CLICKS_PER_SECOND_ASKED))
    ways = [name for name in (SEARCHED, UNSEARCHED) if options.wants(name)]
    if not desktop.is_possible(AGENTS):
        return Report("contacts: left out", [], [])
    found: dict[str, list[Waits]] = {name: [] for name in ways}
    for number in range(options.rounds):
        for name in ways:
            found[name].append(one := asyncio.run(_round(name == SEARCHED, clicks)))
            told = f"card {_pair(one.cards)} ms, contact {_pair(one.contacts)} ms"
            print(f"bench: contacts, round {number + 1}, {name}: {told}", file=sys.stderr)
    rows = [_row(name, rounds) for name, rounds in found.items()]
    what = f"{clicks} clicks of callers never searched for, less the phone system's 40 ms"
    title = f"contacts: {what}; the CRM answers after 100 ms"
    return Report(title, [_table(rows)], rows)


async def _round(is_searched: bool, clicks: int) -> Waits:
    with _started(is_searched) as stage:
        agents = range(WARM + clicks)
        await desktop.add_clients(stage, len(agents), page=Card)
        async with desktop.pages_open(stage):
            reader, writer = await asyncio.open_connection("127.0.0.1", stage.port)
            waits = [await _click(stage, reader, writer, number, is_searched) for number in agents]
            writer.close()
    kept = [[1000 * (wait - DELAY_SECONDS) for wait in each if wait] for each in zip(*waits[WARM:], strict=True)]
    return Waits(*kept)


async def _click(
    stage: desktop.Stage, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, number: int, is_searched: bool
) -> tuple[float, float, float]:
    """Seconds to the answer, the card and its contact."""
    body = json.dumps({"agent": desktop.name_of(number)}).encode()
    head = (
        "POST /clicks/acme HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Authorization: Bearer {TOKEN}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    clicked = time.perf_counter()
    writer.write(head.encode() + body)
    told = (await reader.readuntil(b"\r\n\r\n")).lower()
    answer = await reader.readexactly(int(told.partition(b"content-length:")[2].split(b"\r\n")[0]))
    answered = time.perf_counter()
    if b'"found"' not in answer:
        raise BenchFailed(f"a click finds no call: {answer[:300].decode()}")
    page = stage.pages[desktop.name_of(number)]
    assert isinstance(page, Card)
    deadline = clicked + GAP_SECONDS * 8
    while not (page.popup_at and (page.contact_at or not is_searched)) and time.perf_counter() < deadline:
        await asyncio.sleep(0.001)
    await asyncio.sleep(max(0.0, clicked + GAP_SECONDS - time.perf_counter()))
    contact = page.contact_at - clicked if page.contact_at else 0.0
    return answered - clicked, page.popup_at - clicked, contact


@contextmanager
def _started(is_searched: bool) -> Iterator[desktop.Stage]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="popbridge-bench-")))
        server = stack.enter_context(redis_server(folder / "redis", machine.MEASURED))
        port, phone, records = free_port(), free_port(), free_port()
        file = folder / "popbridge.toml"
        told = {"phone": phone, "records": records, "search": str(is_searched).lower(), "token": TOKEN}
        file.write_text(desktop.settings_of(folder, port, server.url) + SETTINGS.format(**told))
        talking = int(AGENTS * TALKING_SHARE)
        rows = [f"acme,{desktop.name_of(number)},main,SIP{number},Agent {number}" for number in range(talking)]
        (folder / "agents.csv").write_text("\n".join(["crm,crm_user,pbx,extension,name", *rows]) + "\n")
        calls = module("tests.bench.busy_phone", str(phone), str(free_port()), str(AGENTS))
        stack.enter_context(running(calls, machine.LOAD, folder / "phone.log"))
        crm = module("tests.bench.records", str(records))
        stack.enter_context(running(crm, machine.LOAD, folder / "crm.log"))
        log = folder / "web.log"
        web = stack.enter_context(running(module("bridge", "--config", str(file), "serve"), machine.MEASURED, log))
        wait_until(lambda: "listens" in log.read_text(errors="replace"), "the web process starts")
        log = folder / "worker.log"
        stack.enter_context(running(module("workers", "--config", str(file)), machine.MEASURED, log))
        wait_until(lambda: "is ready" in log.read_text(errors="replace"), "the worker starts")
        yield desktop.Stage(server, port, web.pid)


def _pair(values: Sequence[float]) -> str:
    return f"{plain(percentile(values, 0.5))} / {plain(percentile(values, 0.99))}" if values else "–"


def _row(name: str, rounds: Sequence[Waits]) -> dict[str, Any]:
    row: dict[str, Any] = {"system": name}
    for what in ("answers", "cards", "contacts"):
        for share in (50, 99):
            each = [percentile(waits, share / 100) for one in rounds if (waits := getattr(one, what))]
            row[f"{what}_p{share}_ms"] = middle(each)
    return row


def _table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["click to …, ms: p50 / p99", "answer", "card", "contact on the card"]
    lines = []
    for row in rows:
        pairs = (
            (plain(row[f"{what}_p50_ms"]), plain(row[f"{what}_p99_ms"])) for what in ("answers", "cards", "contacts")
        )
        lines.append([row["system"], *(f"{p50} / {p99}" for p50, p99 in pairs)])
    return table(head, lines)
