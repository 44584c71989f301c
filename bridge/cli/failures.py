"""What a failed command prints, and its exit code. Imported only when something failed."""

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from bridge.audit.database import why_not
from bridge.cli.terminal import FAILURE, USAGE
from bridge.core.errors import ArchiveUnfit, CannotListen, ClickRefused, EmbeddedRedisFailed, RedisUnfit
from bridge.store import trouble


def explain(error: Exception) -> tuple[list[str], int]:
    """The lines to print and the exit code. Raises `error` again if nobody expected it."""
    match error:
        case EmbeddedRedisFailed() | CannotListen() | ArchiveUnfit():
            return [str(error)], FAILURE
        case RedisUnfit():
            return [f"redis: {line}" for line in error.lines], FAILURE
        case RedisError() | ConnectionError():
            found = trouble.of(error)
            place = f" at {place}" if (place := trouble.place_in(error)) else ""
            return [f"Redis{place} {found.what} ({type(error).__name__}); fix: {found.fix}"], FAILURE
        case SQLAlchemyError():
            why = why_not(error)
            return [
                f"Cannot use the audit archive ({why}): is [audit] url right, and is its database running?"
            ], FAILURE
        case ClickRefused():
            return [error.detail], USAGE
    raise error
