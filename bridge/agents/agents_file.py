"""The CSV of agents on disk: read again when it changes. A broken new file keeps the old rows, and says so."""

import logging
from collections.abc import Collection
from pathlib import Path

from bridge.agents import directory
from bridge.agents.directory import Directory
from bridge.core.errors import SettingsError

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int, int]
MISTAKES_TOLD = 5


def read(file: Path, crms: Collection[str], pbxes: Collection[str]) -> Directory:
    """The directory in `file`. Raises `SettingsError` with every problem."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as handle:
            lines = list(handle)
    except FileNotFoundError:
        raise SettingsError([f"{file}: no such file; its header is {','.join(directory.COLUMNS)}"]) from None
    except OSError as error:
        raise SettingsError([f"{file}: cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError:
        raise SettingsError([f"{file}: is not UTF-8: save it as 'CSV UTF-8'"]) from None
    return directory.read(lines, crms, pbxes, str(file))


def problems_in(file: Path, crms: Collection[str], pbxes: Collection[str]) -> list[str]:
    """What is wrong with `file`; nothing when all is well."""
    try:
        read(file, crms, pbxes)
    except SettingsError as error:
        return error.problems
    return []


class AgentsFile:
    """The directory as it stands on disk now, or as it last stood there without a problem."""

    def __init__(self, file: Path, crms: Collection[str], pbxes: Collection[str]) -> None:
        self._file, self._crms, self._pbxes = file, crms, pbxes
        self._stamp: Stamp | None = None
        self._directory = Directory()
        self.problems: list[str] = []
        """What is wrong with the file on disk; empty when its rows are the ones in use."""

    def directory(self) -> Directory:
        """The rows in use, after a look at whether the file has changed."""
        stamp = self._look()
        if stamp != self._stamp or (stamp is None and not self.problems):
            self._stamp = stamp
            self._read()
        return self._directory

    def _look(self) -> Stamp | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ctime_ns, found.st_size, found.st_ino

    def _read(self) -> None:
        try:
            found = read(self._file, self._crms, self._pbxes)
            if self._directory.agents and not found.agents:
                raise SettingsError([f"{self._file}: it has no rows any more"])
            self._directory = found
            self.problems = []
            log.info("%s: %d agents", self._file.name, len(self._directory.agents))
        except SettingsError as error:
            self.problems = error.problems
            told = "; ".join(error.problems[:MISTAKES_TOLD])
            log.error("the directory of agents keeps its old rows, %d problems: %s", len(error.problems), told)
