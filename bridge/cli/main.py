"""popbridge: every command. Data goes to standard output, talk to standard error."""

import logging
import os
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import click
from redis.exceptions import RedisError

from bridge import __version__
from bridge.agents import agents_file
from bridge.calls.labels import labelled
from bridge.calls.snapshot import queue_row
from bridge.cli import up as processes
from bridge.cli.audit import audit, privacy
from bridge.cli.operate import click_, clicks, doctor_, health, push_test, simulate_
from bridge.cli.terminal import NO_REDIS, NOT_SO, WRONG, Chosen, as_json_option, asynchronous, fail, tell
from bridge.clicks.choose import choose
from bridge.config import loader
from bridge.config.models import Settings
from bridge.core.clock import Clock
from bridge.core.errors import CannotListen, EmbeddedRedisFailed, PbxError, RedisUnfit, SettingsError
from bridge.core.json_codec import time_text
from bridge.core.model import Agent, Delivery, DeliveryState, ExtensionId, Outcome
from bridge.core.reasons import say
from bridge.observability import logs, sd_notify
from bridge.services import load_settings, open_services
from bridge.store import embedded, tokens
from bridge.store.client import open_async
from bridge.store.deliveries import records as store
from bridge.store.tokens import Grant, Kind, Role

log = logging.getLogger(__name__)

NO_DELIVERY = "no delivery has this id, or it is not kept any longer"


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", help="Settings file; else POPBRIDGE_CONFIG, else popbridge.toml here.")
@click.version_option(__version__)
@click.pass_context
def main(context: click.Context, config: str | None) -> None:
    """popbridge: a button press in the CRM becomes the caller's popup."""
    logging.captureWarnings(True)
    context.obj = Chosen(loader.settings_file(config))


@main.command()
@click.pass_obj
def check(chosen: Chosen) -> None:
    """Read the settings and the file of agents; tell every problem at once."""
    try:
        settings = load_settings(str(chosen.file), also=agents_file.problems_in)
        found = agents_file.read(settings.agents.file, set(settings.crm), set(settings.pbx))
    except SettingsError as error:
        fail(error.problems, NOT_SO)
    click.echo(
        f"{chosen.file}: {len(settings.pbx)} pbx, {len(settings.crm)} crm, {len(found.agents)} agents: all is well"
    )


@main.command()
@click.pass_obj
def up(chosen: Chosen) -> None:
    """Run web and worker, and without a [redis] url an embedded Redis too."""
    settings = chosen.settings()
    logs.start(settings.log, "web")
    _run(processes.up(settings, chosen.file, _ready))


@main.command()
@click.option(
    "--fd", type=click.IntRange(0), help="Number of a listening socket this process was given, by systemd: 3."
)
@click.pass_obj
def serve(chosen: Chosen, fd: int | None) -> None:
    """Run one web process."""
    settings = chosen.settings()
    logs.start(settings.log, "web")

    async def line() -> None:
        async with embedded.redis_of(settings) as url:
            number = sd_notify.socket_given() if fd is None else fd
            await processes.serve(settings, lambda: processes.again_from(chosen.file), url, _ready, number)

    _run(line())


def _ready(address: str) -> None:
    log.info("popbridge listens on %s", address)


def _run(line: Coroutine[Any, Any, None]) -> None:
    try:
        processes.run(line)
    except (EmbeddedRedisFailed, CannotListen) as error:
        fail([str(error)], NOT_SO)
    except RedisUnfit as error:
        fail([f"redis: {reason}" for reason in error.reasons], NOT_SO)
    except RedisError as error:
        fail([NO_REDIS.format(type(error).__name__)], NOT_SO)


@main.command()
@click.option("--concurrency", type=click.IntRange(1, 1000), default=64, show_default=True, help="Jobs at once.")
@click.pass_obj
def worker(chosen: Chosen, concurrency: int) -> None:
    """Run one worker process."""
    chosen.settings()
    command = [sys.executable, "-m", "workers", "--config", str(chosen.file), "--concurrency", str(concurrency)]
    os.execv(sys.executable, command)  # noqa: S606


