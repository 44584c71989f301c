"""The demo, played as a person would: `--once` to its PASS, the page until it is stopped; and nothing left running."""

import asyncio
import json
import signal
import stat
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from bridge.core.model import CallState, Direction
from bridge.crm import registry as crm
from bridge.crm.simulation import Press
from bridge.crm.webhook.simulator import Received
from bridge.demo.autoplay import Autoplay
from bridge.demo.bridge_process import BridgeFailed, running_bridge
from bridge.demo.cast import CRM, DANA, OMER, Player
from bridge.demo.desks import Desks
from bridge.demo.life import Life
from bridge.demo.page import Page
from bridge.demo.press import Button
from bridge.demo.scenes import Director, new_switchboard
from bridge.demo.set_up import StageTaken, set_up
from bridge.demo.simulators import new_simulators
from bridge.demo.stage import Stage
from bridge.egress.client import open_client
from bridge.pbx import registry as pbx
from bridge.pbx.contract import Knows
from bridge.settings import load_settings

ROOT = Path(__file__).parents[2]
PATIENCE_SECONDS = 40
each_make = pytest.mark.parametrize("kind", pbx.packages())
DEFAULT = "voicenter"


def extension_of(kind: str) -> Callable[[Player], str]:
    """What players' extensions are called on this make."""
    return lambda player: pbx.simulator(kind).extension_of(player.sip, player.short)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def kind() -> str:
    return DEFAULT


@pytest.fixture
def stage(tmp_path: Path, kind: str) -> Iterator[Stage]:
    with set_up(tmp_path, 0, kind, "webhook") as made:
        yield made


def command(folder: Path, *arguments: str) -> list[str]:
    return [sys.executable, "-m", "bridge.demo", "--dir", str(folder), *arguments]


def left_running(folder: Path) -> list[str]:
    """The command lines of processes that have to do with `folder`."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if str(folder) in words:
            found.append(words)
    return found


SECRET_KEYS = ("code", "password", "client_secret")
TOLD = {Knows.DID: "Sales line", Knows.CALLER_NAME: "רות לוי"}
"""What is seen of the call where the make's API gives it."""


def secrets_of(folder: Path) -> list[str]:
    settings = tomllib.loads((folder / "popbridge.toml").read_text())
    crm = settings["crm"]["acme"]
    of_pbx = [value for name, value in settings["pbx"]["main"].items() if name in SECRET_KEYS]
    assert of_pbx
    return [*of_pbx, *crm["click_secrets"], *crm["popup_secrets"]]


@each_make
def test_once_plays_the_whole_chain_and_leaves_nothing(tmp_path: Path, kind: str) -> None:
    asked = command(tmp_path, "--once", "--pbx", kind)
    played = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False)
    assert played.returncode == 0, played.stdout + played.stderr
    assert played.stdout.endswith("PASS\n")
    assert played.stderr == ""
    given = [told for known, told in TOLD.items() if known in pbx.find(kind).knows]
    for told in (pbx.find(kind).title, "found: talking now", *given, "the popup is at the CRM", "audit"):
        assert told in played.stdout
    assert left_running(tmp_path) == []
    said = played.stdout + (tmp_path / "bridge.log").read_text()
    assert [secret for secret in secrets_of(tmp_path) if secret in said] == []
    assert stat.S_IMODE((tmp_path / "popbridge.toml").stat().st_mode) == 0o600


@contextmanager
def page_running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The demo with its page, and the page's address."""
    arguments = command(folder, "--port", "0")
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as demo:
        try:
            assert demo.stdout is not None
            said = []
            for line in demo.stdout:
                said.append(line)
                if "the bridge is at" in line:
                    break
            address = next((line.split()[1] for line in said if line.strip().startswith("open http")), None)
            assert address, "".join(said)
            yield demo, address
        finally:
            if demo.poll() is None:
                demo.kill()


def test_the_page_plays_the_life_of_a_call_by_itself_and_sigterm_ends_all_of_it(tmp_path: Path) -> None:
    with page_running(tmp_path) as (demo, address):
        steps, history = life_of_a_call(address)
        order = [(step["what"], *step["who"]) for step in steps]
        dana, omer = DANA.name, OMER.name
        for earlier, later in (
            (("rings", dana, omer), ("crm.call.popup", dana)),
            (("rings", dana, omer), ("crm.call.popup", omer)),
            (("answers", omer), ("crm.call.answered_elsewhere", dana)),
            (("transfers", omer, dana), ("crm.call.ended", omer)),
            (("answers", dana), ("ended", dana)),
        ):
            assert order.index(earlier) < order.index(later), order
        assert order.count(("crm.call.popup", dana)) == 2, "the first call, and the one that was passed on"
        assert {(one["agent"], one["outcome"]) for one in history} == {
            (dana, "missed"),
            (omer, "answered"),
            (dana, "answered"),
        }
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(PATIENCE_SECONDS) == 0
    assert left_running(tmp_path) == []
    with pytest.raises(httpx.ConnectError):
        httpx.get(address, trust_env=False)


