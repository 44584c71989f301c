"""`popbridge button CRM`: the button for a CRM, ready to paste."""

from collections.abc import Iterable
from pathlib import Path

import click

from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import FAILURE, USAGE, fail
from bridge.config.models import Settings
from bridge.crm import registry
from bridge.crm.contract import MakesButtons, PasteFile


@click.command()
@click.argument("crm")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Write the files into this folder.")
@click.option("--url", help="The bridge's address as the CRM reaches it; otherwise [server] public_url.")
@with_settings
def button(chosen: Chosen, crm: str, out: Path | None, url: str | None) -> None:
    """Print the button for CRM, ready to paste; it may contain the secret that proves its clicks."""
    settings = chosen.settings()
    files = _files(settings, crm, (url or settings.server.public_url).rstrip("/"))
    if out is None:
        click.echo("\n".join(f"--- {file.name}\n{file.text}" for file in files), nl=False)
        return
    for path in _written(out, files):
        click.echo(path)


def _files(settings: Settings, crm: str, url: str) -> tuple[PasteFile, ...]:
    account = settings.crm.get(crm)
    if account is None:
        fail([f"there is no [crm.{crm}]; there are: {', '.join(settings.crm) or 'none'}"], USAGE)
    adapter = registry.find(account.kind)
    if not isinstance(adapter, MakesButtons):
        fail([f"a CRM of kind {account.kind} has no button to paste; see the guide of that make"], FAILURE)
    return adapter.button_files(account, crm, url)


def _written(folder: Path, files: Iterable[PasteFile]) -> list[Path]:
    """The files' paths, written for their owner alone. A file that is there already ends it before any is written."""
    paths = {folder / file.name: file.text for file in files}
    there = [str(path) for path in paths if path.exists()]
    if there:
        fail([f"{path} exists; remove it or choose another folder" for path in there], FAILURE)
    for path, text in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(text, encoding="utf-8")
    return list(paths)
