"""`popbridge deliveries`: popups and how they were delivered."""

import click

from bridge.audit import access_log
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.connections import opened_redis
from bridge.cli.terminal import FAILURE, as_json_option, asynchronous, fail, show
from bridge.core.clock import Clock
from bridge.core.delivery import DESKTOP, Attempt, Delivery, DeliveryState
from bridge.core.json_codec import time_text
from bridge.store.deliveries import records

PAGES = {
    DeliveryState.PENDING: "no page has taken it yet",
    DeliveryState.EXPIRED: "no page took it",
    DeliveryState.FAILED: "no page took it",
}
NEVER = "its time was up before an attempt could be made: the CRM had just failed, or workers were late"
NO_DELIVERY = "no delivery has this id, or it is no longer kept"


@click.command("list")
@click.option("--state", type=click.Choice([str(state) for state in DeliveryState]), help="Only in this state.")
@click.option("--target", help="A CRM's name, or desktop.")
@click.option("--limit", type=click.IntRange(1, 500), default=50, show_default=True, help="At most so many.")
@click.option("--cursor", help="The next_cursor of an earlier page.")
@as_json_option
@with_settings
@asynchronous
async def list_(
    chosen: Chosen, state: str | None, target: str | None, limit: int, cursor: str | None, as_json_: bool
) -> None:
    """List the deliveries of the last three days, newest first."""
    async with opened_redis(chosen.settings()) as redis:
        await access_log.record(redis, access_log.COMMAND_LINE, "deliveries", Clock().now())
        items, more = await records.every(redis, records.Wanted(state, target), limit, cursor)
    rows = [*map(_row, items), *([f"more: --cursor {more}"] if more else [])]
    show({"items": items, "next_cursor": more}, lambda: "\n".join(rows) or "none", as_json_)


def _row(delivery: Delivery) -> str:
    count = len(delivery.attempts)
    attempts = f"{count} attempt{'s' * (count != 1)}"
    return f"{delivery.delivery_id}  {delivery.target:<12} {delivery.state:<10} {attempts:<11} {_last(delivery)}"


def _last(delivery: Delivery) -> str:
    """The error of the last attempt, and when the next one is."""
    if not delivery.attempts:
        return NEVER if delivery.state is DeliveryState.EXPIRED else ""
    last = delivery.attempts[-1]
    again = f", next attempt {time_text(last.next_try_at)}" if last.next_try_at and not delivery.ended_at else ""
    return f"{last.error or _success(delivery)}{again}"


def _success(delivery: Delivery) -> str:
    """What an attempt without an error has come to: a page has to take what was handed to it."""
    if delivery.target != DESKTOP:
        return "ok"
    return PAGES.get(delivery.state, "ok")


@click.command("show")
@click.argument("delivery_id")
@as_json_option
@with_settings
@asynchronous
async def show_(chosen: Chosen, delivery_id: str, as_json_: bool) -> None:
    """Show one delivery with every attempt."""
    async with opened_redis(chosen.settings()) as redis:
        about = {"delivery_id": delivery_id}
        await access_log.record(redis, access_log.COMMAND_LINE, "delivery", Clock().now(), about=about)
        found = await records.get(redis, [delivery_id])
    if not found:
        fail([NO_DELIVERY], FAILURE)
    one = found[0]
    heading = f"{one.delivery_id} of {one.popup_id} to {one.target}: {one.state}"
    show(one, lambda: "\n".join([heading, *(_attempt(one, attempt) for attempt in one.attempts)]), as_json_)


def _attempt(of: Delivery, attempt: Attempt) -> str:
    told = attempt.error or _success(of)
    return f"  {time_text(attempt.at)}  {attempt.status or '-'}  {attempt.ms:g} ms  {told}"


@click.command()
@click.argument("delivery_id")
@with_settings
@asynchronous
async def retry(chosen: Chosen, delivery_id: str) -> None:
    """Send a failed or expired delivery again, marked as a retry."""
    settings = chosen.settings()
    async with opened_redis(settings) as redis:
        found = await records.get(redis, [delivery_id])
        if not found:
            fail([NO_DELIVERY], FAILURE)
        about = {"delivery_id": delivery_id}
        await access_log.record(redis, access_log.COMMAND_LINE, "retry", Clock().now(), about=about)
        state = await records.send_again(redis, settings, found[0], Clock().now())
    if state != records.RESENT:
        fail([f"the delivery is {state}: only failed and expired ones can be sent again"], FAILURE)
