"""The audit log at length: archiving, each filter's first page and its plan, export and its memory, proving, erasing.

On SQLite and, where there is one, on a PostgreSQL of its own. Lines go in by the archive itself, a click and the end of
its delivery each, so the chain is twice as long as `--lines`.
"""

import asyncio
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from statistics import median
from typing import Any

from sqlalchemy import text

from bridge.audit import erase, export, held, overwrite, query, retention
from bridge.audit.archive import Archive
from bridge.audit.search import Place, Search
from bridge.audit.subject import CallerSubject
from bridge.audit.verify import verify
from bridge.core.http_types import Secret
from bridge.core.json_codec import time_text
from tests import postgres
from tests.audit import entries
from tests.bench.figures import percentile, plain, table
from tests.bench.report import Options, Report

BATCH, TIMES, PAGE = 1000, 30, 50
REGIONS = ["IL", "HU"]


class _NothingWaits:
    """A Redis whose audit stream is empty."""

    async def xrange(self, *_: object, **__: object) -> list[object]:
        return []


def measure(options: Options) -> Report:
    """Every figure of the log at `options.lines` clicks."""
    rows: list[dict[str, Any]] = []
    for name, opened in (("SQLite", _sqlite), ("PostgreSQL", _postgres)):
        if not options.wants(name):
            continue
        if name == "PostgreSQL" and (reason := postgres.why_not()):
            print(f"bench: {reason}", file=sys.stderr)
            continue
        with opened() as archive:
            rows += [{"database": name, **row} for row in _figures(archive, options.lines, name)]
    pages = [row for row in rows if "filter" in row]
    return Report(
        f"audit: {options.lines:,} clicks, as many ends of deliveries",
        [_work_table([row for row in rows if "work" in row]), _page_table(pages)],
        rows,
    )


@contextmanager
def _sqlite() -> Iterator[Archive]:
    with tempfile.TemporaryDirectory(prefix="popbridge-bench-") as folder:
        archive = Archive(Secret(f"sqlite:///{folder}/audit.db"))
        yield archive
        archive.close()


@contextmanager
def _postgres() -> Iterator[Archive]:
    with postgres.running() as server:
        archive = Archive(server.new_database())
        yield archive
        archive.close()


