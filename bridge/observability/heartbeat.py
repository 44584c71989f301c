"""A worker's sign of life: a file in `data_dir` that it touches. It has no port, so nobody could ask it otherwise.

Redis is no part of it: a Redis that is away is no reason to kill the workers that wait for it.
"""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

SILENT_SECONDS = 15.0
"""A worker that has touched its file no later than this lives."""


def _folder(data_dir: Path) -> Path:
    return data_dir / "workers"


def _file(data_dir: Path) -> Path:
    return _folder(data_dir) / f"{socket.gethostname()}-{os.getpid()}"


def give(data_dir: Path) -> None:
    """This process lives. Raises OSError where it cannot write."""
    _folder(data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    _file(data_dir).touch(mode=0o600)


def take_back(data_dir: Path) -> None:
    """This process ends."""
    _file(data_dir).unlink(missing_ok=True)


def silences(data_dir: Path) -> Mapping[int, float]:
    """How many seconds ago each worker process of this machine gave a sign, by its process id.

    What processes that were killed left behind is thrown away.
    """
    told: dict[int, float] = {}
    for file in _folder(data_dir).glob(f"{socket.gethostname()}-*"):
        process = int(file.name.rpartition("-")[2])
        if Path("/proc").is_dir() and not Path(f"/proc/{process}").exists():
            file.unlink(missing_ok=True)
        else:
            told[process] = max(0.0, time.time() - file.stat().st_mtime)
    return told
