"""Setting up the demo: free ports, the bridge's settings and agents written down, fresh secrets."""

import csv
import io
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from bridge.config.writing import table_text
from bridge.core.delivery import Event
from bridge.core.http_types import Secret
from bridge.crm import registry as crm_makes
from bridge.crm.contract import LogsCalls
from bridge.demo.cast import CHAT, CRM, DIDS, PBX, PLAYERS
from bridge.demo.stage import HOST, POLL_SECONDS, POPUP_TTL_SECONDS, Stage
from bridge.web.server import listen

PAGE_PORT, BRIDGE_PORT = 8090, 8080
CALL_EVENTS = (Event.POPUP, Event.ANSWERED_ELSEWHERE, Event.ENDED)


class StageTaken(RuntimeError):
    """The demo cannot play here; the text says what to do."""


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
