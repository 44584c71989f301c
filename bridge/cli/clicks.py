"""`popbridge clicks` and `click`: why was there no popup?"""

from dataclasses import replace

import click

from bridge.audit import access_log, search, story
from bridge.cli.agent_names import crm_and_user
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.connections import opened
from bridge.cli.terminal import FAILURE, as_json_option, asynchronous, fail, show
from bridge.clicks import history

NO_CLICKS = "no clicks: is the CRM's button set up? `popbridge doctor` shows when each button last worked"
NO_PROBLEMS = "no problems: every click led to a popup, and every popup was delivered"


@click.command()
@click.option("--agent", help="The agent's name in the CRM, or CRM:CRM_USER.")
@click.option("--crm", help="Only clicks of this CRM.")
@click.option("--since", default="1d", show_default=True, help="ISO 8601, or how long ago, such as 10m.")
@click.option(
    "--problems", is_flag=True, help="Only those without a popup, or whose popup was not delivered everywhere."
)
@click.option(
    "--limit",
    type=click.IntRange(1, search.LONGEST_PAGE),
    default=search.PAGE_LENGTH,
    show_default=True,
    help="At most so many.",
)
@as_json_option
@with_settings
@asynchronous
async def clicks(
    chosen: Chosen, agent: str | None, crm: str | None, since: str, problems: bool, limit: int, as_json_: bool
) -> None:
    """List clicks, refused ones too, newest first: why was there no popup?"""
    settings = chosen.settings()
    crm, agent = crm_and_user(agent or "", crm or "", settings.crm)
    async with opened(settings) as services:
        now = services.clock.now()
        filters = {"crm_user": agent, "crm": crm, "since": since}
        wanted = replace(search.Search.read(filters, services.labels.regions.values(), now), problems=problems)
        await access_log.record(services.redis, access_log.COMMAND_LINE, "clicks", now, wanted)
        page = await history.clicks(services.archive, services.redis, wanted, limit, None, now)
    more = ["there are more: use --limit, up to 500, or --since"] if page.next_cursor else []
    show(
        {"items": page.items, "next_cursor": page.next_cursor},
        lambda: _table(page.items, more, NO_PROBLEMS if problems else NO_CLICKS),
        as_json_,
    )


def _table(items: list[history.ListedClick], more: list[str], nothing: str) -> str:
    rows = [
        f"{item['time']}  {item['crm']:<10} {item['crm_user'] or '?':<24} {_outcome(item):<18} "
        f"{item['click_id'] or '-'}  {item['source_ip'] or '-'}  {item['why']}".replace("\n", " ")
        for item in items
    ]
    return "\n".join([*rows, *more]) or nothing


def _outcome(item: history.ListedClick) -> str:
    return str(item["reason"] if item["outcome"] == history.REFUSED else item["outcome"])


@click.command("click")
@click.argument("click_id")
@as_json_option
@with_settings
@asynchronous
async def click_(chosen: Chosen, click_id: str, as_json_: bool) -> None:
    """Show one click: request, phone system's answer, chosen call, each delivery."""
    await show_details(chosen, click_id, as_json_)


async def show_details(chosen: Chosen, click_id: str, as_json_: bool) -> None:
    """Print the details of a click, and record that they were read; `popbridge audit show` does the same."""
    async with opened(chosen.settings()) as services:
        await access_log.record(
            services.redis, access_log.COMMAND_LINE, "show", services.clock.now(), about={"click_id": click_id}
        )
        found = await story.load(services.archive, services.redis, click_id)
    if found is None:
        fail([f"no click has the id {click_id}, or it is no longer kept"], FAILURE)
    show(found, lambda: story.text(found), as_json_)
