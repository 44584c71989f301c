"""A worker's heartbeat: a file in `data_dir` that it touches. A worker has no port to send a health check to.

It does not depend on Redis: an unavailable Redis is no reason to kill the workers that wait for it.
"""

import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path

SILENT_SECONDS = 15.0
"""A worker whose file is older than this is considered dead."""


def _folder(data_dir: Path) -> Path:
    return data_dir / "workers"


def _file(data_dir: Path) -> Path:
    return _folder(data_dir) / f"{socket.gethostname()}-{os.getpid()}"


def beat(data_dir: Path) -> None:
    """Record that this process is alive. Raises OSError where it cannot write."""
    _folder(data_dir).mkdir(mode=0o700, parents=True, exist_ok=True)
    _file(data_dir).touch(mode=0o600)


def stop(data_dir: Path) -> None:
    """Record that this process ends."""
    _file(data_dir).unlink(missing_ok=True)


def silences(data_dir: Path) -> Mapping[int, float]:
    """Seconds since the last heartbeat of each worker process of this machine, by process id.

    Files of processes that were killed are removed.
    """
    seconds: dict[int, float] = {}
    for file in _folder(data_dir).glob(f"{socket.gethostname()}-*"):
        process = int(file.name.rpartition("-")[2])
        if Path("/proc").is_dir() and not Path(f"/proc/{process}").exists():
            file.unlink(missing_ok=True)
        else:
            seconds[process] = max(0.0, time.time() - file.stat().st_mtime)
    return seconds
