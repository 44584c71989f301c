"""`popbridge init` as an admin uses it: questions, options, a phone system that refuses, Ctrl-C, files that exist."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from bridge.core.http_types import Secret
from bridge.demo.scenes import new_switchboard
from bridge.pbx import registry
from bridge.store.embedded_server import dies_with_parent
from tests.commands import command
from tests.stage import plain_client, serving, until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "bridge"]
ENVIRON = {name: value for name, value in os.environ.items() if not name.startswith("POPBRIDGE_")}
ENVIRON |= {"PYTHONPATH": str(ROOT)}
KIND, CODE = "voicenter", "INVENTEDCODE7"


@asynccontextmanager
async def phone_system() -> AsyncIterator[str]:
    """One that takes `CODE`, with the demo's agents; its address."""
    make = registry.simulator(KIND)
    board = new_switchboard(lambda player: make.extension_of(player.sip, player.short))
    async with serving(make.build(board, Secret(CODE)).app()) as address:  # type: ignore[arg-type]
        yield address


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands are typed in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("POPBRIDGE_")]:
        monkeypatch.delenv(name)


async def init(*words: str, typed: str = "") -> tuple[int, str]:
    """Exit code and everything that was printed. Two tests below start processes all the same."""
    done = await asyncio.to_thread(command, "init", *words, typed=typed)
    return done.exit_code, done.output


def options(address: str, code: str = CODE) -> list[str]:
    pbx = {"kind": KIND, "base_url": address, "directory_url": address, "code": code}
    crm = {"kind": "webhook", "name": "sales"}
    return [
        *(word for key, value in pbx.items() for word in ("--pbx", f"{key}={value}")),
        *(word for key, value in crm.items() for word in ("--crm", f"{key}={value}")),
        "--agent", "dana@acme.example,SIPDana1,Dana Cohen",
    ]  # fmt: skip


def left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


async def test_options_alone_write_settings_that_work(tmp_path: Path) -> None:
    async with phone_system() as address:
        code, told = await init("--yes", *options(address))
        assert code == 0, told
        files = [file for file in tmp_path.rglob("*") if file.is_file()]
        assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
        looked = await asyncio.to_thread(command, "lookup", "SIPDana1", "--json")
    assert "4 extensions listed" in told
    assert CODE not in told
    assert command("check").stdout.endswith("1 pbx, 1 crm, 1 agent: OK\n")
    assert json.loads(looked.stdout)["outcome"] == "no-active-call"
    assert CODE not in (tmp_path / "popbridge.toml").read_text()
    assert "popbridge button sales" in told


@pytest.mark.parametrize(
    ("changed", "code", "cause"),
    [
        ({"code=": "code=WRONGCODE99"}, 1, "0 extensions listed, 0 live calls"),
        ({"base_url=": "base_url=http://127.0.0.1:1/"}, 1, "pbx-unreachable"),
        ({"code=": "region=IL"}, 2, "--pbx code: is needed (the account code)"),
        ({"code=": "code=change-me"}, 2, "--pbx code: is an example's placeholder"),
        ({"kind=webhook": "kind=monday"}, 2, "--crm kind=…: must be one of: "),
        ({"name=": "name=https://crm.acme.example"}, 2, "--crm name: must be small letters, digits, - and _"),
    ],
    ids=lambda value: next(iter(value.values())) if isinstance(value, dict) else "",
)
async def test_what_is_wrong_is_named_and_nothing_written(
    tmp_path: Path, changed: Mapping[str, str], code: int, cause: str
) -> None:
    (wrong, instead), *_ = changed.items()
    async with phone_system() as address:
        words = [instead if word.startswith(wrong) else word for word in options(address)]
        ended, told = await init("--yes", *words)
    assert (ended, cause in told) == (code, True), told
    assert "WRONGCODE99" not in told
    assert left(tmp_path) == []


async def test_questions_lead_to_the_same_and_a_wrong_answer_is_asked_again(tmp_path: Path) -> None:
    async with phone_system() as address:
        answers = [
            "no such", KIND, "WRONGCODE99", address, "", "",  # kind, code, base_url, timezone, region
            "change", CODE, address, "", "",
            "webhook", "https://x.example", "sales", "", "", "",  # kind, name, click_secrets, popup_url, popup_secrets
            "dana@acme.example", "SIPDana", "n", "SIPDana1", "", "",  # an extension that is not listed; then no more
            "https://popbridge.example.com",
        ]  # fmt: skip
        code, told = await init("--pbx", f"directory_url={address}", typed="\n".join([*answers, ""]))
    assert code == 0, told
    assert "there is no 'no such'" in told
    assert "name: must be small letters, digits, - and _, such as acme" in told
    assert "README.md" in told, "the guide is named where it is needed"
    assert "or the account code is wrong" in told
    assert "The phone system does not list SIPDana; did you mean SIPDana1? Keep SIPDana?" in told
    assert (tmp_path / "agents.csv").read_text().splitlines()[1].startswith("sales,dana@acme.example,main,SIPDana1,")
    assert 'public_url = "https://popbridge.example.com"' in (tmp_path / "popbridge.toml").read_text()
    assert command("check").exit_code == 0


