"""`popbridge doctor` and `push-test`: does everything work that the settings name?"""

import click

from bridge import doctor as examination
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.terminal import FAILURE, USAGE, as_json_option, asynchronous, fail, show
from bridge.config.accounts import CrmAccount
from bridge.config.unchecked import private_files
from bridge.core.finding import Finding, Grade, worst
from bridge.doctor import outside
from bridge.services import open_services
from bridge.store import embedded


@click.command()
@as_json_option
@with_settings
@asynchronous
async def doctor(chosen: Chosen, as_json_: bool) -> None:
    """Test every dependency and print the fix for each problem. Exit code 1 if something fails."""
    settings = chosen.settings()
    async with open_services(settings, embedded.redis_address(settings)) as services:
        await services.agents.refresh()
        found = await examination.examine(services, private_files(chosen.file))
    _report(found, as_json_)


@click.command("push-test")
@click.argument("crm")
@as_json_option
@with_settings
@asynchronous
async def push_test(chosen: Chosen, crm: str, as_json_: bool) -> None:
    """Send CRM a test event in the way popups are sent, and show its answer."""
    settings = chosen.settings()
    account = settings.crm.get(crm)
    async with open_services(settings, embedded.redis_address(settings)) as services:
        if account is None or not services.takes_popups(crm):
            fail([_no_popups(crm, account, [name for name in settings.crm if services.takes_popups(name)])], USAGE)
        found = await outside.of_crm(services, crm, account)
    _report(found, as_json_)


def _no_popups(crm: str, account: CrmAccount | None, able: list[str]) -> str:
    others = f"those that take popups: {', '.join(able)}" if able else "none in the settings takes popups"
    if account is None:
        return f"there is no [crm.{crm}]; {others}"
    return f"[crm.{crm}] takes no popups: set {account.popup_key}; {others}"


def _report(found: list[Finding], as_json_: bool) -> None:
    grade = worst(found)
    show({"grade": grade, "findings": found}, lambda: "\n".join(map(str, found)), as_json_)
    if grade is Grade.FAIL:
        raise SystemExit(FAILURE)