@main.command()
@click.argument("extension")
@click.option("--pbx", help="Which [pbx.NAME]; needed when there are several.")
@as_json_option
@click.pass_obj
@asynchronous
async def lookup(chosen: Chosen, extension: str, pbx: str | None, as_json_: bool) -> None:
    """Show the calls on EXTENSION now, and which one would pop and why."""
    settings = chosen.settings()
    name = _pbx_name(settings, pbx)
    async with open_services(settings, embedded.redis_address(settings)) as services:
        heard = await services.lookup.live_calls((ExtensionId(name, extension),))
        choice = choose(heard.calls, None)
        calls = [labelled(call, services.labels) for call in heard.calls]
        chosen_call = labelled(choice.call, services.labels) if choice else None
    reason = choice.reason if choice else heard.reason
    why = say(reason) if reason else ""
    told = {
        "outcome": heard.outcome,
        "why": why,
        "reason": reason,
        "chosen": chosen_call,
        "calls": calls,
        "pbx_ms": heard.pbx_ms,
    }

    def text() -> str:
        marked = [("→" if chosen_call == call else " ", call) for call in calls]
        rows = [
            f"{mark} {call.state:<8} {call.direction:<8} {call.caller.name or '-'} {call.caller.number} "
            f"did={call.did or '-'} ivrid={call.ivrid}"
            for mark, call in marked
        ]
        return "\n".join([f"{heard.outcome}: {why} ({heard.pbx_ms:g} ms)", *rows])

    tell(told, text, as_json_)
    if heard.outcome is not Outcome.FOUND:
        raise SystemExit(NOT_SO)


@main.command()
@click.argument("queue", required=False)
@click.option("--pbx", help="Which [pbx.NAME]; needed when there are several.")
@as_json_option
@click.pass_obj
@asynchronous
async def queues(chosen: Chosen, queue: str | None, pbx: str | None, as_json_: bool) -> None:
    """Show who waits in the phone system's queues now, or in QUEUE (its id)."""
    settings = chosen.settings()
    name = _pbx_name(settings, pbx)
    async with open_services(settings, embedded.redis_address(settings)) as services:
        try:
            found = await services.lookup.systems[name].queues(queue)
        except PbxError as error:
            fail([f"{error.outcome}: {error}"], NOT_SO)
    if found is None:
        fail([f"a phone system of kind {settings.pbx[name].kind} has no queues to ask for"], NOT_SO)
    rows = [queue_row(one, settings.pbx[name].region) for one in found]
    tell(rows, lambda: _queue_table(rows), as_json_)


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
        fail([f"--pbx must be one of: {', '.join(settings.pbx) or 'none is in the settings'}"], WRONG)
    return str(name)


@main.group()
def token() -> None:
    """Bearer tokens for the API and the pages."""


