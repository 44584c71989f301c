"""`popbridge simulate` as somebody uses it who has no phone system yet: copy its settings, and a call is there."""

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from bridge.store.embedded_server import dies_with_parent
from tests import commands
from tests.stage import plain_client, until

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]


@asynccontextmanager
async def simulated(make: str) -> AsyncIterator[list[str]]:
    """What a running `popbridge simulate` printed."""
    command = [sys.executable, "-m", "bridge", "simulate", "--pbx", make, "--port", "0", "--every", "0"]
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, preexec_fn=dies_with_parent()
    )
    assert process.stdout is not None
    lines: list[str] = []
    try:
        async with asyncio.timeout(20):
            while not lines or "Ctrl-C" not in lines[-1]:
                lines.append((await process.stdout.readline()).decode())
        yield lines
    finally:
        process.terminate()
        assert await process.wait() == 0


async def popbridge(file: Path, *words: str) -> tuple[int, Any]:
    done = await commands.popbridge(file, *words, "--json")
    return done.exit_code, json.loads(done.stdout)


@pytest.mark.parametrize("make", ["voicenter", "ozeki"])
async def test_its_settings_lead_a_bridge_to_a_live_call(tmp_path: Path, make: str) -> None:
    async with simulated(make) as lines:
        agents, end = lines.index("# agents.csv\n"), lines.index("# a call comes every 10 s; one at once:\n")
        (tmp_path / "popbridge.toml").write_text("".join(lines[:agents]), encoding="utf-8")
        (tmp_path / "agents.csv").write_text("".join(lines[agents + 1 : end]), encoding="utf-8")
        checked = await commands.popbridge(tmp_path / "popbridge.toml", "check")
        assert checked.exit_code == 0, "what is printed is all that is needed"
        dana = lines[agents + 2].split(",")[3]
        address = next(line for line in lines if "/scenes/customer" in line).split("POST ")[1].strip()
        code, told = await popbridge(tmp_path / "popbridge.toml", "lookup", dana)
        assert (code, told["outcome"]) == (1, "no-active-call")
        async with plain_client() as client:
            assert (await client.post(address)).status_code == 202
            assert (await client.post(f"{address}s")).status_code == 404

        async def is_talking() -> bool:
            code, told = await popbridge(tmp_path / "popbridge.toml", "lookup", dana)
            return code == 0 and told["chosen"]["state"] == "talking"

        await until(is_talking, 30)
        await records(tmp_path, dana)


async def records(folder: Path, extension: str) -> None:
    """`popbridge record` of the same phone system: samples without anybody's number, never written over others."""
    settings, out = folder / "popbridge.toml", folder / "samples"
    name = next(line for line in settings.read_text(encoding="utf-8").splitlines() if line.startswith("[pbx."))
    words = ("record", name[5:-1], "--out", str(out), "--name", "talking")
    code, told = await popbridge(settings, *words)
    assert code == 0
    assert sorted(told["files"]) == sorted(str(file) for file in out.iterdir())
    assert {"talking_calls.expected.json"} < {file.name for file in out.iterdir()}
    text = "\n".join(file.read_text(encoding="utf-8") for file in out.iterdir())
    assert '"state": "talking"' in text
    secrets = re.findall(r'(?:code|password) = "(\w+)"', settings.read_text(encoding="utf-8"))
    assert [private for private in (*secrets, f'"{extension}"', "0722776772") if private in text] == []
    assert (await commands.popbridge(settings, *words)).exit_code == 1, "the files are there already"
    assert (await commands.popbridge(settings, "record", "nobody", "--out", str(out))).exit_code == 2
