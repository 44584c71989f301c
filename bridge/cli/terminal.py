"""What all commands share: the settings they were given, how they print and how they fail."""

import asyncio
import functools
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, ParamSpec

import click
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from bridge.audit.database import why_not
from bridge.config.models import Settings
from bridge.core.errors import ArchiveUnfit, ClickRefused, EmbeddedRedisFailed, SettingsError
from bridge.core.json_codec import as_json
from bridge.services import Services, load_settings, open_services
from bridge.store import embedded

NOT_SO, WRONG = 1, 2
NO_REDIS = "Redis cannot be reached ({}): is [redis] url right, and is it running?"
NO_ARCHIVE = "the audit archive cannot be used ({}): is [audit] url right, and is its database running?"
P = ParamSpec("P")
as_json_option = click.option("--json", "as_json_", is_flag=True, help="One JSON value on standard output.")


@dataclass(frozen=True)
class Chosen:
    """The settings file the command was given."""

    file: Path

    def settings(self) -> Settings:
        """The settings; every problem is printed and ends the command."""
        try:
            return load_settings(str(self.file))
        except SettingsError as error:
            fail(error.problems, WRONG)


def fail(lines: list[str], code: int) -> NoReturn:
    """Say why on standard error and end."""
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(code)


def tell(value: object, as_text: Callable[[], str], json_wanted: bool) -> None:
    """Print data: as one JSON value, or as text for a person."""
    click.echo(json.dumps(as_json(value), ensure_ascii=False) if json_wanted else readable(as_text()))


def readable(text: str) -> str:
    """As it may be shown: a terminal obeys control characters, and marks that turn text round make one name look like
    another. Phone systems and CRMs may send either; they are shown as codes."""
    return text if text.isprintable() else "".join(map(_readable, text))


def _readable(character: str) -> str:
    return character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()


def asynchronous(command: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A command that awaits; failures it can expect are told in one line."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            asyncio.run(command(*args, **kwargs))
        except EmbeddedRedisFailed as error:
            fail([str(error)], NOT_SO)
        except BrokenPipeError:
            raise  # whoever read it had enough, as `head` has; click ends the command in silence
        except (RedisError, ConnectionError) as error:
            fail([NO_REDIS.format(type(error).__name__)], NOT_SO)
        except ArchiveUnfit as error:
            fail([str(error)], NOT_SO)
        except SQLAlchemyError as error:
            fail([NO_ARCHIVE.format(why_not(error))], NOT_SO)
        except ClickRefused as error:
            fail([error.detail], WRONG)

    return run


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Services]:
    """A services on the settings' Redis; the embedded one is started for the command when it is not running."""
    async with embedded.redis_of(settings) as url, open_services(settings, url) as services:
        yield services


@contextmanager
def progress(what: str) -> Iterator[Callable[[int], None]]:
    """A count on standard error that goes up in its place, on a terminal; nothing is said elsewhere."""
    shown = sys.stderr.isatty()

    def told(count: int) -> None:
        if shown:
            click.echo(f"\r{count:,} {what}", nl=False, err=True)

    yield told
    if shown:
        click.echo(err=True)
