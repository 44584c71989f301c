"""`./dev lint`: does a lock file name a version with a known vulnerability? Asked by pip-audit, told in one line.

Who cannot ask (offline, or behind an index that tells none) is told so, and it is no failure: CI asks again.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
COMMAND = (sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off", "--timeout", "5")
LOCKED = ("--disable-pip", "--require-hashes")
AWAY = ("ConnectionError", "ConnectTimeout", "ReadTimeout", "Could not connect", "ServiceError", "redirecting")
"""Words in pip-audit's complaint when nobody answers."""
SECONDS = 60.0
ACCEPTED: dict[str, str] = {}
"""Advisories that do not concern this project, each with the reason."""


@dataclass(frozen=True)
class Told:
    """What is known: packages that were looked up, those that were not, a line for each vulnerability."""

    known: int
    untold: int
    vulnerable: list[str]


class Away(Exception):
    """Nobody answers."""


def ask(lock_files: Sequence[Path], options: Sequence[str] = ()) -> Told:
    """What the advisories say of all that is locked. Raises `Away`, and RuntimeError when pip-audit cannot do it."""
    ignored = [word for name in ACCEPTED for word in ("--ignore-vuln", name)]
    named = [word for file in lock_files for word in ("--requirement", str(file))]
    environ = {**os.environ, "PIP_NO_INPUT": "1"}
    try:
        done = subprocess.run(
            [*COMMAND, *LOCKED, *ignored, *named, *options],
            capture_output=True, text=True, check=False, timeout=SECONDS, env=environ,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Away from None
    if not done.stdout.startswith("{"):
        if any(word in done.stderr for word in AWAY):
            raise Away
        raise RuntimeError(done.stderr.strip()[-500:] or f"pip-audit ended with {done.returncode}")
    return read(json.loads(done.stdout)["dependencies"])


def read(rows: Sequence[dict[str, Any]]) -> Told:
    """pip-audit's answer."""
    looked_up = [row for row in rows if "skip_reason" not in row]
    vulnerable = [
        f"{row['name']} {row['version']}: {one['id']}; mended in {', '.join(one['fix_versions']) or 'no version yet'}"
        for row in looked_up
        for one in row["vulns"]
    ]
    return Told(len(looked_up), len(rows) - len(looked_up), vulnerable)


def judge(lock_files: Sequence[Path], options: Sequence[str] = ()) -> tuple[str, int]:
    """The line to show, and the exit code. The smallest file goes first: where nothing is told of it, ask no more."""
    try:
        first = min(lock_files, key=lambda file: file.stat().st_size)
        told = ask([first], options)
        if told.known and len(lock_files) > 1:
            told = ask(lock_files, options)
    except Away:
        return "advisories: NOT CHECKED: nobody answers; is this machine offline?", 0
    except RuntimeError as error:
        return f"advisories: pip-audit failed: {error}", 1
    if told.vulnerable:
        return "\n".join(f"advisories: {line}; ./dev lock --upgrade" for line in told.vulnerable), 1
    if not told.known:
        return "advisories: NOT CHECKED: this package index tells none", 0
    rest = f"; {told.untold} are not told of" if told.untold else ""
    return f"advisories: none for {told.known} locked packages{rest}", 0


if __name__ == "__main__":
    line, code = judge(sorted(ROOT.glob("requirements*.lock")), sys.argv[1:])
    print(line)
    sys.exit(code)
