"""Numbers to read: medians, percentiles, Markdown tables."""

import math
from collections.abc import Iterable, Sequence
from statistics import median


def middle(values: Iterable[float | None]) -> float | None:
    """The median of those that are there, None when there are none."""
    there = [value for value in values if value is not None]
    return median(there) if there else None


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def plain(value: float | None) -> str:
    """Three digits that count, a dash where there is nothing."""
    if value is None:
        return "–"
    for least, decimals in ((100, 0), (10, 1)):
        if value >= least:
            return f"{value:,.{decimals}f}"
    return f"{value:.2f}"


def times(ours: float | None, theirs: float | None) -> str:
    """How many times `theirs` goes into `ours`."""
    return f"{plain(ours / theirs)} ×" if ours and theirs else "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; all columns but the first to the right."""
    lines = [list(head), ["---", *["---:"] * (len(head) - 1)], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