@token.command("create")
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@click.option("--agent", help="CRM:CRM_USER, for the role agent.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True)
@click.option("--link", is_flag=True, help="For the desktop page only: works once, within 5 minutes.")
@as_json_option
@click.pass_obj
@asynchronous
async def token_create(chosen: Chosen, role: str, agent: str | None, days: int, link: bool, as_json_: bool) -> None:
    """Make a token. It is shown this once; only its hash is kept."""
    settings = chosen.settings()
    owner = _owner(settings, Role(role), agent)
    if link and owner is None:
        fail(["--link goes with --role agent: it opens an agent's desktop page"], WRONG)
    life, kind = (tokens.LINK_LIFE, Kind.LINK) if link else (timedelta(days=days), Kind.TOKEN)
    now = Clock().now()
    async with _redis(settings) as redis:
        grant, text = await tokens.create(redis, Role(role), owner, now, now + life, kind)
    told = {"id": grant.token_id, "token": text, "role": grant.role, "expires_at": grant.expires_at}
    tell(told, lambda: text, as_json_)
    if owner is not None and not as_json_:
        click.echo(f"the agent opens {settings.server.public_url}/desktop#token={text}", err=True)


def _owner(settings: Settings, role: Role, agent: str | None) -> Agent | None:
    if (role is Role.AGENT) != (agent is not None):
        fail(["--agent CRM:CRM_USER goes with --role agent, and only with it"], WRONG)
    if agent is None:
        return None
    crm, _, crm_user = agent.partition(":")
    try:
        found = agents_file.read(settings.agents.file, set(settings.crm), set(settings.pbx)).agent(crm, crm_user)
    except SettingsError as error:
        fail(error.problems, WRONG)
    if found is None:
        fail([f"no agent {agent} in {settings.agents.file}"], NOT_SO)
    return found


@token.command("list")
@as_json_option
@click.pass_obj
@asynchronous
async def token_list(chosen: Chosen, as_json_: bool) -> None:
    """List the tokens that have not expired."""
    async with _redis(chosen.settings()) as redis:
        grants = await tokens.every(redis)
    told = [_token_row(grant) for grant in grants]

    def text() -> str:
        return "\n".join(
            f"{row['id']}  {row['kind']:<7}  {row['role']:<10}  {row['agent'] or '-'}  {row['expires_at']}"
            for row in told
        )

    tell(told, text, as_json_)


def _token_row(grant: Grant) -> dict[str, Any]:
    agent = f"{grant.crm}:{grant.crm_user}" if grant.crm_user else None
    return {
        "id": grant.token_id,
        "kind": grant.kind,
        "role": grant.role,
        "agent": agent,
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
    }


@token.command("revoke")
@click.argument("token_id")
@click.pass_obj
@asynchronous
async def token_revoke(chosen: Chosen, token_id: str) -> None:
    """End a token at once."""
    async with _redis(chosen.settings()) as redis:
        if not await tokens.revoke(redis, token_id):
            fail([f"no token has the id {token_id}"], NOT_SO)


@asynccontextmanager
async def _redis(settings: Settings) -> AsyncIterator[Any]:
    async with embedded.redis_of(settings) as url:
        redis = open_async(url)
        try:
            yield redis
        finally:
            await redis.aclose()


@main.group()
def deliveries() -> None:
    """Popups on their way to their targets."""


@deliveries.command("list")
@click.option("--state", type=click.Choice([str(state) for state in DeliveryState]))
@click.option("--target", help="A CRM's name, or desktop.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True)
@click.option("--cursor", help="The next_cursor of an earlier page.")
@as_json_option
@click.pass_obj
@asynchronous
async def deliveries_list(
    chosen: Chosen, state: str | None, target: str | None, limit: int, cursor: str | None, as_json_: bool
) -> None:
    """List deliveries, newest first, those of the last three days."""
    async with _redis(chosen.settings()) as redis:
        items, more = await store.every(redis, state, target, limit, cursor)
    told = {"items": items, "next_cursor": more}
    rows = [
        f"{one.delivery_id}  {one.target:<12} {one.state:<10} {len(one.attempts)} tries  {_last(one)}" for one in items
    ]
    tell(told, lambda: "\n".join([*rows, *([f"more: --cursor {more}"] if more else [])]) or "none", as_json_)


def _last(delivery: Delivery) -> str:
    """The error of the last try, and when the next one is."""
    if not delivery.attempts:
        return ""
    last = delivery.attempts[-1]
    again = f", next try {time_text(last.next_try_at)}" if last.next_try_at and not delivery.ended_at else ""
    return f"{last.error or 'ok'}{again}"


@deliveries.command("show")
@click.argument("delivery_id")
@as_json_option
@click.pass_obj
@asynchronous
async def deliveries_show(chosen: Chosen, delivery_id: str, as_json_: bool) -> None:
    """Show one delivery with every attempt."""
    async with _redis(chosen.settings()) as redis:
        found = await store.get(redis, [delivery_id])
    if not found:
        fail([NO_DELIVERY], NOT_SO)
    one = found[0]
    rows = [
        f"  {time_text(try_.at)}  {try_.status or '-'}  {try_.ms:g} ms  {try_.error or 'ok'}" for try_ in one.attempts
    ]
    tell(one, lambda: "\n".join([f"{one.delivery_id} of {one.popup_id} to {one.target}: {one.state}", *rows]), as_json_)


@deliveries.command("retry")
@click.argument("delivery_id")
@click.pass_obj
@asynchronous
async def deliveries_retry(chosen: Chosen, delivery_id: str) -> None:
    """Send a failed or expired delivery again, marked as such."""
    settings = chosen.settings()
    async with _redis(settings) as redis:
        found = await store.get(redis, [delivery_id])
        outcome = await store.send_again(redis, settings, found[0], Clock().now()) if found else ""
    if outcome != store.RESENT:
        fail(
            [f"the delivery is {outcome}: only failed and expired ones are sent again" if outcome else NO_DELIVERY],
            NOT_SO,
        )


main.add_command(audit)
main.add_command(privacy)
main.add_command(click_)
main.add_command(clicks)
main.add_command(doctor_)
main.add_command(health)
main.add_command(push_test)
main.add_command(simulate_)
