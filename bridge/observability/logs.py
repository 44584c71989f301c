"""Log lines: a JSON object per line on a pipe, text on a terminal. Set up once by each process; never at import.

Every line has `time`, `level`, `process`, `logger` and `message`, and `click_id` where it concerns one click. The
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
    """Log to standard error as `wanted`; may be called again. Libraries log only warnings.

    `process` (`web`, `worker`) is in every line, as several processes may share a log.
    """
    as_text = wanted.format == "text" or (wanted.format == "auto" and sys.stderr.isatty())
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Text() if as_text else _Json(process))
    logging.basicConfig(level=wanted.level.upper(), handlers=[handler], force=True)
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLogger().level))


def follow(click_id: str) -> None:
    """Everything this task logs from here on gets this `click_id`."""
    _click_id.set(click_id)


def event(log: logging.Logger, message: str, **fields: object) -> None:
    """Log a documented event: `click`, `delivery` or `job`. Fields that are None are left out."""
    if log.isEnabledFor(logging.INFO):
        log.info(message, extra={"fields": fields})


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = {"click_id": click_id} if (click_id := _click_id.get()) else {}
    fields |= {name: value for name, value in getattr(record, "fields", {}).items() if value is not None}
    if record.exc_info and record.exc_info[1]:
        fields |= _failure(record.exc_info[1])
    return fields


def _failure(error: BaseException) -> dict[str, Any]:
    """Kind and traceback. Messages of foreign exceptions are left out: they may quote personal data or secrets."""
    frames = traceback.extract_tb(error.__traceback__)
    where = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    text = f": {error}" if isinstance(error, PopbridgeError) else ""
    return {"error": f"{type(error).__name__}{text}", "trace": where}


class _Json(logging.Formatter):
    """One JSON object per line."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process
        self._write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), default=str).encode

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        fields = {
            "time": time_text(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "process": self._process,
            "logger": record.name,
            "message": record.getMessage(),
            **_fields(record),
        }
        return self._write(fields)


class _Text(logging.Formatter):
    """For a person at a terminal; control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        time = datetime.fromtimestamp(record.created).astimezone().isoformat(timespec="milliseconds")[11:23]
        fields = " ".join(f"{name}={_plain(str(value))}" for name, value in _fields(record).items())
        return f"{time} {record.levelname.lower():<7} {_plain(record.getMessage())} {fields}".rstrip()


def _plain(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode()
