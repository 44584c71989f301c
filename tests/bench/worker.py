"""Pushes by a worker on one core: how many a second from a backlog, and how soon after the button at 20 a second."""

import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.settings import load_settings
from tests.bench import machine
from tests.bench.deliveries import body
from tests.bench.figures import middle, percentile, plain, table, times
from tests.bench.processes import Server, free_port, redis_server, running, told_by
from tests.bench.report import Options, Report
from tests.bench.sink import Sink, open_sink
from tests.bench.systems import OURS, System, systems

DELAYS_MS = (0, 50, 200)
WARM_SECONDS = 0.7
"""Left out after the first job."""
WARM_JOBS = 8
RATE = 20.0
"""Jobs a second of the open loop."""
GRACE_SECONDS = 1.0
"""How long after the last arrival a job may end and still count as done."""
NOT_JOBS = ("info", "config|resetstat", "client|setinfo", "hello", "ping")

SETTINGS = """
data_dir = "{folder}/data"
[redis]
url = "{redis}"
[pbx.main]
kind = "voicenter"
base_url = "http://127.0.0.1:9"
code = "ACCOUNTCODE77"
[crm.acme]
kind = "webhook"
pbx = "main"
targets = ["acme"]
click_token = "token-of-acme-0123456789"
popup_url = "{target}"
popup_secrets = ["whsec_UG9wdXBTZWNyZXRQb3B1cFNlY3JldFBvcHVw"]
pushes_at_once = {concurrency}
"""


@dataclass(frozen=True, slots=True)
class Throughput:
    """From a backlog. Milliseconds of processor time, commands and round trips are per job."""

    jobs_per_s: float
    worker_ms: float
    redis_ms: float
    commands: float
    round_trips: float
    by_command: Mapping[str, float]
    doubled: int
    foreign_share: float


@dataclass(frozen=True, slots=True)
class Latency:
    """From the moment a job was meant to be queued to the CRM's answer, over those that were done in time."""

    p50_ms: float | None
    p99_ms: float | None
    done_share: float


@dataclass(frozen=True, slots=True)
class Stage:
    """What all measurements share."""

    folder: Path
    sink: Sink
    text: str
    options: Options

    @contextmanager
    def redis(self) -> Iterator[Server]:
        """A new one, beside the worker."""
        with (
            tempfile.TemporaryDirectory(dir=self.folder) as folder,
            redis_server(Path(folder) / "redis", machine.MEASURED) as server,
        ):
            yield server

    def environ(self, system: System, server: Server, delay_ms: int) -> dict[str, str]:
        """What a feeder and a worker are told."""
        target = self.sink.url(delay_ms)
        write_settings(self.folder, server.url, target, self.options.concurrency)
        told = {"BENCH_REDIS": server.url, "BENCH_TARGET": target, "BENCH_BODY": self.text}
        return {**told, **system.environ}

    def feed(self, system: System, environ: Mapping[str, str], *arguments: object) -> dict[str, float]:
        """Who was meant to be queued when."""
        told: dict[str, float] = told_by(
            [*system.feed, *map(str, arguments)], machine.LOAD, environ, 60 + 2 * self.options.seconds
        )
        return told


def config_file(folder: Path) -> Path:
    """popbridge's settings in `folder`."""
    return folder / "popbridge.toml"


