"""For operators: doctor, health, a test popup to a CRM, clicks, a simulated phone system."""

import click

from bridge import doctor
from bridge.audit import access_log, search
from bridge.cli.audit import show_story
from bridge.cli.terminal import NOT_SO, WRONG, Chosen, as_json_option, asynchronous, fail, opened, tell
from bridge.cli.up import run
from bridge.clicks import history
from bridge.config.loader import private_files
from bridge.config.models import Settings
from bridge.core.errors import RequestFailed
from bridge.core.finding import Grade, worst
from bridge.core.http_types import Request
from bridge.demo.cast import PBX_KIND
from bridge.demo.simulate import simulate
from bridge.doctor import outside
from bridge.egress.allowed_addresses import Reach, named_by
from bridge.egress.client import open_client
from bridge.observability import heartbeat
from bridge.pbx import registry
from bridge.services import open_services
from bridge.store import embedded
from bridge.web.server import listen


@click.command("doctor")
@as_json_option
@click.pass_obj
@asynchronous
async def doctor_(chosen: Chosen, as_json_: bool) -> None:
    """Test every dependency and print the fix. Exit code 1 when something fails."""
    settings = chosen.settings()
    async with open_services(settings, embedded.redis_address(settings)) as services:
        await services.agents.refresh()
        found = await doctor.examine(services, private_files(chosen.file))
    grade = worst(found)
    tell({"grade": grade, "findings": found}, lambda: "\n".join(map(str, found)), as_json_)
    if grade is Grade.FAIL:
        raise SystemExit(NOT_SO)


@click.command()
@click.option("--ready", is_flag=True, help="Check whether clicks can be accepted, not only whether the process runs.")
@click.option("--worker", is_flag=True, help="Check the worker processes of this machine instead.")
@click.pass_obj
@asynchronous
async def health(chosen: Chosen, ready: bool, worker: bool) -> None:
    """Check whether the web process of this machine runs; for containers."""
    if worker:
        _worker_health(chosen.settings())
        return
    server = chosen.settings().server
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104 - where it listens
    async with open_client(Reach(named_by([f"http://{host}"]))) as client:
        try:
            reply = await client.send(
                Request("GET", f"http://{host}:{server.port}/{'readyz' if ready else 'livez'}"), 5
            )
        except RequestFailed as error:
            fail([str(error)], NOT_SO)
    click.echo(reply.body.decode("utf-8", "replace"))
    if reply.status != 200:
        raise SystemExit(NOT_SO)


def _worker_health(settings: Settings) -> None:
    silences = heartbeat.silences(settings.data_dir)
    hang = [process for process, seconds in silences.items() if seconds > heartbeat.SILENT_SECONDS]
    if hang or not silences:
        told = [f"process {process} has given no sign for {silences[process]:.0f} s: it hangs" for process in hang]
        fail(told or [f"no worker of this machine runs on {settings.data_dir}"], NOT_SO)
    click.echo(f"alive: {', '.join(map(str, silences))}")


@click.command("push-test")
@click.argument("crm")
@as_json_option
@click.pass_obj
@asynchronous
async def push_test(chosen: Chosen, crm: str, as_json_: bool) -> None:
    """Send CRM a test event, as popups are sent, and show its answer."""
    settings = chosen.settings()
    account = settings.crm.get(crm)
    async with open_services(settings, embedded.redis_address(settings)) as services:
        if account is None or not services.takes_popups(crm):
            able = [name for name in settings.crm if services.takes_popups(name)]
            fail([f"CRM must be one that takes popups: {', '.join(able) or 'none is in the settings'}"], WRONG)
        found = await outside.of_crm(services, crm, account)
    tell({"grade": worst(found), "findings": found}, lambda: "\n".join(map(str, found)), as_json_)
    if worst(found) is Grade.FAIL:
        raise SystemExit(NOT_SO)


@click.command()
@click.option("--agent", help="The CRM's name of the agent.")
@click.option("--crm", help="Only clicks of this CRM.")
@click.option("--since", default="1d", show_default=True, help="ISO 8601, or how long ago, such as 10m.")
@click.option("--limit", type=click.IntRange(1, search.LONGEST_PAGE), default=search.PAGE_LENGTH, show_default=True)
@as_json_option
@click.pass_obj
@asynchronous
async def clicks(chosen: Chosen, agent: str | None, crm: str | None, since: str, limit: int, as_json_: bool) -> None:
    """List clicks, refused ones too, newest first: why was there no popup?"""
    async with opened(chosen.settings()) as services:
        now = services.clock.now()
        filters = {"crm_user": agent or "", "crm": crm or "", "since": since}
        wanted = search.Search.read(filters, services.labels.regions.values(), now)
        await access_log.record(services.redis, access_log.COMMAND_LINE, "clicks", now, wanted)
        page = await history.clicks(services.archive, services.redis, wanted, limit, None, now)
    more = ["there are more: --limit, up to 500, or --since"] if page.next_cursor else []
    tell({"items": page.items, "next_cursor": page.next_cursor}, lambda: _clicks_table(page.items, more), as_json_)


def _clicks_table(items: list[history.ListedClick], more: list[str]) -> str:
    rows = [
        f"{item['time']}  {item['crm']:<10} {item['crm_user'] or '?':<24} {_outcome(item):<18} "
        f"{item['click_id'] or '-'}  {item['source_ip'] or '-'}  {item['why']}".replace("\n", " ")
        for item in items
    ]
    return (
        "\n".join([*rows, *more])
        or "no clicks: is the CRM's button set up? `popbridge doctor` shows when each button last worked"
    )


def _outcome(item: history.ListedClick) -> str:
    return str(item["reason"] if item["outcome"] == history.REFUSED else item["outcome"])


@click.command("click")
@click.argument("click_id")
@as_json_option
@click.pass_obj
@asynchronous
async def click_(chosen: Chosen, click_id: str, as_json_: bool) -> None:
    """Show one click: the request, what the phone system reported, what was chosen, each delivery."""
    await show_story(chosen, click_id, as_json_)


@click.command("simulate")
@click.option(
    "--pbx", type=click.Choice([*registry.packages()]), default=PBX_KIND, show_default=True, help="Which make."
)
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=9509, show_default=True, help="0 takes a free one.")
@click.option("--every", type=click.FloatRange(0, 3600), default=10.0, show_default=True, help="Seconds; 0: no calls.")
def simulate_(pbx: str, host: str, port: int, every: float) -> None:
    """Run a simulated phone system, and print the settings that lead a bridge to it."""
    try:
        listening = listen(host, port)
    except OSError as error:
        fail([f"cannot listen on {host}:{port}: {error.strerror}; see --port"], NOT_SO)
    run(simulate(pbx, listening, every, click.echo))
