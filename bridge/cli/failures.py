"""What a failed command prints, and its exit code. Imported only when something failed."""

from redis.exceptions import OutOfMemoryError, ReadOnlyError, RedisError, ResponseError
from sqlalchemy.exc import SQLAlchemyError

from bridge.audit.database import why_not
from bridge.cli.terminal import FAILURE, USAGE
from bridge.core.errors import ArchiveUnfit, CannotListen, ClickRefused, EmbeddedRedisFailed, RedisUnfit


def explain(error: Exception) -> tuple[list[str], int]:
    """The lines to print and the exit code. Raises `error` again if nobody expected it."""
    match error:
        case EmbeddedRedisFailed() | CannotListen() | ArchiveUnfit():
            return [str(error)], FAILURE
        case RedisUnfit():
            return [f"redis: {reason}" for reason in error.reasons], FAILURE
        case ResponseError():
            return [f"Redis takes no writes: {_why_none(error)}"], FAILURE
        case RedisError() | ConnectionError():
            name = type(error).__name__
            return [f"Cannot connect to Redis ({name}): is [redis] url right, and is Redis running?"], FAILURE
        case SQLAlchemyError():
            why = why_not(error)
            return [
                f"Cannot use the audit archive ({why}): is [audit] url right, and is its database running?"
            ], FAILURE
        case ClickRefused():
            return [error.detail], USAGE
    raise error


def _why_none(error: ResponseError) -> str:
    match error:
        case OutOfMemoryError():
            return "its memory is full; raise maxmemory, or find out what fills it"
        case ReadOnlyError():
            return "it is a replica; [redis] url must lead to the primary"
    is_disk = str(error).startswith("MISCONF") or "No space left" in str(error)
    return "its disk is full (df -h)" if is_disk else f"`popbridge doctor` tells more ({type(error).__name__})"
