"""The machine: which core does what, how busy the cores are, how much processor time a process took."""

import os
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
"""Units of processor time per second in /proc."""


def _cores() -> list[int]:
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


CORES = _cores()
MEASURED: int | None = CORES[0] if CORES else None
"""The core of the measured process and its Redis; None where processes cannot be pinned."""
LOAD: int | None = CORES[1] if len(CORES) > 1 else MEASURED
"""The core of whatever makes the load and answers it."""


def pin(core: int | None) -> None:
    """Keep this process, and those that it starts, on `core`."""
    if core is not None:
        os.sched_setaffinity(0, {core})


def unpin() -> None:
    """Let this process have every core again."""
    if CORES:
        os.sched_setaffinity(0, CORES)


def load_average() -> float:
    """Of the last minute: how many processes wanted a core."""
    return os.getloadavg()[0]


def free_bytes() -> int | None:
    """Memory that may still be taken; None where nothing tells."""
    if sys.platform != "linux":
        return None
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")), None)


def described() -> dict[str, object]:
    """What the figures were measured on; no name of the machine."""
    return {
        "cores": f"{len(CORES) or os.cpu_count()} shared cores",
        "pinned": len(CORES) > 1,
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "rq": version("rq"),
        "redis_client": version("redis"),
        "load_average": round(load_average(), 2),
    }


def seconds_of(pid: int) -> float:
    """Processor seconds of a process, of its children, and of those that have ended, these in ticks; 0 where nothing
    tells."""
    if sys.platform != "linux":
        return 0.0
    folder = Path(f"/proc/{pid}")
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    ended = sum(map(int, fields[13:15])) / TICKS
    children = [int(child) for told in folder.glob("task/*/children") for child in told.read_text().split()]
    return time.clock_gettime(_clock_of(pid)) + ended + sum(map(_seconds_of_child, children))


def _seconds_of_child(pid: int) -> float:
    try:
        return seconds_of(pid)
    except OSError:  # it has just ended
        return 0.0


def _clock_of(pid: int) -> int:
    """The kernel's clock of a process's own time, as `clock_getcpuclockid` names it; it is not rounded to ticks."""
    return (~pid << 3) | 2


def seconds_of_core(core: int | None) -> float:
    """Seconds that a core was busy or taken away by the host, whoever kept it so; 0 where nothing tells."""
    if sys.platform != "linux" or core is None:
        return 0.0
    lines = Path("/proc/stat").read_text().splitlines()
    user, nice, system, _, _, *others = next(line.split()[1:] for line in lines if line.startswith(f"cpu{core} "))
    return sum(map(int, (user, nice, system, *others[:3]))) / TICKS
