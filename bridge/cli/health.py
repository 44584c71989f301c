"""`popbridge health`: for containers and systemd."""

import click

from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import FAILURE, asynchronous, fail
from bridge.config.models import Server, Settings
from bridge.core.errors import RequestFailed
from bridge.core.http_types import Request
from bridge.observability import heartbeat

ANSWER_SECONDS = 5


@click.command()
@click.option("--ready", is_flag=True, help="Check whether clicks can be accepted, not only whether the process runs.")
@click.option("--worker", is_flag=True, help="Check the worker processes of this machine instead.")
@with_settings
@asynchronous
async def health(chosen: Chosen, ready: bool, worker: bool) -> None:
    """Check whether the web process of this machine runs; for containers."""
    if worker:
        _worker_health(chosen.settings())
        return
    await _web_health(chosen.settings().server, "readyz" if ready else "livez")


async def _web_health(server: Server, path: str) -> None:
    from bridge.egress.allowed_addresses import Reach, named_by  # not for the worker's health, which asks no address
    from bridge.egress.client import open_client

    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104 - where it listens
    request = Request("GET", f"http://{host}:{server.port}/{path}")
    async with open_client(Reach(named_by([f"http://{host}"]))) as client:
        try:
            reply = await client.send(request, ANSWER_SECONDS)
        except RequestFailed as error:
            fail([str(error)], FAILURE)
    click.echo(reply.body.decode("utf-8", "replace"))
    if reply.status != 200:
        raise SystemExit(FAILURE)


def _worker_health(settings: Settings) -> None:
    silences = heartbeat.silences(settings.data_dir)
    hung = [process for process, seconds in silences.items() if seconds > heartbeat.SILENT_SECONDS]
    if hung or not silences:
        problems = [f"process {process} hangs: no heartbeat for {silences[process]:.0f} s" for process in hung]
        fail(problems or [f"no worker of this machine runs on {settings.data_dir}"], FAILURE)
    click.echo(f"alive: {', '.join(map(str, silences))}")
