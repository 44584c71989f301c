"""After a run with `--cov`: the total and the ten least covered files, instead of a table of all."""

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest

SHOWN = 10


def summary(report: dict[str, Any]) -> list[str]:
    """The lines for a report of coverage's, as it stands in its JSON."""
    percent = {file: found["summary"]["percent_covered"] for file, found in report["files"].items()}
    least = sorted(percent, key=lambda file: (percent[file], file))[:SHOWN]
    total = report["totals"]
    head = f"coverage: {total['percent_covered']:.0f} % of {total['num_statements']} statements in {len(percent)} files"
    return [f"{head}; least:", *(f"  {percent[file]:3.0f} %  {file}" for file in least)]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    if not config.getoption("cov_source", None):
        return
    from coverage import Coverage  # only with --cov: nobody else needs it

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(None):
        file = Path(folder, "report.json")
        measured = Coverage()
        measured.load()
        measured.json_report(outfile=str(file))
        lines = summary(json.loads(file.read_text(encoding="utf-8")))
    for line in lines:
        terminalreporter.write_line(line)
