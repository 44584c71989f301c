"""Lint fails on a locked version with a known vulnerability, and says in one line when nobody could be asked."""

import http.server
import json
import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests import advisories

pytest.importorskip("pip_audit", reason="pip-audit is not installed; ./dev lint installs it")

ROOT = Path(__file__).parent.parent
HASH = "--hash=sha256:" + "0" * 64
LOCK = f"invented-one==1.0 \\\n    {HASH}\ninvented-two==2.0 \\\n    {HASH}\n"
ADVISORY = {
    "id": "INVENTED-1",
    "summary": "invented",
    "affected": [
        {
            "package": {"name": "invented-two", "ecosystem": "PyPI"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "2.1"}]}],
        }
    ],
}


@contextmanager
def service(bad: str) -> Iterator[list[str]]:
    """An advisory service on this machine that knows something of the package `bad` alone: pip-audit's options."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
            found = {"vulns": [ADVISORY]} if asked["package"]["name"] == bad else {}
            body = json.dumps(found).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield ["-s", "osv", "--osv-url", f"http://127.0.0.1:{server.server_port}/"]
        server.shutdown()


@pytest.fixture
def locks(tmp_path: Path) -> list[Path]:
    (tmp_path / "requirements.lock").write_text(LOCK)
    (tmp_path / "requirements-build.lock").write_text(LOCK.split("invented-two")[0])
    return sorted(tmp_path.iterdir())


def test_a_known_vulnerability_fails(locks: list[Path]) -> None:
    with service(bad="invented-two") as options:
        line, code = advisories.judge(locks, options)
    assert (line, code) == (
        "advisories: invented-two 2.0: INVENTED-1; mended in 2.1; ./dev lock --upgrade",
        1,
    )


def test_none_is_told_with_how_many_were_asked_for(locks: list[Path]) -> None:
    with service(bad="another") as options:
        assert advisories.judge(locks, options) == ("advisories: none for 2 locked packages", 0)


def test_offline_is_one_line_and_no_failure(locks: list[Path]) -> None:
    with service(bad="") as options:
        pass
    line, code = advisories.judge(locks, options)
    assert (line, code) == ("advisories: NOT CHECKED: nobody answers; is this machine offline?", 0)


def test_an_index_that_knows_no_advisories_is_not_taken_for_good_news() -> None:
    told = advisories.read([{"name": "invented-one", "skip_reason": "not found"}])
    assert (told.known, told.untold, told.vulnerable) == (0, 1, [])


def test_a_lock_file_that_cannot_be_read_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "requirements.lock").write_text("invented-one==1.0\n")
    line, code = advisories.judge([tmp_path / "requirements.lock"])
    assert line.startswith("advisories: pip-audit failed:")
    assert code == 1


@pytest.mark.parametrize("code", [0, 1])
def test_lint_fails_with_it(tmp_path: Path, code: int) -> None:
    """All tools are stand-ins that are content; Python alone, which runs this, is not."""
    state, bin = tmp_path / ".venv" / "dev", tmp_path / ".venv" / "bin"
    state.mkdir(parents=True)
    bin.mkdir()
    shutil.copy(ROOT / "dev", tmp_path)
    for name in ("pyproject.toml", "requirements.lock", "requirements-build.lock", "requirements-lint.lock"):
        shutil.copy(ROOT / name, tmp_path)
        shutil.copy(ROOT / name, state)
    (state / "made").write_text(f"{tmp_path.resolve()}\npython3\n")
    for name in ("ruff", "mypy", "python"):
        wanted = code if name == "python" else 0
        (bin / name).write_text(f'#!/bin/sh\necho "{name} $*"\nexit {wanted}\n')
        (bin / name).chmod(0o755)
    browser_lint = tmp_path / "tests" / "browser_lint" / "run"
    browser_lint.parent.mkdir(parents=True)
    browser_lint.write_text("#!/bin/sh\necho browser_lint\n")
    browser_lint.chmod(0o755)
    environ = {name: value for name, value in os.environ.items() if name != "PYTHON"}
    done = subprocess.run(
        ["sh", str(tmp_path / "dev"), "lint"], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (code, "")
    assert "python -m tests.advisories" in done.stdout.splitlines()
    assert len(done.stdout.splitlines()) == 5, "the others run all the same"
