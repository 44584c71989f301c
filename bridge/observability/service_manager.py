"""How something is started here: by systemd where it runs, which containers and most development machines lack."""

from pathlib import Path

RUNNING = Path("/run/systemd/system")


def starting(units: str, otherwise: str) -> str:
    """The command that starts these units, or what to do without systemd."""
    return f"systemctl start {units}" if RUNNING.is_dir() else otherwise


def log_of(units: str) -> str:
    """Where the last lines of these units' log are."""
    return f"journalctl -u '{units}' -n 30" if RUNNING.is_dir() else "its standard error"