def life_of_a_call(address: str) -> tuple[list[dict], list[dict]]:
    """What happened, and the CRM's history, when all ends of the call that is played first are in it."""
    with httpx.stream("GET", f"{address}/state", timeout=20, trust_env=False) as states:
        for line in states.iter_lines():
            state = json.loads(line.removeprefix("data: ")) if line else {"life": [], "history": []}
            told = [step for step in state["life"] if step["what"] == "crm.call.ended"]
            if len(told) == len(state["history"]) == 3:
                return state["life"], state["history"]
    raise AssertionError("the stream of states ended")


def test_every_make_there_is_can_be_simulated_and_gets_into_the_same_moods() -> None:
    moods = {frozenset(pbx.simulator(kind).moods) for kind in pbx.packages()}
    assert moods == {frozenset({"ok", "slow", "down", "refuses"})}
    page = (ROOT / "bridge/demo/static/demo.html").read_text()
    assert [mood for mood in pbx.simulator(DEFAULT).moods if f'data-do="pbx/{mood}"' not in page] == []


@pytest.mark.parametrize("crm_kind", crm.packages())
def test_every_crm_can_be_shown_and_a_target_only_stands_beside_one_with_a_button(
    tmp_path: Path, crm_kind: str
) -> None:
    with set_up(tmp_path, 0, DEFAULT, crm_kind) as stage:
        settings = load_settings(str(stage.settings_file), {})
        shown = [name for name, account in settings.crm.items() if account.kind == crm_kind]
        assert [name for name in shown if name in settings.targets_of(CRM)] == shown != []
        assert crm.simulator(settings.crm[CRM].kind).press is not None
        paths = [getattr(route, "path", "") for route in new_simulators(stage).routes()]
        assert len(paths) == len(set(paths)) == len(settings.crm) + 1


def test_a_make_that_there_is_not_is_refused(tmp_path: Path) -> None:
    asked = subprocess.run(
        command(tmp_path, "--pbx", "other"), cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert asked.returncode == 2
    assert "voicenter" in asked.stderr


def test_two_demos_do_not_play_in_one_place(stage: Stage) -> None:
    with pytest.raises(StageTaken, match="another demo"), set_up(stage.folder, 0, *(stage.pbx_kind, stage.crm_kind)):
        pass


def test_a_port_that_is_taken_is_said_so(stage: Stage, tmp_path: Path) -> None:
    with (
        pytest.raises(StageTaken, match="another --port"),
        set_up(tmp_path / "other", stage.page_port, *(stage.pbx_kind, stage.crm_kind)),
    ):
        pass


@pytest.mark.anyio
async def test_a_bridge_that_does_not_start_is_told_with_its_last_words(stage: Stage) -> None:
    stage.settings_file.write_text("nonsense = 1\n")
    async with open_client() as client:
        with pytest.raises(BridgeFailed, match="unknown key"):
            async with running_bridge(stage, client):
                pass
    assert left_running(stage.folder) == []


async def at_once(seconds: float) -> None:
    await asyncio.sleep(0)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("scene", "states"),
    [
        ("team", []),
        ("customer", [CallState.TALKING]),
        ("transfer", [CallState.TALKING]),
        ("two", [CallState.HOLD, CallState.TALKING]),
        ("withheld", [CallState.TALKING]),
        ("outgoing", [CallState.TALKING]),
        ("hang-up", []),
    ],
)
@each_make
async def test_every_scene_ends_as_it_should_whatever_was_before(
    scene: str, states: list[CallState], kind: str
) -> None:
    director = Director(new_switchboard(extension_of(kind)), extension_of(kind), pause=at_once)
    for before in director.SCENES:
        await director.play(before)
        await director.play(scene)
        assert [call.state for call in director.board.all_calls()] == states
        assert {call.extension for call in director.board.all_calls()} <= {extension_of(kind)(DANA)}


@pytest.mark.anyio
async def test_the_transferred_call_knows_the_first_and_the_outgoing_one_its_way(kind: str) -> None:
    director = Director(new_switchboard(extension_of(kind)), extension_of(kind), pause=at_once)
    await director.play("transfer")
    assert director.board.calls(extension_of(kind)(DANA))[0].original_ivrid
    assert director.board.calls(extension_of(kind)(OMER)) == ()
    await director.play("outgoing")
    assert director.board.calls(extension_of(kind)(DANA))[0].direction is Direction.OUTGOING


