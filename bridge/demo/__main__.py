"""`python -m bridge.demo`: sets the stage, starts the simulators and the bridge, and plays until it is stopped."""

import argparse
import asyncio
import signal
import sys
import time
from collections.abc import AsyncIterator, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge.crm import registry as crm_makes
from bridge.demo.autoplay import Autoplay
from bridge.demo.bridge_process import BridgeFailed, last_words, new_tokens, running_bridge
from bridge.demo.cast import CRM_KIND, DANA, PBX_KIND
from bridge.demo.desks import AT_DESKS, Desks
from bridge.demo.life import Life
from bridge.demo.once import StepFailed, play_once, say
from bridge.demo.page import Page
from bridge.demo.press import Button
from bridge.demo.set_up import StageTaken, set_up
from bridge.demo.simulators import Simulators, new_simulators, served
from bridge.demo.stage import Stage
from bridge.egress.client import open_client
from bridge.pbx import registry as pbx_makes

DONE, FAILED, WRONG = 0, 1, 2
FIRST_RUN_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Play:
    """Everything up and running."""

    stage: Stage
    page: Page
    button: Button
    simulators: Simulators
    agent_token: str
    bridge: asyncio.subprocess.Process


def main() -> None:
    """Read the command line and play."""
    parser = argparse.ArgumentParser(prog="./dev demo", description="popbridge with simulated calls and CRM")
    parser.add_argument(
        "--once", action="store_true", help="one click through the whole chain, no browser; exit 0 or 1"
    )
    parser.add_argument(
        "--pbx", choices=[*pbx_makes.packages()], default=PBX_KIND, help="the phone system to simulate; %(default)s"
    )
    parser.add_argument(
        "--crm", choices=[*crm_makes.packages()], default=CRM_KIND, help="the CRM to simulate; %(default)s"
    )
    parser.add_argument("--port", type=int, help="port of the demo page; else 8090, or a free one")
    parser.add_argument("--dir", type=Path, help="where its files go; else var/demo (--once: var/demo/once)")
    asked = parser.parse_args()
    folder = (asked.dir or Path("var/demo", "once" if asked.once else "")).resolve()
    is_first_run = not folder.exists()
    sys.exit(asyncio.run(_until_stopped(_play(folder, asked.port, (asked.pbx, asked.crm), asked.once, is_first_run))))


async def _until_stopped(play: Coroutine[Any, Any, int]) -> int:
    """The play's exit code; being told to stop, by Ctrl-C or otherwise, is a normal end."""
    playing = asyncio.ensure_future(play)
    told_to_stop = asyncio.Event()

    def stop() -> None:
        if not told_to_stop.is_set():
            told_to_stop.set()
            say("\nstopping")
            playing.cancel()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, stop)
    try:
        return await playing
    except asyncio.CancelledError:
        return DONE
    except StageTaken as error:
        say(str(error))
        return WRONG
    except (BridgeFailed, StepFailed) as error:
        say(f"FAIL {error}")
        return FAILED


async def _play(folder: Path, port: int | None, kinds: tuple[str, str], once: bool, is_first_run: bool) -> int:
    port = 0 if once and port is None else port
    with set_up(folder, port, *kinds) as stage:
        started = time.perf_counter()
        async with _running(stage) as play:
            took = time.perf_counter() - started
            say(f"the simulators ({', '.join(kinds)}) and the bridge are up after {took:.1f} s")
            if once:
                await _once(play, is_first_run)
            else:
                await _page(play)
    return DONE


@asynccontextmanager
async def _running(stage: Stage) -> AsyncIterator[Play]:
    """Simulators, bridge and tokens, in that order; all gone again after the block."""
    simulators = new_simulators(stage)
    async with AsyncExitStack() as connections:
        client = await connections.enter_async_context(open_client())
        button = Button(stage, client, simulators.crm, simulators.open_page)
        desks, life = Desks(stage, client), Life(button.ask)
        simulators.director.told = life.happened
        page = Page(stage, simulators, Autoplay(simulators.director, button, desks, life))
        async with served(page.app(), stage.page_socket), running_bridge(stage, client) as bridge:
            button.supervisor_token, desks.tokens = await new_tokens(stage, AT_DESKS)
            try:
                yield Play(stage, page, button, simulators, desks.tokens[DANA.crm_user], bridge)
            finally:
                page.stop()
                page.autoplay.stop()
                simulators.director.stop()
                await connections.aclose()  # while one is open, the bridge waits a second for what may be on its way


async def _once(play: Play, is_first_run: bool) -> None:
    if is_first_run and (seconds := _set_up_seconds()):
        say(f"the set-up before took {seconds:.0f} s, once")
    play.simulators.director.pause = _in_a_moment
    await play_once(play.stage, play.simulators.director, play.button, play.agent_token)
    say("PASS")


async def _in_a_moment(_: float) -> None:
    """Nobody looks: the phone rings for as long as it takes to answer it."""
    await asyncio.sleep(0)


def _set_up_seconds() -> float | None:
    """How long ago the environment was begun to be made, if that was just now."""
    with suppress(OSError):
        seconds = time.time() - Path(sys.prefix, "pyvenv.cfg").stat().st_mtime
        return seconds if seconds < FIRST_RUN_SECONDS else None
    return None


async def _page(play: Play) -> None:
    """Until the bridge ends, which it should not."""
    say(f"\n  open {play.stage.page_url}\n")
    bridge = play.stage.bridge_url
    say(f"  {bridge}/console  the supervisor's console; the page above has the link that signs you in")
    say(f"  {bridge}/docs     the API\n")
    say(f"the bridge is at {bridge}, its log is {play.stage.log_file}; Ctrl-C stops all of it")
    playing = asyncio.create_task(play.page.autoplay.run())
    try:
        code = await play.bridge.wait()
    finally:
        playing.cancel()
    raise BridgeFailed(f"the bridge ended with {code}: {last_words(play.stage)}")


if __name__ == "__main__":
    main()
