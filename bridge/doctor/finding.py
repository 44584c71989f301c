"""What the doctor finds."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Grade(StrEnum):
    """How something is: well, worth knowing, or broken."""

    OK = "OK"
    WARN = "WARN"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was asked: how it is, in words, and what mends it ("": nothing to mend)."""

    what: str
    grade: Grade
    told: str
    mend: str = ""

    def __str__(self) -> str:
        """For a terminal."""
        told = f"{self.grade:<4}  {self.what}: {self.told}"
        return f"{told}\n      mend: {self.mend}" if self.mend else told


def worst(findings: Iterable[Finding]) -> Grade:
    """OK when all is well, else the worst of them."""
    grades = {finding.grade for finding in findings}
    return Grade.FAIL if Grade.FAIL in grades else Grade.WARN if Grade.WARN in grades else Grade.OK
