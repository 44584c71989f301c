"""`popbridge lookup` and `queues`: ask a phone system now."""

from collections.abc import Iterable
from typing import Any

import click
from redis.exceptions import RedisError

from bridge.audit import access_log
from bridge.calls.labels import identified, labelled
from bridge.calls.snapshot import queue_row
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import FAILURE, USAGE, as_json_option, asynchronous, fail, show
from bridge.clicks.choose import choose
from bridge.config.models import Settings
from bridge.core.errors import PbxError, RedisUnfit
from bridge.core.model import Call, Caller, ExtensionId, Outcome, YesNo
from bridge.core.reasons import say
from bridge.services import Services, open_services
from bridge.store import embedded, installation

pbx_option = click.option("--pbx", help="Which [pbx.NAME]; required if there are several.")


@click.command()
@click.argument("extension")
@pbx_option
@as_json_option
@with_settings
@asynchronous
async def lookup(chosen: Chosen, extension: str, pbx: str | None, as_json_: bool) -> None:
    """Show the calls on EXTENSION now, and which one a popup would show and why."""
    settings = chosen.settings()
    name = _pbx_name(settings, pbx)
    async with open_services(settings, embedded.redis_address(settings)) as services:
        result = await services.lookup.live_calls((ExtensionId(name, extension),))
        choice = choose(result.calls, None)
        calls = [labelled(call, services.labels) for call in result.calls]
        chosen_call = labelled(choice.call, services.labels) if choice else None
        await _record(services, "lookup", (call.caller for call in calls), pbx=name, extension=extension)
    reason = choice.reason if choice else result.reason
    why = say(reason) if reason else ""
    summary = {
        "outcome": result.outcome,
        "why": why,
        "reason": reason,
        "chosen": chosen_call,
        "calls": calls,
        "pbx_ms": result.pbx_ms,
    }
    heading = f"{result.outcome}: {why} ({result.pbx_ms:g} ms)"
    show(summary, lambda: "\n".join([heading, *(_row(call, call == chosen_call) for call in calls)]), as_json_)
    if result.outcome is not Outcome.FOUND:
        raise SystemExit(FAILURE)


async def _record(services: Services, what: str, callers: Iterable[Caller], **about: str) -> None:
    """Record who was shown to the command line. It works while Redis is away, and says then that nothing was kept."""
    try:
        await installation.require(services.redis, services.settings)
        now = services.clock.now()
        await access_log.record(services.redis, access_log.COMMAND_LINE, what, now, about=about, callers=callers)
    except (RedisError, RedisUnfit, OSError):
        click.echo("not recorded in the access log: Redis cannot be used", err=True)


def _row(call: Call, is_chosen: bool) -> str:
    return (
        f"{'→' if is_chosen else ' '} {call.state:<8} {call.direction:<8} {call.caller.name or '-'} "
        f"{call.caller.number} did={call.did or '-'} ivrid={call.ivrid}{_besides(call)}"
    )


def _besides(call: Call) -> str:
    """What else the phone system says of the call."""
    told = {"parked": call.parked, "conference": call.conference, "held by the other side": call.held_by_other}
    words = [word for word, so in told.items() if so is YesNo.YES]
    return "".join(f" {word}" for word in [*words, *([f"queue={call.queue}"] if call.queue else [])])


@click.command()
@click.argument("queue", required=False)
@pbx_option
@as_json_option
@with_settings
@asynchronous
async def queues(chosen: Chosen, queue: str | None, pbx: str | None, as_json_: bool) -> None:
    """Show the callers waiting in the phone system's queues, or in QUEUE (its id)."""
    settings = chosen.settings()
    name = _pbx_name(settings, pbx)
    async with open_services(settings, embedded.redis_address(settings)) as services:
        try:
            found = await services.lookup.systems[name].queues(queue)
        except PbxError as error:
            fail([f"{error.outcome}: {error}"], FAILURE)
        region, waiting = settings.pbx[name].region, [one.caller for each in found or () for one in each.callers]
        await _record(services, "queues", (identified(caller, region) for caller in waiting), pbx=name)
    if found is None:
        fail([f"a phone system of kind {settings.pbx[name].kind} does not report queues"], FAILURE)
    if queue is not None and not found:
        fail([f"the phone system has no queue '{queue}'; popbridge queues lists them"], FAILURE)
    rows = [queue_row(one, settings.pbx[name].region) for one in found]
    show(rows, lambda: _queue_table(rows), as_json_)


def _queue_table(rows: list[dict[str, Any]]) -> str:
    lines = []
    for row in rows:
        lines.append(f"{row['queue']}  {row['name']}: {len(row['callers'])} waiting")
        lines += [f"    {one['caller']['number']:<16} {one['waiting_seconds']:5.0f} s" for one in row["callers"]]
    return "\n".join(lines) or "no queues"


def _pbx_name(settings: Settings, name: str | None) -> str:
    if name is None and len(settings.pbx) == 1:
        return next(iter(settings.pbx))
    if name not in settings.pbx:
        fail([f"--pbx must be one of: {', '.join(settings.pbx) or 'the settings have none'}"], USAGE)
    return str(name)
