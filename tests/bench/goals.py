"""The closing table: what was aimed at, what was measured, what the others did beside it."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from tests.bench import click, contacts, events, stall, worker
from tests.bench.figures import plain, table, times
from tests.bench.report import Report
from tests.bench.systems import OURS

Reports = Mapping[str, Report]
Line = Sequence[str]
HEAD = ("goal", "aim", "popbridge", "peers", "floor", "ratio", "met")
SLOW_MS, QUIET_MS = 200, 0
ASYNCIO = ("arq", "saq", "streaq", "taskiq")


def closing(reports: Reports) -> str:
    """Every row of the aims for speed that the parts measured can tell."""
    lines = [*_click_lines(reports.get("click")), *_worker_lines(reports.get("worker"))]
    lines += [*_stall_lines(reports.get("stall")), *_popup_lines(reports.get("popup"))]
    lines += [*_growth_lines(reports.get("growth")), *_overload_lines(reports.get("overload"))]
    lines += [*_contact_lines(reports.get("contacts")), *_event_lines(reports.get("events"))]
    lines += [*_desktop_lines(reports.get("desktop")), *_demo_lines(reports.get("demo"))]
    return "## aims\n\n" + table(HEAD, lines) if lines else ""


def _met(good: object) -> str:
    return "yes" if good else "no"


def _click_lines(report: Report | None) -> Iterator[Line]:
    rows = report.rows if report else []
    ours = click.at(rows, click.SHARED, 100)
    if not ours:
        return
    theirs, floor = click.at(rows, click.OBVIOUS, 100), click.at(rows, click.FLOOR, 100)
    alone = click.at(rows, click.ALONE, 100) or ours
    yield (
        "added to the phone system's 40 ms, 100 clicks/s, a question each: p50 / p99 ms",
        "≤ 3 / ≤ 8",
        _pair(alone),
        f"obvious script {_pair(theirs)}, Node-RED flow {_pair(click.at(rows, click.NODE_RED, 100))}",
        _pair(floor),
        times(theirs.get("p99_ms"), alone["p99_ms"]),
        _met(alone["p50_ms"] <= 3 and alone["p99_ms"] <= 8),
    )
    obvious, flow = click.kept_up(rows, click.OBVIOUS), f"Node-RED flow {click.kept_up(rows, click.NODE_RED) or '–'}"
    for name, aim in ((click.ALONE, 500), (click.SHARED, 1000)):
        best = click.kept_up(rows, name)
        most = f"clicks/s on one core, p99 ≤ 150 ms: {name}"
        floors = f"{click.kept_up(rows, click.FLOOR) or '–'}"
        yield (
            most, f"≥ {aim}", str(best or "–"), f"obvious script {obvious or '–'}, {flow}", floors,
            times(best, obvious), _met((best or 0) >= aim),
        )  # fmt: skip
    if shared := click.at(rows, click.SHARED, 300):
        asked = shared["questions"]
        yield ("questions per click at 300/s, shared", "≤ 0.02", f"{asked:.3f}", "1", "–", "–", _met(asked <= 0.02))
    costs = [row["web_ms"] + row["redis_ms"] for row in rows if row["system"] == click.SHARED]
    falls = all(later < sooner for sooner, later in pairwise(costs))
    told = " → ".join(map(plain, costs))
    yield ("processor ms per click from 5/s up", "falls", told, "–", "–", "–", _met(falls))


def _pair(row: Mapping[str, Any]) -> str:
    return f"{plain(row.get('p50_ms'))} / {plain(row.get('p99_ms'))}"


def _worker_lines(report: Report | None) -> Iterator[Line]:
    found = {(row["system"], row["delay_ms"]): row for row in report.rows} if report else {}
    ours = found.get((OURS, SLOW_MS))
    if not ours:
        return
    speeds = {name: row["jobs_per_s"] for (name, delay), row in found.items() if delay == SLOW_MS}
    stock = speeds.get("RQ Worker")
    best = max((name for name in ASYNCIO if name in speeds), key=speeds.__getitem__, default="")
    mine = ours["jobs_per_s"]
    what = "deliveries/s on one core, CRM answers after 200 ms"
    best_of = f"best of {', '.join(ASYNCIO)}"
    for name, whose, speed, aim in (
        ("RQ Worker", "RQ Worker", stock, 100),
        (best_of, best, speeds.get(best), 1.2),
    ):
        good = speed and mine >= aim * speed
        told = f"{whose} {plain(speed)}"
        most = f"at most {ours['at_once'] * 1000 // SLOW_MS} ({ours['at_once']} at once)"
        yield (f"{what}: beside {name}", f"≥ {aim} ×", plain(mine), told, most, times(mine, speed), _met(good))
    stock_row = found.get(("RQ Worker", SLOW_MS), {})
    for key, aim in (("commands", 30), ("round_trips", 1)):
        told, theirs = ours[key], stock_row.get(key)
        name = f"{key.replace('_', ' ')} to Redis per delivery at load"
        ratio = times(theirs, told)
        yield (name, f"≤ {aim}", plain(told), f"RQ Worker {plain(theirs)}", "–", ratio, _met(told <= aim))
    if quiet := found.get((OURS, QUIET_MS)):
        theirs = found.get(("RQ Worker", QUIET_MS), {})
        good = (quiet["p50_ms"] or 1e9) <= 12 and (quiet["p99_ms"] or 1e9) <= 40
        name = f"queue → CRM at {worker.RATE:g}/s: p50 / p99 ms"
        ratio = times(theirs.get("p50_ms"), quiet["p50_ms"])
        yield (name, "≤ 12 / ≤ 40", _pair(quiet), f"RQ Worker {_pair(theirs)}", "–", ratio, _met(good))


def _stall_lines(report: Report | None) -> Iterator[Line]:
    found = {row["system"]: row["longest_ms"] for row in report.rows} if report else {}
    ours = found.get(click.SHARED)
    if ours is None:
        return
    theirs, floor = found.get(stall.BLOCKING), found.get(click.FLOOR)
    name = "event loop's longest stall while Redis stands still for 200 ms, ms"
    told = f"{stall.BLOCKING} {plain(theirs)}"
    yield (name, "≤ 10", plain(ours), told, plain(floor), times(theirs, ours), _met(ours <= 10))


def _popup_lines(report: Report | None) -> Iterator[Line]:
    for row in report.rows if report else []:
        good = row["p50_ms"] <= 12 and row["p99_ms"] <= 40
        name = "button → popup at the CRM, quiet, less the phone system's 40 ms: p50 / p99 ms"
        yield (name, "≤ 12 / ≤ 40", _pair(row), "noted: RQ's forks 36 / 108", "–", "–", _met(good))


def _growth_lines(report: Report | None) -> Iterator[Line]:
    of_four = ("web", "4", 100)
    for row in report.rows if report else []:
        if (row["of"], row["name"], row["rate"]) == of_four:
            name, asked = "four web processes, 100 clicks/s, questions per click", row["questions"]
            yield (name, "≤ 0.1", plain(asked), "–", "–", "–", _met(asked <= 0.1))


def _overload_lines(report: Report | None) -> Iterator[Line]:
    for row in report.rows if report else []:
        name = f"5 × what it can answer, {row['system']}: share of that answered within 250 ms; /livez p99 ms"
        told = f"{row['share']:.0%}; {plain(row['livez_p99_ms'])}"
        yield (name, "≥ 90 %; ≤ 50", told, "–", "–", "–", _met(row["share"] >= 0.9 and row["livez_p99_ms"] <= 50))


def _contact_lines(report: Report | None) -> Iterator[Line]:
    found = {row["system"]: row for row in report.rows} if report else {}
    ours, beside = found.get(contacts.SEARCHED), found.get(contacts.UNSEARCHED, {})
    if ours:
        waited, most = ours["contacts_p50_ms"], ours["contacts_p99_ms"]
        told = f"{plain(waited)} / {plain(most)}"
        name = "click → contact on the card, CRM answers in 100 ms, less the phone system's 40: p50 / p99 ms"
        yield (name, "≤ 130", told, "–", "100", "–", _met(most is not None and most <= 130))
        cards = [plain(row.get("cards_p50_ms")) for row in (ours, beside)]
        yield ("click → card while the contact is searched: p50 ms", "no later", cards[0], "–", cards[1], "–", "–")


def _event_lines(report: Report | None) -> Iterator[Line]:
    for row in report.rows if report else []:
        most = 300 + (1000 * events.POLL_SECONDS if row["system"] == "poll" else 0)
        name = f"ring → card, 1,000 extensions, 50 changes/s, {row['system']}: p50 / p99 ms"
        good = row["p99_ms"] <= most and not row["missed"] and not row["doubled"]
        yield (name, f"≤ {most:g}", _pair(row), "–", "–", "–", _met(good))


def _demo_lines(report: Report | None) -> Iterator[Line]:
    for row in report.rows if report else []:
        yield (
            "second run of ./dev demo --once, s",
            "≤ 5",
            plain(row["seconds"]),
            "–",
            "–",
            "–",
            _met(row["seconds"] <= 5),
        )


DESKTOP = (
    ("MB per 1,000 idle pages", 16.0, "sse-starlette 44"),
    ("one page told, p99 ms", 5.0, "sse-starlette 2.5"),
    ("all told, each its own popup, ms", 400.0, "sse-starlette 833, one text to all"),
)
"""A row of the part, its aim at 10,000 pages, and the figure noted for a peer: it is not measured beside ours."""


def _desktop_lines(report: Report | None) -> Iterator[Line]:
    row = max(report.rows, key=lambda each: each["pages"], default={}) if report else {}
    for key, aim, noted in DESKTOP:
        if (value := row.get(key)) is not None:
            yield (
                f"desktop, {row['pages']:,} pages: {key}",
                f"≤ {aim:g}",
                plain(value),
                f"noted: {noted}",
                "–",
                "–",
                _met(value <= aim),
            )
