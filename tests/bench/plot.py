"""How cost grows as a drawing (SVG), in a few lines of its own: by clicks a second and, if measured, by account."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tests.bench.click import ENOUGH
from tests.bench.figures import plain

WIDTH, HEIGHT, LEFT, TOP, GAP, BELOW = 400, 230, 60, 50, 80, 80
COLOURS = ("#8a8a8a", "#c0392b", "#1b6ec2", "#2e8b57", "#8e44ad")
STYLE = "font-family:system-ui,sans-serif;font-size:12px"
LEAST = 0.1
"""The lower end of a scale at the lowest: less is drawn as this much."""
CHARACTER, SWATCH = 6.5, 34
"""Widths in the legend."""
NOTE = "A hollow mark: the rate was not kept up with. Both axes are logarithmic."

Rows = Sequence[Mapping[str, Any]]
Lines = dict[str, list[tuple[float, float, bool]]]
"""By name: across, up, and whether the rate was kept up with."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing of a row of them; `unit` is what stands behind the numbers below."""

    title: str
    lines: Lines
    unit: str


def drawn(clicks: Rows, growth: Rows) -> str:
    """A line of panels for each of the parts that were measured."""
    by_rate = [
        Panel("p99 beyond the phone system's 40 ms, in ms", _lines(clicks, "system", "rate", "p99_ms"), "/s"),
        Panel("web processor time per click, in ms", _lines(clicks, "system", "rate", "web_ms"), "/s"),
    ]
    accounts = [_sized(row) for row in growth if row["of"] == "account"]
    by_size = [
        Panel("web processor time per click, in ms, by account", _lines(accounts, "make", "size", "web_ms"), ""),
        Panel("event loop's longest stall, in ms, by account", _lines(accounts, "make", "size", "stall_ms"), ""),
    ]
    there = [line for line in (by_rate, by_size) if line[0].lines]
    width, line_height = 2 * (WIDTH + GAP) + 20, TOP + HEIGHT + BELOW
    height = line_height * len(there) + 20
    body = "".join(part for at, line in enumerate(there) for part in _line_of(line, at * line_height))
    note = _text(LEFT, height - 12, NOTE, "", fill="#555555")
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" style="{STYLE}">'
    return f'{head}<rect width="100%" height="100%" fill="white"/>{body}{note}</svg>\n'


def _sized(row: Mapping[str, Any]) -> dict[str, Any]:
    """`ozeki: 1,000 calls` as a make and a size."""
    make, _, rest = row["name"].partition(": ")
    size, what = rest.split()
    return {**row, "make": f"{make}, {what}", "size": int(size.replace(",", ""))}


def _lines(rows: Rows, name: str, across: str, up: str) -> Lines:
    found: Lines = {}
    for row in rows:
        if row[up] is not None:
            found.setdefault(row[name], []).append((row[across], row[up], row["done_share"] >= ENOUGH))
    return found


def _line_of(panels: Sequence[Panel], top: float) -> Iterator[str]:
    """Panels beside each other, one legend below them."""
    for at, panel in enumerate(panels):
        yield from _panel(panel, LEFT + at * (WIDTH + GAP), top + TOP)
    left, down = float(LEFT), top + TOP + HEIGHT + 48
    for colour, name in zip(COLOURS, panels[0].lines, strict=False):
        yield _rule(left, down - 4, left + 20, down - 4, colour, 2.5) + _text(left + 26, down, name, "")
        left += SWATCH + CHARACTER * len(name) + 14


def _panel(panel: Panel, left: float, top: float) -> Iterator[str]:
    points = [point for line in panel.lines.values() for point in line]
    steps = sorted({across for across, _, _ in points})
    marks = _marks([up for _, up, _ in points])

    def x(across: float) -> float:
        return left + WIDTH * math.log(across / steps[0]) / (math.log(steps[-1] / steps[0]) or 1.0)

    def y(up: float) -> float:
        return top + HEIGHT * (1 - math.log(max(up, marks[0]) / marks[0]) / math.log(marks[-1] / marks[0]))

    yield _text(left, top - 18, panel.title, "", weight="bold")
    for mark in marks:
        yield _rule(left, y(mark), left + WIDTH, y(mark), "#e2e2e2", 1)
        yield _text(left - 8, y(mark) + 4, f"{mark:,g}", "end")
    for step in steps:
        yield _text(x(step), top + HEIGHT + 20, f"{step:,}{panel.unit}", "middle")
    for colour, (name, line) in zip(COLOURS, panel.lines.items(), strict=False):
        path = " ".join(f"{x(across):.1f},{y(up):.1f}" for across, up, _ in line)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" stroke-linejoin="round"/>'
        for across, up, kept in line:
            told = f"<title>{escape(name)}, {across:,}{panel.unit}: {plain(up)}</title>"
            where = f'cx="{x(across):.1f}" cy="{y(up):.1f}" r="3.5"'
            yield f'<circle {where} fill="{colour if kept else "white"}" stroke="{colour}">{told}</circle>'


def _marks(values: Sequence[float]) -> list[float]:
    """Lines of the scale around all values: 1, 2, 5, 10, … or, where that would be many, 1, 10, 100, …"""
    least, most = max(LEAST, min(values)), max(LEAST, *values)
    powers = range(math.floor(math.log10(least)), math.ceil(math.log10(most)) + 1)
    fine = [float(f"{digit}e{power}") for power in powers for digit in (1, 2, 5)]
    lower, upper = (
        max(each for each in fine if each <= least),
        min((each for each in fine if each > most), default=most),
    )
    marks = [each for each in fine if lower <= each <= upper]
    return marks if len(marks) <= 8 else [float(f"1e{power}") for power in (*powers, powers[-1] + 1)][: len(powers)]


def _text(x: float, y: float, text: str, anchor: str, weight: str = "normal", fill: str = "#222222") -> str:
    where = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor or "start"}"'
    return f'<text {where} font-weight="{weight}" fill="{fill}">{escape(text)}</text>'


def _rule(x1: float, y1: float, x2: float, y2: float, colour: str, width: float) -> str:
    where = f'x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"'
    return f'<line {where} stroke="{colour}" stroke-width="{width:g}"/>'
