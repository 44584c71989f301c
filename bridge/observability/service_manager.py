"""How something is started here: by systemd where it runs, which containers and most development machines lack."""

from pathlib import Path

from bridge.core.reasons import Reason, reason

RUNNING = Path("/run/systemd/system")


def starting(units: str, otherwise: Reason) -> Reason:
    """The command that starts these units, or what to do without systemd."""
    return reason("fix-systemctl", units=units) if RUNNING.is_dir() else otherwise


def log_of(units: str) -> Reason:
    """Where the last lines of these units' log are."""
    return reason("fix-journal", units=units) if RUNNING.is_dir() else Reason("fix-standard-error")
