"""What verifying the log results in: findings, each about one entry, and an anchor to keep elsewhere."""

from dataclasses import dataclass, field

MOST_FINDINGS = 1000


@dataclass(frozen=True, slots=True)
class Anchor:
    """The newest entry at some moment, kept elsewhere: number, digest, time."""

    seq: int
    digest: str
    time: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong with one entry, by its number."""

    entry: int
    what: str


@dataclass(slots=True)
class Verdict:
    """How many entries were verified, the first, the last and the head, and what is wrong."""

    entries: int = 0
    first: int | None = None
    last: int | None = None
    head: Anchor | None = None
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.findings

    def report(self, entry: int, what: str) -> None:
        """Add a finding, up to as many as anybody would read."""
        finding = Finding(entry, what)
        if len(self.findings) < MOST_FINDINGS and finding not in self.findings[-4:]:
            self.findings.append(finding)
