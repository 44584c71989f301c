"""How all commands print and how they fail. Data goes to standard output, messages to standard error."""

import asyncio
import functools
import json
import sys
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn, ParamSpec

import click

FAILURE, USAGE = 1, 2
"""Exit codes: what was asked for failed or is not there; wrong usage or settings."""
P = ParamSpec("P")
as_json_option = click.option("--json", "as_json_", is_flag=True, help="One JSON value on standard output.")


def fail(lines: list[str], code: int) -> NoReturn:
    """Print why on standard error, and exit."""
    for line in lines:
        click.echo(line, err=True)
    raise SystemExit(code)


def configuration_errors(problems: list[str]) -> list[str]:
    """The configuration errors under their number."""
    return [f"{len(problems)} configuration error{'s' * (len(problems) != 1)}:", *problems]


def show(value: object, as_text: Callable[[], str], json_wanted: bool) -> None:
    """Print data: as one JSON value, or as text for a person."""
    from bridge.core.json_codec import as_json

    click.echo(json.dumps(as_json(value), ensure_ascii=False) if json_wanted else readable(as_text()))


def readable(text: str) -> str:
    """Safe to print: a terminal obeys control characters, and direction marks make one name look like another. Phone
    systems and CRMs may send either; they are shown as codes."""
    return text if text.isprintable() else "".join(map(_readable, text))


def _readable(character: str) -> str:
    return character if character.isprintable() or character == "\n" else character.encode("unicode_escape").decode()


@contextmanager
def failures_explained() -> Iterator[None]:
    """Expected failures become a line on standard error and an exit code; others keep their traceback."""
    try:
        yield
    except BrokenPipeError:
        raise  # the reader has closed the pipe, as `head` does; click ends the command silently
    except Exception as error:
        from bridge.cli.failures import explain  # knows the libraries that fail; not imported while all goes well

        fail(*explain(error))


def asynchronous(command: Callable[P, Coroutine[Any, Any, None]]) -> Callable[P, None]:
    """A command that awaits. Expected failures are explained in one line."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        with failures_explained():
            asyncio.run(command(*args, **kwargs))

    return run


@contextmanager
def progress(what: str) -> Iterator[Callable[[int], None]]:
    """A count on standard error that is updated in place, on a terminal; nothing elsewhere."""
    is_terminal = sys.stderr.isatty()

    def update(count: int) -> None:
        if is_terminal:
            click.echo(f"\r{count:,} {what}", nl=False, err=True)

    yield update
    if is_terminal:
        click.echo(err=True)
