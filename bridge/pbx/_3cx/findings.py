"""What the doctor is told about what an account may see; pure."""

from collections.abc import Sequence

from bridge.core.finding import Finding, Grade
from bridge.core.reasons import reason, say


def of(what: str, base_url: str, extensions: int, trunks: Sequence[str]) -> list[Finding]:
    """What was found: how many extensions it may see, and `trunks` with a call whose dialled number is not known."""
    if extensions:
        found = [Finding(what, Grade.OK, say(reason("3cx.extensions", count=extensions)))]
    else:
        found = [_finding(what, Grade.FAIL, "no-extensions", "select-extensions")]
    if trunks:
        told = say(reason("3cx.no-did", trunks=list(trunks)))
        found.append(Finding(what, Grade.WARN, told, say(reason("3cx.set-trunk-dids"))))
    if not base_url.startswith("https://"):
        found.append(_finding(what, Grade.WARN, "not-encrypted", "use-https"))
    return found


def _finding(what: str, grade: Grade, told: str, fix: str) -> Finding:
    return Finding(what, grade, say(reason(f"3cx.{told}")), say(reason(f"3cx.{fix}")))