def write_settings(folder: Path, redis: str, target: str, concurrency: int) -> Path:
    """popbridge's settings: one CRM, which may have as many pushes at once as there are places."""
    file = config_file(folder)
    file.write_text(SETTINGS.format(folder=folder, redis=redis, target=target, concurrency=concurrency))
    (folder / "agents.csv").write_text("crm,crm_user,pbx,extension,name\n")
    return file


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Counters that only grow, at one moment."""

    at: float
    worker: float
    redis: float
    core: float
    reads: int
    calls: Mapping[str, int]


def snapshot(server: Server, pids: Sequence[int]) -> Snapshot:
    """Now."""
    stats: Any = server.client.info("stats")
    commands: Any = server.client.info("commandstats")
    calls = {name.removeprefix("cmdstat_"): told["calls"] for name, told in commands.items()}
    worker, redis, core = sum(map(machine.seconds_of, pids)), machine.seconds_of(server.pid), machine.MEASURED
    return Snapshot(
        time.monotonic(), worker, redis, machine.seconds_of_core(core), stats["total_reads_processed"], calls
    )


def throughput(stage: Stage, system: System, delay_ms: int, round_number: int) -> Throughput:
    """A backlog first, then the worker; a window some time after its first job."""
    seconds = stage.options.seconds
    with stage.redis() as server:
        environ = stage.environ(system, server, delay_ms)
        stage.sink.forget()
        count = system.backlog(delay_ms, WARM_SECONDS + seconds + 1.0)
        stage.feed(system, environ, "backlog", count)
        with ExitStack() as stack:
            logs = [stage.folder / f"worker-{number}.log" for number in range(system.workers)]
            each = [stack.enter_context(running(system.work, machine.MEASURED, log, environ)).pid for log in logs]
            stage.sink.wait_for(1, f"{system.name}: a first push")
            time.sleep(WARM_SECONDS)
            before = snapshot(server, each)
            time.sleep(seconds)
            after = snapshot(server, each)
        return counted(stage.sink.done(), count, before, after)


def counted(done: list[tuple[str, float]], backlog: int, before: Snapshot, after: Snapshot) -> Throughput:
    """What happened between two snapshots; if the backlog ended before the second, until then."""
    within = [at for _, at in done if before.at < at <= after.at]
    ended = len({name for name, _ in done}) >= backlog
    jobs, span = max(1, len(within)), (max(within) if ended and within else after.at) - before.at
    calls = Counter(after.calls)
    calls.subtract(before.calls)
    by_command = {name: calls[name] / jobs for name in sorted(calls) if calls[name] and name not in NOT_JOBS}
    own, core = after.worker - before.worker + after.redis - before.redis, after.core - before.core
    return Throughput(
        jobs_per_s=len(within) / span,
        worker_ms=1000 * (after.worker - before.worker) / jobs,
        redis_ms=1000 * (after.redis - before.redis) / jobs,
        commands=sum(by_command.values()),
        round_trips=(after.reads - before.reads - 2) / jobs,
        by_command={name: round(each, 3) for name, each in by_command.items()},
        doubled=len(done) - len({name for name, _ in done}),
        foreign_share=max(0.0, core - own) / (after.at - before.at),
    )


def latency(stage: Stage, system: System, delay_ms: int, round_number: int) -> Latency:
    """A worker with nothing to do, a few jobs to warm it up, then jobs at moments drawn beforehand."""
    with stage.redis() as server:
        environ = {**stage.environ(system, server, delay_ms), "BENCH_AGE": "0"}
        stage.sink.forget()
        with running(system.work, machine.MEASURED, stage.folder / "worker.log", environ):
            stage.feed(system, environ, "backlog", WARM_JOBS)
            stage.sink.wait_for(WARM_JOBS, f"{system.name}: {WARM_JOBS} pushes")
            meant = stage.feed(system, environ, "open", RATE, stage.options.seconds, round_number)
            time.sleep(GRACE_SECONDS)
            done = dict(reversed(stage.sink.done()))
    took = [1000 * (done[name] - at) for name, at in meant.items() if name in done]
    share = len(took) / len(meant)
    return Latency(percentile(took, 0.5), percentile(took, 0.99), share) if took else Latency(None, None, 0.0)


Cells = dict[tuple[str, int], list[Any]]


def rounds(stage: Stage, all_systems: list[System], measure: Callable[..., Any], what: str) -> Cells:
    """Each system at each delay, one after the other, and all that again for each round."""
    cells: Cells = {}
    for number in range(stage.options.rounds):
        for delay_ms in DELAYS_MS:
            for system in all_systems:
                found = measure(stage, system, delay_ms, number)
                cells.setdefault((system.name, delay_ms), []).append(found)
                where = f"round {number + 1}, {delay_ms} ms, {system.name}"
                print(f"bench: {what}, {where}: {_short(found)}", file=sys.stderr)
    return cells


def _short(found: Throughput | Latency) -> str:
    if isinstance(found, Latency):
        return f"p50 {plain(found.p50_ms)} ms, p99 {plain(found.p99_ms)} ms, done {found.done_share:.0%}"
    return f"{plain(found.jobs_per_s)} jobs/s, {plain(found.worker_ms)} ms, others {found.foreign_share:.0%}"


@contextmanager
def staged(options: Options) -> Iterator[Stage]:
    """A CRM that answers, and what it is sent."""
    with tempfile.TemporaryDirectory(prefix="popbridge-bench-") as name, open_sink(Path(name)) as sink:
        folder = Path(name)
        config = write_settings(folder, f"redis://127.0.0.1:{free_port()}/0", sink.url(0), options.concurrency)
        yield Stage(folder, sink, body(load_settings(str(config), {})).decode(), options)


def measure(options: Options) -> Report:
    """All systems that can be run here, side by side."""
    with staged(options) as stage:
        chosen = list(systems(str(config_file(stage.folder)), options.concurrency, options.wants))
        speeds = rounds(stage, chosen, throughput, "jobs per second")
        waits = rounds(stage, [one for one in chosen if not one.speed_alone], latency, "latency")
    names = [system.name for system in chosen]
    size = len(stage.text.encode())
    title = f"worker: pushes of {size} bytes, {options.concurrency} at once, CRM answers after 0, 50, 200 ms"
    return report(title, names, speeds, waits, options.concurrency)


def report(title: str, names: list[str], speeds: Cells, waits: Cells, at_once: int) -> Report:
    """The medians."""
    rows = [{**_row(name, delay_ms, speeds, waits), "at_once": at_once} for delay_ms in DELAYS_MS for name in names]
    found = {(row["system"], row["delay_ms"]): row for row in rows}
    return Report(title, [_speed_table(names, found), _cost_table(names, found), _latency_table(names, found)], rows)


Rows = Mapping[tuple[str, int], Mapping[str, Any]]


def _row(name: str, delay_ms: int, speeds: Cells, waits: Cells) -> dict[str, Any]:
    speed: list[Throughput] = speeds[name, delay_ms]
    wait: list[Latency] = waits.get((name, delay_ms), [])
    fields = ("jobs_per_s", "worker_ms", "redis_ms", "commands", "round_trips", "foreign_share")
    row: dict[str, Any] = {"system": name, "delay_ms": delay_ms}
    row |= {key: middle(getattr(one, key) for one in speed) for key in fields}
    row |= {key: middle(getattr(one, key) for one in wait) for key in ("p50_ms", "p99_ms", "done_share")}
    row["jobs_per_s_of_each_round"] = [round(one.jobs_per_s, 1) for one in speed]
    row["doubled"] = sum(one.doubled for one in speed)
    row["by_command"] = speed[len(speed) // 2].by_command
    return row


def _speed_table(names: list[str], rows: Rows) -> str:
    head = ["jobs/s from a backlog", *(f"{delay} ms" for delay in DELAYS_MS)]
    head += [f"popbridge / this, {delay} ms" for delay in DELAYS_MS]
    lines = []
    for name in names:
        each = [rows[name, delay]["jobs_per_s"] for delay in DELAYS_MS]
        ours = [rows.get((OURS, delay), {}).get("jobs_per_s") for delay in DELAYS_MS]
        lines.append([name, *map(plain, each), *map(times, ours, each)])
    return table(head, lines)


def _cost_table(names: list[str], rows: Rows) -> str:
    head = ["per job", "worker ms CPU (0 / 50 / 200)", "Redis ms CPU", "commands", "round trips", "others on the core"]
    lines = []
    for name in names:
        of = [rows[name, delay] for delay in DELAYS_MS]
        keys = ("worker_ms", "redis_ms", "commands", "round_trips")
        told = [" / ".join(plain(row[key]) for row in of) for key in keys]
        lines.append([name, *told, " / ".join(f"{row['foreign_share']:.0%}" for row in of)])
    return table(head, lines)


def _latency_table(names: list[str], rows: Rows) -> str:
    head = [f"p50 / p99 ms at {RATE:.0f} jobs/s, open loop", *(f"{delay} ms" for delay in DELAYS_MS)]
    lines = [[name, *(_waited(rows[name, delay]) for delay in DELAYS_MS)] for name in names]
    return table(head, [line for line in lines if any(cell != "–" for cell in line[1:])])


def _waited(row: Mapping[str, Any]) -> str:
    if row["p50_ms"] is None:
        return "–"
    if row["done_share"] < 1:
        return f"backlog ({row['done_share']:.0%} done)"
    return f"{plain(row['p50_ms'])} / {plain(row['p99_ms'])}"