async def test_nothing_is_replaced_without_being_told(tmp_path: Path) -> None:
    for name in ("popbridge.toml", "agents.csv"):
        (tmp_path / name).write_text(f"mine: {name}", encoding="utf-8")
    before = left(tmp_path)
    code, told = await init("--yes", "--simulate")
    assert (code, "agents.csv exists" in told, "--force" in told) == (1, True, True)
    code, told = await init("--simulate", typed="n\n")
    assert (code, "Nothing was written" in told) == (1, True)
    assert left(tmp_path) == before
    assert (tmp_path / "agents.csv").read_text() == "mine: agents.csv"
    assert (await init("--yes", "--simulate", "--force"))[0] == 0
    assert command("check").exit_code == 0


@pytest.mark.parametrize("after", ["kind:", "code:"])
async def test_ctrl_c_leaves_nothing(tmp_path: Path, after: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *COMMAND, "init", cwd=tmp_path, env=ENVIRON, stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(f"{KIND}\n".encode() if after != "kind:" else b"")
    said = b""
    async with asyncio.timeout(90):
        while after.encode() not in said.replace(b" ", b""):
            said += await process.stdout.read(1000)
    process.send_signal(signal.SIGINT)
    rest, _ = await asyncio.wait_for(process.communicate(b""), 90)
    assert process.returncode == 1
    assert b"Nothing was written." in rest
    assert b"Traceback" not in rest
    assert left(tmp_path) == []


@contextmanager
def running(folder: Path, *words: str) -> Iterator["subprocess.Popen[bytes]"]:
    with (folder / f"{words[0]}.log").open("wb") as log:
        process = subprocess.Popen(
            [*COMMAND, *words], cwd=folder, env=ENVIRON, stdout=log, stderr=log, preexec_fn=dies_with_parent()
        )
        try:
            yield process
        finally:
            process.terminate()
            assert process.wait(60) in (0, -signal.SIGTERM)  # the latter: it had not begun yet


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--simulate", "--crm", "slack"], "--crm slack: has no button of its own"),
        (["--simulate", "--crm", "kind=nope"], "--crm nope: there is no such kind; there are: bitrix24, espocrm"),
        (["--simulate", "--pbx", "nope"], "--pbx nope: there is no such kind; there are: 3cx, asterisk"),
        (["--public-url", "popbridge"], "--public-url: must be an http:// or https:// address"),
    ],
    ids=str,
)
async def test_what_cannot_work_is_said_before_anything_is_written(tmp_path: Path, words: list[str], says: str) -> None:
    code, told = await init("--yes", "--no-test", *options("http://127.0.0.1:9"), *words)
    assert (code, left(tmp_path)) == (2, [])
    assert says in told


@pytest.mark.parametrize("crm", ["webhook", "espocrm"])
async def test_from_nothing_to_a_popup_with_a_simulated_phone_system(tmp_path: Path, crm: str) -> None:
    """The make is named to both commands, as one does: their secrets are the same."""
    started = time.monotonic()
    assert (await init("--yes", "--simulate", "--crm", crm))[0] == 0
    port, bridge = free_port(), free_port()
    moved(tmp_path, port, bridge)
    address = f"http://127.0.0.1:{port}"
    async with plain_client(timeout=20) as client:
        with running(tmp_path, "simulate", "--every", "0", "--crm", crm), running(tmp_path, "up"):

            async def answered() -> Any:
                try:
                    return (await client.get(f"http://127.0.0.1:{bridge}/readyz")).status_code == 200
                except httpx.TransportError:
                    return False

            await until(answered, 90)
            assert (await client.post(f"{address}/scenes/customer")).status_code == 202

            async def found() -> Any:
                told = (await client.post(f"{address}/click")).json()
                return told if told["outcome"] == "found" else None

            click = await until(found, 60)

            async def shown() -> Any:
                return (await client.get(f"{address}/popups")).json()

            popups = await until(shown, 60)
    print(f"{crm}: from nothing to a popup in {time.monotonic() - started:.1f} s")
    caller = click["popup"]["call"]["caller"]
    assert {one["number"] for one in popups} <= {caller["number"], caller["e164"]}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


def moved(folder: Path, port: int, bridge: int) -> None:
    """The same installation on ports of this test's own."""
    told = json.loads((folder / "secrets" / "simulate.json").read_text(encoding="utf-8"))
    chosen = str(told["port"]), told["bridge"].rpartition(":")[2]
    for file in (folder / "popbridge.toml", folder / "secrets" / "simulate.json"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace(chosen[0], str(port)).replace(chosen[1], str(bridge)), encoding="utf-8")
