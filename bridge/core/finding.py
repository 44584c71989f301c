"""What was found when something that must work was tried, and how far an adapter was proven."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Proven(StrEnum):
    """How far an adapter was proven: it ran against a real system, reads recordings of one, or was made from the
    vendor's documentation alone."""

    REAL = "real"
    RECORDINGS = "recordings"
    DOCUMENTATION = "documentation"


class Grade(StrEnum):
    """How something is: fine, worth knowing, or broken."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tried: what, how it is, in words, and what fixes it ("": nothing to fix)."""

    what: str
    grade: Grade
    told: str
    fix: str = ""

    def __str__(self) -> str:
        """For a terminal."""
        told = f"{self.grade:<4}  {self.what}: {self.told}"
        return f"{told}\n      fix: {self.fix}" if self.fix else told


def worst(findings: Iterable[Finding]) -> Grade:
    """The worst grade among them; OK when there are none."""
    grades = {finding.grade for finding in findings}
    return Grade.FAIL if Grade.FAIL in grades else Grade.WARN if Grade.WARN in grades else Grade.OK
