"""A file of anchors, kept away from the archive: one JSON object per line, oldest first."""

import json
import os
from dataclasses import asdict
from pathlib import Path

from bridge.audit.verdict import Anchor
from bridge.core.errors import ArchiveUnfit


def load(file: Path) -> list[Anchor]:
    """The anchors in `file`; none when it does not exist. Raises `ArchiveUnfit` when it contains something else."""
    try:
        texts = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
        return [_anchor(json.loads(text)) for text in texts if text.strip()]
    except (OSError, ValueError, TypeError, KeyError):
        raise ArchiveUnfit(f"{file} cannot be read as a file of anchors that `audit verify --anchor` wrote") from None


def _anchor(fields: dict[str, object]) -> Anchor:
    return Anchor(int(str(fields["seq"])), str(fields["digest"]), str(fields["time"]))


def append(file: Path, anchor: Anchor) -> None:
    """Add one to the file. Raises `ArchiveUnfit` when it cannot be written."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        with open(descriptor, "a", encoding="utf-8") as open_file:
            open_file.write(json.dumps(asdict(anchor)) + "\n")
    except OSError as error:
        raise ArchiveUnfit(f"{file} cannot be written: {error.strerror}") from None
