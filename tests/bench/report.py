"""What a part of the bench is asked and what it tells."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Options:
    """How long to measure: so many interleaved rounds, so many seconds each time, so many pushes at once.

    `lines` is the length of the audit log, `pages` how many desktop pages are open, one number after the other.
    """

    rounds: int
    seconds: float
    concurrency: int = 64
    only: tuple[str, ...] = ()
    lines: int = 1_000_000
    pages: tuple[int, ...] = ()

    def wants(self, name: str) -> bool:
        """Whether this one is to be measured: all are unless some were named."""
        return not self.only or any(each in name for each in self.only)


@dataclass(frozen=True, slots=True)
class Report:
    """Tables for people, rows for programs."""

    title: str
    tables: list[str]
    rows: list[dict[str, Any]] = field(default_factory=list)

    def text(self) -> str:
        """As Markdown."""
        return "\n\n".join([f"## {self.title}", *self.tables])


Part = Callable[[Options], Report]
