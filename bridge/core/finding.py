"""The result of testing a dependency, and how far an adapter was proven."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bridge.core.json_fields import SPARSE
from bridge.core.reasons import Reason, say


class Proven(StrEnum):
    """How far an adapter was proven: it ran against a real system, reads recordings of one, or was made from the
    vendor's documentation alone."""

    REAL = "real"
    RECORDINGS = "recordings"
    DOCUMENTATION = "documentation"


class Grade(StrEnum):
    """OK, worth knowing, or broken."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One dependency that was tested: its name, its grade, a message, and the fix ("": nothing to fix).

    Both are English; pages say `reason` and `advice`, the same as data, in the reader's language. `worded` makes one.
    """

    what: str
    grade: Grade
    message: str
    fix: str
    reason: Reason = field(hash=False)
    advice: Reason | None = field(default=None, hash=False, metadata={SPARSE: True})

    def __str__(self) -> str:
        """For a terminal."""
        line = f"{self.grade:<4}  {self.what}: {self.message}"
        return f"{line}\n      fix: {self.fix}" if self.fix else line


def worded(what: str, grade: Grade, reason: Reason, advice: Reason | None = None) -> Finding:
    """A finding whose words are data."""
    return Finding(what, grade, say(reason), say(advice) if advice else "", reason, advice)


def worst(findings: Iterable[Finding]) -> Grade:
    """The worst grade among them; OK when there are none."""
    grades = {finding.grade for finding in findings}
    return Grade.FAIL if Grade.FAIL in grades else Grade.WARN if Grade.WARN in grades else Grade.OK


def counted(number: int, noun: str) -> str:
    """`1 agent`, `2 agents`."""
    return f"{number} {noun}{'s' * (number != 1)}"
