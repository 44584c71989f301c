"""The bench still fits the program: its parts can be imported, and the small ones run. No figure is looked at."""

import importlib
import json
import pkgutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from redis import Redis

import tests.bench
from bridge.core.http_types import Secret
from bridge.settings import load_settings
from bridge.store import keys
from tests.bench import audit, deliveries, desktop, parse
from tests.bench.report import Options
from tests.stage import Stage

ROOT = Path(__file__).parents[2]
SMALL = Options(rounds=1, seconds=0.5, lines=60)


@pytest.mark.parametrize("name", [one.name for one in pkgutil.iter_modules(tests.bench.__path__) if not one.ispkg])
def test_every_part_can_be_imported(name: str) -> None:
    if name != "__main__":
        importlib.import_module(f"tests.bench.{name}")


def test_long_answers_are_parsed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parse, "EXTENSIONS", (3,))
    monkeypatch.setattr(parse, "CALLS", (3,))
    monkeypatch.setattr(parse, "MAKES", tuple((kind, 2, size, keys) for kind, _, size, keys in parse.MAKES))
    monkeypatch.setattr(parse, "TIMES", 1)
    rows = parse.measure(SMALL).rows
    assert [row["make"] for row in rows] == ["voicenter", "ozeki", *(kind for kind, *_ in parse.MAKES)]
    assert [row["questions"] for row in rows if row["make"] == "webex"] == [3], "the numbers, and each member"


def test_the_audit_log_is_measured(capsys: pytest.CaptureFixture[str]) -> None:
    done = {row.get("work") for row in audit.measure(SMALL).rows}
    assert done >= {"archived", "proven", "exported: all", "erased", "rewritten"}


def test_open_pages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desktop, "ONE", 3)
    (row,) = desktop.measure(replace(SMALL, pages=(20,))).rows
    assert (row["pages"], row["lost"], row["doubled"]) == (20, 0, 0)


def test_the_feeder_leaves_deliveries_as_a_click_does(tmp_path: Path, redis_url: Secret) -> None:
    stage = Stage(tmp_path, redis_url, None, None, None, pbx_url="http://127.0.0.1:9")  # type: ignore[arg-type]
    file = stage.write_settings()
    command = [sys.executable, "-m", "tests.bench.deliveries", "backlog", "5"]
    done = subprocess.run(
        command, cwd=ROOT, env={"BENCH_CONFIG": str(file)}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr[-800:]
    with Redis.from_url(redis_url.reveal()) as direct:
        assert (direct.zcard(keys.DELIVERIES), direct.llen("rq:queue:popbridge")) == (5, 5)
    assert json.loads(deliveries.body(load_settings(str(file), {})))["type"] == "call.popup"
