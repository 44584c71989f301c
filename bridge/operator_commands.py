"""What an operator asks: does everything work, does it live, would this CRM take a popup?"""

import click

from bridge import doctor
from bridge.addresses import Reach, named_by
from bridge.errors import ExchangeFailed
from bridge.exchange import open_exchange
from bridge.messages import Request
from bridge.store import embedded
from bridge.terminal import NOT_SO, WRONG, Chosen, as_json_option, asynchronous, fail, tell
from bridge.wiring import open_kit


@click.command("doctor")
@as_json_option
@click.pass_obj
@asynchronous
async def doctor_(chosen: Chosen, as_json_: bool) -> None:
    """Ask everything that must work; tell how each is, and the command that mends it. 1 when something fails."""
    settings = chosen.settings()
    async with open_kit(settings, embedded.redis_address(settings)) as kit:
        await kit.agents.refresh()
        found = await doctor.examine(kit, chosen.file)
    grade = doctor.worst(found)
    tell({"grade": grade, "findings": found}, lambda: "\n".join(map(str, found)), as_json_)
    if grade is doctor.Grade.FAIL:
        raise SystemExit(NOT_SO)


@click.command()
@click.option("--ready", is_flag=True, help="Ask whether clicks can be accepted, not only whether it lives.")
@click.pass_obj
@asynchronous
async def health(chosen: Chosen, ready: bool) -> None:
    """Ask the web process of this machine whether it lives; for containers."""
    server = chosen.settings().server
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(server.host, server.host)  # noqa: S104 - where it listens
    async with open_exchange(Reach(named_by([f"http://{host}"]))) as exchange:
        try:
            reply = await exchange.send(
                Request("GET", f"http://{host}:{server.port}/{'readyz' if ready else 'livez'}"), 5
            )
        except ExchangeFailed as error:
            fail([str(error)], NOT_SO)
    click.echo(reply.body.decode("utf-8", "replace"))
    if reply.status != 200:
        raise SystemExit(NOT_SO)


@click.command("push-test")
@click.argument("crm")
@as_json_option
@click.pass_obj
@asynchronous
async def push_test(chosen: Chosen, crm: str, as_json_: bool) -> None:
    """Send CRM a signed event of type call.test, as popups are sent, and show its answer."""
    settings = chosen.settings()
    account = settings.crm.get(crm)
    if account is None or not account.takes_popups:
        able = [name for name, one in settings.crm.items() if one.takes_popups]
        fail([f"CRM must be one that takes popups: {', '.join(able) or 'none is in the settings'}"], WRONG)
    async with open_kit(settings, embedded.redis_address(settings)) as kit:
        try:
            reply = await doctor.push_test(kit, account)
        except ExchangeFailed as error:
            fail([str(error)], NOT_SO)
    finding = doctor.judged(f"crm {crm}", reply)
    body = reply.body[:2000].decode("utf-8", "replace")
    told = {"status": reply.status, "ms": round(reply.ms, 1), "body": body, "finding": finding}
    tell(told, lambda: f"{finding}\n{body}".rstrip(), as_json_)
    if finding.grade is doctor.Grade.FAIL:
        raise SystemExit(NOT_SO)
