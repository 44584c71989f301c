"""The CSV of agents on disk: read again when it changes. A broken new file keeps the old rows, and says so."""

import logging
from collections.abc import Collection
from pathlib import Path

from bridge import directory
from bridge.directory import Directory
from bridge.errors import SettingsError

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int]


def read(file: Path, crms: Collection[str], pbxes: Collection[str]) -> Directory:
    """The directory in `file`. Raises `SettingsError` with every mistake."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise SettingsError([f"{file}: no such file; its header is {','.join(directory.COLUMNS)}"]) from None
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{file}: is not UTF-8: save it as 'CSV UTF-8'"]) from None
    return directory.read(text.splitlines(keepends=True), crms, pbxes, str(file))


class AgentsFile:
    """The directory as it stands on disk now, or as it last stood there without a mistake."""

    def __init__(self, file: Path, crms: Collection[str], pbxes: Collection[str]) -> None:
        self._file, self._crms, self._pbxes = file, crms, pbxes
        self._stamp: Stamp | None = None
        self._directory = Directory()
        self.mistakes: list[str] = []
        """What is wrong with the file on disk; empty when its rows are the ones in use."""

    def directory(self) -> Directory:
        """The rows in use, after a look at whether the file has changed."""
        stamp = self._look()
        if stamp != self._stamp or (stamp is None and not self.mistakes):
            self._stamp = stamp
            self._read()
        return self._directory

    def _look(self) -> Stamp | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _read(self) -> None:
        try:
            self._directory = read(self._file, self._crms, self._pbxes)
            self.mistakes = []
            log.info("%s: %d agents", self._file.name, len(self._directory.agents))
        except SettingsError as error:
            self.mistakes = error.mistakes
            log.error("the directory of agents keeps its old rows: %s", "; ".join(error.mistakes))
