"""Where the demo plays: free ports, the bridge's settings and agents written down, fresh secrets."""

import csv
import io
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from bridge.config.writing import table_text
from bridge.core.delivery import Event
from bridge.core.http_types import Secret
from bridge.crm import registry as crm_makes
from bridge.crm.contract import LogsCalls
from bridge.crm.simulation import SimulatedCrm
from bridge.demo.cast import CHAT, CRM, CRM_KIND, DIDS, PBX, PLAYERS, Player
from bridge.pbx import registry as pbx_makes
from bridge.pbx.simulation import SimulatedPbx
from bridge.web.server import listen

HOST = "127.0.0.1"
PAGE_PORT, BRIDGE_PORT = 8090, 8080
POPUP_TTL_SECONDS = 60
POLL_SECONDS = 0.5
"""How often the phone system is polled, unless the make has a limit of its own."""


CALL_EVENTS = (Event.POPUP, Event.ANSWERED_ELSEWHERE, Event.ENDED)


class StageTaken(RuntimeError):
    """The demo cannot play here; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything both sides must agree on. `page_socket` listens already; the bridge opens its own port."""

    folder: Path
    page_socket: socket.socket
    bridge_port: int
    pbx_kind: str
    crm_kind: str
    pbx_secret: Secret
    crm_secret: Secret

    @property
    def pbx(self) -> SimulatedPbx:
        """How its phone system is simulated."""
        return pbx_makes.simulator(self.pbx_kind)

    @property
    def poll_seconds(self) -> float:
        """How often the phone system is asked who is on the phone."""
        return float(str(self.pbx.section(self.pbx_url, self.pbx_secret).get("poll_seconds", POLL_SECONDS)))

    @property
    def crm(self) -> SimulatedCrm:
        """How the CRM is simulated that is shown popups."""
        return crm_makes.simulator(self.crm_kind)

    @property
    def button_kind(self) -> str:
        """The make whose button is clicked: another where the CRM is a target only."""
        return self.crm_kind if self.crm.press else CRM_KIND

    @property
    def button(self) -> SimulatedCrm:
        """How the CRM with the button is simulated."""
        return crm_makes.simulator(self.button_kind)

    @property
    def button_url(self) -> str:
        """Where the API of the CRM with the button stands."""
        return self.page_url + self.button.path

    @property
    def pbx_url(self) -> str:
        """Where the phone system's API stands."""
        return self.page_url + self.pbx.path

    @property
    def crm_url(self) -> str:
        """Where the CRM's API stands."""
        return self.page_url + self.crm.path

    def contact_url(self, contact_id: str) -> str:
        """Where the CRM shows a contact."""
        return f"{self.page_url}/contacts/{contact_id}"

    def extension(self, player: Player) -> str:
        """What a player's extension is called there."""
        return self.pbx.extension_of(player.sip, player.short)

    @property
    def page_port(self) -> int:
        """Where the demo page and the simulators listen."""
        return int(self.page_socket.getsockname()[1])

    @property
    def page_url(self) -> str:
        """The address to open."""
        return f"http://{HOST}:{self.page_port}"

    @property
    def bridge_url(self) -> str:
        """The bridge's address."""
        return f"http://{HOST}:{self.bridge_port}"

    @property
    def other_bridge_url(self) -> str:
        """The same by another name of this machine: another host to a browser."""
        return f"http://localhost:{self.bridge_port}"

    @property
    def settings_file(self) -> Path:
        """The bridge's settings."""
        return self.folder / "popbridge.toml"

    @property
    def log_file(self) -> Path:
        """What the bridge says."""
        return self.folder / "bridge.log"


@contextmanager
def set_up(folder: Path, page_port: int | None, pbx_kind: str, crm_kind: str) -> Iterator[Stage]:
    """A stage in `folder` with those makes of phone system and CRM, for as long as the block lasts.

    `page_port` None takes the usual ports where they are free.

    Raises `StageTaken` when another demo plays in `folder` or the port is taken.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        _take(lock.fileno(), folder)
        with _listen(page_port) as page_socket:
            bridge_port = free_port(BRIDGE_PORT if page_port is None else 0)
            stage = Stage(folder, page_socket, bridge_port, pbx_kind, crm_kind, _secret(), _secret())
            _write(stage.settings_file, settings_text(stage))
            _write(folder / "agents.csv", _agents_text(stage))
            yield stage


def _take(lock: int, folder: Path) -> None:
    try:
        flock(lock, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        raise StageTaken(f"another demo is running in {folder}: stop it, or give this one its own --dir") from None


def _listen(port: int | None) -> socket.socket:
    try:
        return listen(HOST, free_port(PAGE_PORT) if port is None else port)
    except OSError as error:
        raise StageTaken(f"port {port} cannot be used ({error.strerror}): choose another --port") from None


def free_port(wanted: int) -> int:
    """`wanted`, or any free one if that is taken or 0."""
    with suppress(OSError), socket.create_server((HOST, wanted)) as found:
        return int(found.getsockname()[1])
    return free_port(0)


def _secret() -> Secret:
    return Secret(secrets.token_hex(16))


def settings_text(stage: Stage) -> str:
    """The bridge's settings as TOML."""
    tables: dict[str, dict[str, object]] = {
        "server": {
            "host": HOST,
            "port": stage.bridge_port,
            "public_url": stage.bridge_url,
            "frame_ancestors": [stage.page_url, f"http://localhost:{stage.page_port}"],
        },
        "agents": {"file": "agents.csv"},
        f"pbx.{PBX}": {
            "kind": stage.pbx_kind,
            "events": "poll",
            "poll_seconds": POLL_SECONDS,
            **stage.pbx.section(stage.pbx_url, stage.pbx_secret),
        },
        "desktop": {"agents_choose_pop": True},
        f"crm.{CRM}": {
            "kind": stage.button_kind,
            "pbx": PBX,
            **stage.button.section(stage.button_url, stage.crm_secret),
            "targets": [CRM, *_target_only(stage), "desktop"],
            **_history(crm_makes.find(stage.button_kind)),
            "popup_ttl_seconds": POPUP_TTL_SECONDS,
        },
        **{f"crm.{name}": table for name, table in _target_only(stage).items()},
        "dids": dict(DIDS),
    }
    parts = [table_text(*item) for item in tables.items()]
    return "\n".join(['# Written by the demo at every start.\ndata_dir = "."\n', *parts])


def _target_only(stage: Stage) -> dict[str, dict[str, object]]:
    """The section of a CRM without a button, beside the one with it."""
    if stage.crm.press is not None:
        return {}
    section = stage.crm.section(stage.crm_url, stage.crm_secret)
    return {CHAT: {"kind": stage.crm_kind, **section, **_history(crm_makes.find(stage.crm_kind))}}


def _history(make: object) -> dict[str, object]:
    """What makes the CRM's history fill: calls are logged, or the ends of calls are told to a CRM that takes events."""
    return {"log_calls": True} if isinstance(make, LogsCalls) else {"events": [str(event) for event in CALL_EVENTS]}


def _agents_text(stage: Stage) -> str:
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["crm", "crm_user", "pbx", "extension", "name"])
    rows.writerows([CRM, player.crm_user, PBX, stage.extension(player), player.name] for player in PLAYERS)
    return text.getvalue()


def _write(file: Path, text: str) -> None:
    """A file for its owner alone, whatever stood there before."""
    file.unlink(missing_ok=True)
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as handle:
        handle.write(text)
