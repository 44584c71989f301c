"""`popbridge health`: for containers and systemd."""

from urllib.parse import urlsplit

import click

from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import FAILURE, asynchronous, fail
from bridge.config.models import Settings
from bridge.core.errors import RequestFailed
from bridge.core.http_types import Request
from bridge.observability import heartbeat, web_address

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
    await _web_health(_address(chosen.settings()), "readyz" if ready else "livez")


def _address(settings: Settings) -> str:
    """Where the web process of this machine is asked: on itself, where it listens on every address."""
    server = settings.server
    noted = web_address.noted(settings.data_dir) if server.port == 0 else None
    if server.port == 0 and noted is None:
        fail([f"[server] port is 0, and no web process has noted its port in {settings.data_dir}"], FAILURE)
    at = urlsplit(noted or "")
    name = at.hostname or server.host
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(name, name)  # noqa: S104 - where it listens
    return f"http://{f'[{host}]' if ':' in host else host}:{at.port or server.port}"


async def _web_health(address: str, path: str) -> None:
    from bridge.egress.allowed_addresses import Reach, named_by  # not for the worker's health, which asks no address
    from bridge.egress.client import open_client

    request = Request("GET", f"{address}/{path}")
    async with open_client(Reach(named_by([address]))) as client:
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