@pytest.mark.anyio
async def test_a_new_scene_ends_the_one_that_is_playing(kind: str) -> None:
    never = asyncio.Event()

    async def wait(seconds: float) -> None:
        await never.wait()

    director = Director(new_switchboard(extension_of(kind)), extension_of(kind), pause=wait)
    ringing = asyncio.create_task(director.play("customer"))
    await asyncio.sleep(0)
    await asyncio.wait_for(director.play("hang-up"), 5)
    await asyncio.wait_for(ringing, 5)
    assert director.board.all_calls() == ()


@pytest.fixture
async def page(stage: Stage):
    simulators = new_simulators(stage)
    async with open_client() as client:
        button = Button(stage, client, simulators.crm)
        life = Life(button.ask)
        simulators.director.told = life.happened
        yield Page(stage, simulators, Autoplay(simulators.director, button, Desks(stage, client), life))


@each_make
@pytest.mark.anyio
async def test_the_pages_buttons_do_what_they_say_for_nobody_but_the_page(page: Page, kind: str) -> None:
    transport = httpx.ASGITransport(page.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
        shown = await client.get("/")
        assert "DEMO" in shown.text
        assert (
            f"frame-src {page.stage.bridge_url} {page.stage.other_bridge_url};"
            in shown.headers["content-security-policy"]
        )
        for mood, faults in pbx.simulator(kind).moods.items():
            assert (await client.post(f"/do/pbx/{mood}")).status_code == 204
            assert page.simulators.phone_system.faults == faults
        assert (await client.post("/do/pbx/other")).status_code == 404
        assert (await client.post("/do/other")).status_code == 404
        foreign = await client.post("/do/crm/down", headers={"Sec-Fetch-Site": "cross-site"})
        assert (foreign.status_code, page.simulators.crm_mood) == (403, "ok")
        assert (await client.post("/do/customer")).status_code == 204
        assert page.state()["autoplay"] is False
        assert page.state()["make"]["title"] == pbx.find(kind).title
    page.stop()
    page.simulators.director.stop()


@pytest.mark.anyio
async def test_the_contact_that_a_card_links_to_has_a_page(page: Page) -> None:
    transport = httpx.ASGITransport(page.app())
    async with httpx.AsyncClient(transport=transport, base_url="http://demo") as client:
        shown = await client.get("/contacts/1187")
        assert "Haddad &amp; Sons" in shown.text
        assert "script-src" not in shown.headers["content-security-policy"]
        assert (await client.get("/contacts/none")).status_code == 404


@pytest.mark.anyio
async def test_the_click_names_whose_page_is_open_and_a_note_arrives(page: Page) -> None:
    director, taken = page.simulators.director, page.simulators.clicked
    assert page.simulators.open_page() is None
    director.seen_seconds = 0
    await director.play("customer")
    known = page.simulators.open_page()
    assert known is not None
    made = Press(DANA.user(), "press-1", datetime.now(UTC), known.contact(), page.stage.contact_url(known.contact_id))
    assert page.stage.button.press is not None
    record = json.loads(page.stage.button.press("http://bridge", CRM, page.stage.crm_secret, made).body)["record"]
    assert (record["name"], record["phones"]) == (known.name, [known.number])
    assert record["url"] == f"{page.stage.page_url}/contacts/{known.contact_id}"
    note = {"agent": {"crm_user": DANA.crm_user}, "text": "wants a <b>quote</b>", "ivrid": "1"}
    taken.received.append(Received(1.0, 200, "dlv_1", {}, {"type": "call.note", "data": note}))  # type: ignore[attr-defined]
    assert page.state()["notes"] == [{"at": 1.0, "agent": DANA.name, "text": "wants a <b>quote</b>"}]


@pytest.mark.anyio
async def test_a_click_that_reaches_nobody_says_why(page: Page) -> None:
    press = await page.autoplay.button.press()
    assert press.answer is None
    assert press.problem is not None
    assert "cannot be reached" in press.problem


def test_the_demos_files_stay_out_of_the_repository() -> None:
    ignored = subprocess.run(["git", "check-ignore", "-q", "var/demo/popbridge.toml"], cwd=ROOT, check=False)
    assert ignored.returncode == 0 or not (ROOT / ".git").exists()


def test_nothing_happens_at_import() -> None:
    watched = """
import sys
DEEDS = {"socket.bind", "socket.connect", "subprocess.Popen", "os.mkdir", "os.remove"}
sys.addaudithook(lambda event, arguments: print(event, arguments) if event in DEEDS else None)
import bridge.demo.__main__
"""
    imported = subprocess.run(
        [sys.executable, "-B", "-c", watched], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert (imported.stdout, imported.stderr) == ("", "")
