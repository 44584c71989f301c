"""Log lines: one JSON object a line on a pipe, words on a terminal. Set up once by each process; never at import.

Every line has `time`, `level`, `process`, `logger` and `message`, and `click_id` where it is about one click. The
messages `click`, `delivery` and `job` have fields of their own, which deploy/README.md lists.
"""

import json
import logging
import sys
import traceback
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

from bridge.config.models import Log
from bridge.core.errors import PopbridgeError
from bridge.core.json_codec import time_text

QUIET = ("httpx", "rq", "rq.worker", "rq.queue", "rq.job", "rq.scheduler", "uvicorn.error", "alembic")

_click_id: ContextVar[str] = ContextVar("click_id", default="")


def start(wanted: Log, process: str) -> None:
    """Log to standard error as `wanted`; may be called again. The libraries' own chatter is cut to warnings.

    `process` (`web`, `worker`) is in every line, for several may write to one place.
    """
    as_words = wanted.format == "text" or (wanted.format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Words() if as_words else _Json(process))
    logging.basicConfig(level=wanted.level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def follow(click_id: str) -> None:
    """What this task logs from here on is about this click."""
    _click_id.set(click_id)


def event(log: logging.Logger, message: str, **fields: object) -> None:
    """One line of a kind that is documented: `click`, `delivery` or `job`. Fields that are None are left out."""
    if log.isEnabledFor(logging.INFO):
        log.info(message, extra={"fields": fields})


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    told: dict[str, Any] = {"click_id": click_id} if (click_id := _click_id.get()) else {}
    told |= {name: value for name, value in getattr(record, "fields", {}).items() if value is not None}
    if record.exc_info and record.exc_info[1]:
        told |= _failure(record.exc_info[1])
    return told


def _failure(error: BaseException) -> dict[str, Any]:
    """Where it happened and what kind it is. Texts of foreign exceptions like to quote what they were given."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    text = f": {error}" if isinstance(error, PopbridgeError) else ""
    return {"error": f"{type(error).__name__}{text}", "trace": where}


class _Json(logging.Formatter):
    """One object a line."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process
        self._write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        told = {
            "time": time_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        return self._write(told)


class _Words(logging.Formatter):
    """For a person at a terminal, which obeys control characters: none is let through."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        time = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")[11:23]
        told = " ".join(f"{name}={_plain(str(value))}" for name, value in _fields(record).items())
        return f"{time} {record.levelname.lower():<7} {_plain(record.getMessage())} {told}".rstrip()


def _plain(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()
