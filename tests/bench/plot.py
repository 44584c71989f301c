"""Latency and cost of a click by rate as a drawing (SVG), in a few lines of its own."""

import math
from collections.abc import Iterator, Sequence
from html import escape
from typing import Any

from tests.bench.figures import plain

WIDTH, HEIGHT, LEFT, TOP, GAP = 420, 240, 60, 40, 90
COLOURS = ("#888888", "#c0392b", "#1b6ec2", "#2e8b57", "#8e44ad")
PANELS = (("p99_ms", "p99 beyond the phone system's 40 ms, ms"), ("web_ms", "web processor time per click, ms"))
LEAST = 0.1
"""The lower end of the scale: less is drawn as this much."""

Rows = Sequence[dict[str, Any]]


def clicks(rows: Rows) -> str:
    """Both panels beside each other, both axes logarithmic."""
    width, height = 2 * (WIDTH + GAP), HEIGHT + 2 * TOP + 30
    body = "".join(part for at, (key, title) in enumerate(PANELS) for part in _panel(rows, key, title, at))
    style = "font-family:sans-serif;font-size:11px"
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" style="{style}">'
    return f'{head}<rect width="100%" height="100%" fill="white"/>{body}</svg>\n'


def _panel(rows: Rows, key: str, title: str, at: int) -> Iterator[str]:
    there = [row for row in rows if row.get(key) is not None]
    if not there:
        return
    rates = sorted({row["rate"] for row in there})
    most = max(1.0, *(row[key] for row in there))
    left = LEFT + at * (WIDTH + GAP)

    def x(rate: float) -> float:
        span = math.log(rates[-1] / rates[0]) or 1.0
        return left + WIDTH * math.log(rate / rates[0]) / span

    def y(value: float) -> float:
        return TOP + HEIGHT * (1 - math.log(max(value, LEAST) / LEAST) / math.log(most / LEAST))

    yield f'<text x="{left}" y="{TOP - 15}" font-weight="bold">{escape(title)}</text>'
    for power in range(-1, math.ceil(math.log10(most)) + 1):
        if (value := 10.0**power) <= most:
            yield _line(left, y(value), left + WIDTH, y(value), "#dddddd")
            yield f'<text x="{left - 6}" y="{y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
    for rate in rates:
        yield f'<text x="{x(rate):.1f}" y="{TOP + HEIGHT + 16}" text-anchor="middle">{rate}/s</text>'
    for number, name in enumerate(dict.fromkeys(row["system"] for row in rows)):
        colour = COLOURS[number % len(COLOURS)]
        points = [(x(row["rate"]), y(row[key]), row[key]) for row in there if row["system"] == name]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down, _ in points)
        yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>'
        for across, down, value in points:
            told = f"<title>{escape(name)}: {plain(value)}</title>"
            yield f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}">{told}</circle>'
        yield f'<text x="{left + 110 * number}" y="{TOP + HEIGHT + 36}" fill="{colour}">{escape(name[:20])}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, colour: str) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'
