"""`popbridge record PBX --out FOLDER`: what a phone system answers, as samples that may be shown to anybody."""

import re
import secrets
from datetime import UTC, datetime
from pathlib import Path

import click

from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import FAILURE, USAGE, as_json_option, asynchronous, fail, show
from bridge.core.errors import PbxError
from bridge.pbx.recorded_samples import NotHidden, samples
from bridge.services import open_services
from bridge.store import embedded


@click.command()
@click.argument("pbx")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="The folder to write into."
)
@click.option("--name", default="recorded", help="What is going on now, as in: ringing, transferred_call.")
@as_json_option
@with_settings
@asynchronous
async def record(chosen: Chosen, pbx: str, out: Path, name: str, as_json_: bool) -> None:
    """Write what a phone system answers as samples, with numbers and names replaced."""
    if not re.fullmatch(r"[a-z0-9_]{1,60}", name):
        fail(["--name must be of lower-case letters, digits and underscores"], USAGE)
    settings = chosen.settings()
    if pbx not in settings.pbx:
        fail([f"there is no [pbx.{pbx}]; there are: {', '.join(settings.pbx) or 'none'}"], USAGE)
    async with open_services(settings, embedded.redis_address(settings)) as services:
        system = services.lookup.systems[pbx]
        try:
            recorded = await system.recorded()
            files = await samples(
                system.adapter, system.account, recorded, name, datetime.now(UTC), secrets.token_bytes(32)
            )
        except PbxError as error:
            fail([f"{error.outcome}: {error}"], FAILURE)
        except NotHidden:
            fail(["a number or a name could not be replaced: nothing was written. Please report this make"], FAILURE)
    paths = [str(path) for path in _written(out, files)]
    show({"files": paths}, lambda: "\n".join(paths), as_json_)
    click.echo("Look through the files before you give them to anybody: CONTRIBUTING.md says where they go.", err=True)


def _written(folder: Path, files: dict[str, bytes]) -> list[Path]:
    """The files' paths. One that is there already ends it before any is written."""
    there = [str(folder / name) for name in files if (folder / name).exists()]
    if there:
        fail([f"{path} exists; choose another --name or folder" for path in there], FAILURE)
    folder.mkdir(parents=True, exist_ok=True)
    for name, body in files.items():
        (folder / name).write_bytes(body)
    return [folder / name for name in files]
