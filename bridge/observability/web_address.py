"""Where the web process listens, in a file in `data_dir`: with `port = 0` only it knows."""

from contextlib import suppress
from pathlib import Path


def _file(data_dir: Path) -> Path:
    return data_dir / "web.address"


def note(data_dir: Path, address: str) -> None:
    """Keep the address for this machine's health checks; a folder that cannot be written stops no web process."""
    with suppress(OSError):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _file(data_dir).write_text(address, encoding="ascii")


def noted(data_dir: Path) -> str | None:
    """The address of the web process that was started last; None where none has been."""
    try:
        return _file(data_dir).read_text(encoding="ascii").strip() or None
    except (OSError, UnicodeDecodeError):
        return None