def _figures(archive: Archive, lines: int, name: str) -> Iterator[dict[str, Any]]:
    seconds = _timed(lambda: _fill(archive, lines, name))
    yield {"work": "archived", "seconds": seconds, "lines": 2 * lines}
    if archive.is_sqlite:
        retention.optimize(archive)
    else:
        with archive.outside() as connection:
            connection.execute(text("VACUUM ANALYZE"))
    for asked, place in _questions(lines):
        yield _page(archive, asked, place)
    verdict = verify(archive, progress=lambda count: _say(f"{name}: {count:,} lines proven"))
    assert verdict.ok, verdict.findings
    yield {"work": "proven", "seconds": _timed(lambda: verify(archive)), "lines": verdict.entries}
    for share, since in (("a tenth", lines * 9 // 10), ("all", 0)):
        _say(f"{name}: {share} is exported")
        yield {"work": f"exported: {share}", **_export(archive, time_text(entries.moment(since)))}
    mark = CallerSubject.of(entries.number_of(7), REGIONS)
    theirs = held.find(archive, mark)
    spent = _timed(lambda: erase._empty(archive, mark, "bench", entries.START, {}))
    yield {"work": "erased", "seconds": spent, "lines": len(theirs.numbers)}
    yield {"work": "rewritten", "seconds": _timed(lambda: overwrite.overwrite(archive)), "lines": 2 * lines}


def _fill(archive: Archive, lines: int, name: str) -> None:
    for first in range(0, lines, BATCH):
        some = range(first, min(lines, first + BATCH))
        archive.insert([entry for number in some for entry in (entries.lookup(number), entries.end(number))])
        if first % (BATCH * 20) == 0:
            _say(f"{name}: {first:,} clicks archived")


def _questions(lines: int) -> Iterator[tuple[dict[str, str], Place | None]]:
    middle = entries.moment(lines // 2)
    hour = {"since": time_text(middle), "until": time_text(middle + timedelta(hours=1))}
    number = entries.number_of(7)
    for asked in (
        {}, {"crm": "acme"}, {"crm": "nowhere"}, {"crm_user": "agent7@acme.example"}, {"crm_user": "nobody"},
        {"extension": "SIP7"}, {"outcome": "pbx-unreachable"}, {"outcome": "pbx-refused"}, {"caller": number},
        {"caller": "0501234567"}, {"did": "0776707528"}, {"ivrid": f"2026110108{7:012x}"}, {"since": "0s"}, hour,
        {"caller": number, "crm": "acme", "outcome": "found", **hour},
    ):  # fmt: skip
        yield asked, None
    yield {}, (time_text(middle), lines)
    yield {"outcome": "pbx-unreachable"}, (time_text(middle), lines)


def _page(archive: Archive, asked: dict[str, str], place: Place | None) -> dict[str, Any]:
    wanted = Search.read(asked, REGIONS, entries.moment(10**8))
    spent = [_timed(lambda: query.read(archive, wanted, PAGE, place)) * 1000 for _ in range(TIMES)]
    found, _ = query.read(archive, wanted, PAGE, place)
    return {
        "filter": " ".join(asked) + (" (a page in the middle)" if place else "") or "none",
        "found": len(found),
        "ms": median(spent),
        "p95_ms": percentile(spent, 0.95),
        "plan": _plan(archive, wanted, place),
    }


def _plan(archive: Archive, wanted: Search, place: Place | None) -> list[str]:
    """The database's own account of how it finds the page."""
    with archive.reading() as connection:
        statement = query.statement(wanted, PAGE + 1, place)
        sql = str(statement.compile(connection, compile_kwargs={"literal_binds": True})).replace("%", "%%")
        rows = connection.exec_driver_sql(("EXPLAIN QUERY PLAN " if archive.is_sqlite else "EXPLAIN ") + sql)
        return [str(row[3] if archive.is_sqlite else row[0]) for row in rows]


def _export(archive: Archive, since: str) -> dict[str, Any]:
    """In a process of its own, so that the most memory it ever had is the export's."""
    command = [sys.executable, "-m", "tests.bench.audit", archive._url.reveal(), since]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return {"seconds": float(told[0]), "lines": int(told[1]), "peak_mb": float(told[2])}


async def _exported(url: str, since: str) -> None:
    archive = Archive(Secret(url))
    wanted = Search.read({"since": since}, REGIONS, entries.START)
    started, lines = time.perf_counter(), 0
    async for _, some in export.texts(archive, _NothingWaits(), wanted, "csv"):  # type: ignore[arg-type]
        lines += some
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(time.perf_counter() - started, lines, peak)
    archive.close()


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _say(what: str) -> None:
    print(f"bench: {what}", file=sys.stderr)


def _work_table(rows: list[dict[str, Any]]) -> str:
    head = ["work", "database", "lines", "s", "lines/s", "peak MB"]
    told = []
    for row in rows:
        speed = plain(row["lines"] / row["seconds"])
        lines, peak = f"{row['lines']:,}", plain(row.get("peak_mb"))
        told.append([row["work"], row["database"], lines, plain(row["seconds"]), speed, peak])
    return table(head, told)


def _page_table(rows: list[dict[str, Any]]) -> str:
    told = (
        [row["filter"], row["database"], str(row["found"]), plain(row["ms"]), plain(row["p95_ms"]), _way(row["plan"])]
        for row in rows
    )
    return table(["first page by", "database", "found", "ms", "p95 ms", "way"], told)


def _way(plan: list[str]) -> str:
    """The indexes of a plan, and whether anything is sorted or read from end to end; `--json` has the whole plan."""
    names = sorted({word.strip("(),") for line in plan for word in line.split() if word.startswith("lookups_by")})
    sorts = any("Sort " in line or "TEMP B-TREE" in line for line in plan)
    whole = any("Seq Scan" in line or line == "SCAN lookups" for line in plan)
    return ", ".join(names) + (" + sort" if sorts else "") + (" + whole table" if whole else "")


if __name__ == "__main__":
    asyncio.run(_exported(*sys.argv[1:]))
