"""The CSV of agents on disk: read again when it changes. A broken new file keeps the old rows, and says so."""

import logging
import os
import stat
from collections.abc import Collection
from io import StringIO
from pathlib import Path
from threading import Thread

from bridge.agents import directory
from bridge.agents.directory import Directory
from bridge.core.errors import SettingsError
from bridge.core.finding import counted
from bridge.core.reasons import Reason, reason

log = logging.getLogger(__name__)

Stamp = tuple[int, int, int, int]
MISTAKES_TOLD = 5
MAX_BYTES = 32 * 2**20
SMALL_BYTES = 64 * 1024
"""Some thousand rows, read in some milliseconds."""


def read(file: Path, crms: Collection[str], pbxes: Collection[str]) -> Directory:
    """The directory in `file`. Raises `SettingsError` with every problem."""
    try:
        with open(file, "rb", opener=_without_waiting) as handle:
            if not stat.S_ISREG(os.fstat(handle.fileno()).st_mode):
                raise SettingsError([_wrong(file, "file-not-regular")])
            data = handle.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise SettingsError([_wrong(file, "file-too-large", most=MAX_BYTES // 2**20)])
        lines = list(StringIO(data.decode("utf-8-sig"), newline=""))
    except FileNotFoundError:
        raise SettingsError([_wrong(file, "csv-no-file", columns=",".join(directory.COLUMNS))]) from None
    except OSError as error:
        raise SettingsError([_wrong(file, "file-unreadable", cause=error.strerror)]) from None
    except UnicodeDecodeError:
        raise SettingsError([_wrong(file, "csv-not-utf-8")]) from None
    return directory.read(lines, crms, pbxes, str(file))


def _wrong(file: Path, code: str, **params: object) -> Reason:
    return reason("found-about", what=str(file), reason=Reason(code, params))


def _without_waiting(path: str, flags: int) -> int:
    """A pipe that nobody writes to is opened at once too, and then found to be no regular file."""
    return os.open(path, flags | os.O_NONBLOCK)


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
        self._reading: Thread | None = None
        self.problems: list[Reason] = []
        """What is wrong with the file on disk; empty when its rows are the ones in use."""

    def directory(self) -> Directory:
        """The rows in use, after a look at whether the file has changed.

        A small file is read at once. A large one takes a second or so: it is read aside, its old rows in use meanwhile;
        the first time it is waited for.
        """
        stamp, was = self._look(), self._stamp
        if self._is_being_read() or (stamp == was and (stamp is not None or self.problems)):
            return self._directory
        self._stamp = stamp
        if was is None or stamp is None or stamp[2] <= SMALL_BYTES:
            self._read()
        else:
            self._reading = Thread(target=self._read, name="agents file", daemon=True)
            self._reading.start()
        return self._directory

    @property
    def is_unread(self) -> bool:
        """Whether no version of it could be read yet."""
        return not self._directory.agents and bool(self.problems)

    def _is_being_read(self) -> bool:
        return self._reading is not None and self._reading.is_alive()

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
                raise SettingsError([_wrong(self._file, "csv-no-rows")])
            self._directory = found
            self.problems = []
            log.info("%s: %s", self._file.name, counted(len(self._directory.agents), "agent"))
        except SettingsError as error:
            self.problems = error.reasons
            told = "; ".join(error.problems[:MISTAKES_TOLD])
            log.error(
                "the directory of agents keeps its old rows, %s: %s", counted(len(error.problems), "problem"), told
            )
