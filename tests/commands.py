"""Commands of the program, typed without a process of their own: most of what one takes is its start."""

import asyncio
from pathlib import Path

from click.testing import CliRunner, Result

from bridge.cli.main import main


def command(*words: str, typed: str = "", environ: dict[str, str | None] | None = None) -> Result:
    """One command to its end: `exit_code`, and what it printed. One at a time: standard input and output are its."""
    done = CliRunner().invoke(main, [*map(str, words)], input=typed, env=environ)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done


async def popbridge(file: Path, *words: str, environ: dict[str, str | None] | None = None) -> Result:
    """A command with these settings, while phone system, CRM and bridge go on."""
    return await asyncio.to_thread(command, "--config", str(file), *words, environ=environ)
