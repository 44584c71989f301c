"""`popbridge audit erase` and `privacy export`: what is stored about one person."""

import json
from collections.abc import Callable
from typing import Any

import click

from bridge.audit import access_log, erase, person_export
from bridge.audit.access_log import COMMAND_LINE
from bridge.audit.erase import Receipt
from bridge.audit.subject import AgentSubject, CallerSubject, Subject
from bridge.cli.audit_read import search_for
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.connections import opened
from bridge.cli.terminal import USAGE, as_json_option, asynchronous, fail, show
from bridge.services import Services


def _about(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--crm-user", metavar="CRM:USER", help="A CRM's user.")(command)
    return click.option("--caller", metavar="NUMBER", help="A caller's number, in any format.")(command)


def _subject(services: Services, caller: str | None, crm_user: str | None) -> Subject:
    if (caller is None) == (crm_user is None):
        fail(["missing option: --caller NUMBER or --crm-user CRM:USER"], USAGE)
    if caller is not None:
        if not caller.strip():
            fail(["--caller is empty: that would match every caller without a number"], USAGE)
        return CallerSubject.of(caller, services.labels.regions.values())
    crm, _, user = str(crm_user).partition(":")
    if not (crm and user):
        fail(["--crm-user must be the CRM's name, a colon and the user, as in acme:dana@acme.example"], USAGE)
    return AgentSubject(crm, user)


def _filters_of(subject: Subject) -> dict[str, str | None]:
    """The filters that would find them."""
    return (
        {"caller": subject.number}
        if isinstance(subject, CallerSubject)
        else {"crm": subject.crm, "crm_user": subject.crm_user}
    )


@click.command("erase")
@_about
@click.option("--dry-run", is_flag=True, help="Only count what would be erased.")
@click.option("--yes", is_flag=True, help="Erase: this cannot be undone.")
@as_json_option
@with_settings
@asynchronous
async def erase_(
    chosen: Chosen, caller: str | None, crm_user: str | None, dry_run: bool, yes: bool, as_json_: bool
) -> None:
    """Erase a person from cache, streams, deliveries and log; print a receipt. The log can still be verified."""
    async with opened(chosen.settings()) as services:
        subject = _subject(services, caller, crm_user)
        if not (yes or dry_run):
            fail(["add --yes to erase, or --dry-run to see what would be erased"], USAGE)
        now = services.clock.now()
        if dry_run:
            receipt = await erase.dry_run(services.archive, services.redis, subject, now)
            await access_log.record(
                services.redis, COMMAND_LINE, "erase --dry-run", now, search_for(services, _filters_of(subject))
            )
        else:
            receipt = await erase.erase(services.archive, services.redis, subject, COMMAND_LINE, now)
    show(receipt, lambda: _receipt(receipt), as_json_)


def _receipt(receipt: Receipt) -> str:
    live = ", ".join(f"{count} {what}" for what, count in receipt.redis.items()) or "nothing"
    rows = [
        f"receipt {receipt.receipt_id or '(dry run)'}  {receipt.time}  {receipt.what}",
        f"  {receipt.lookups} log entries, {receipt.beside} of calls beside others, {receipt.reads} in the access log; "
        f"in Redis: {live}",
        *(f"  {note}" for note in receipt.notes),
    ]
    return "\n".join(rows)


@click.command("export")
@_about
@as_json_option
@with_settings
@asynchronous
async def export_(chosen: Chosen, caller: str | None, crm_user: str | None, as_json_: bool) -> None:
    """Print everything that is stored about a person, as JSON. This is recorded in the access log."""
    async with opened(chosen.settings()) as services:
        subject = _subject(services, caller, crm_user)
        now = services.clock.now()
        await access_log.record(
            services.redis, COMMAND_LINE, "privacy export", now, search_for(services, _filters_of(subject))
        )
        found = await person_export.everything_about(services.archive, services.redis, subject)
    show(found, lambda: json.dumps(found, ensure_ascii=False, indent=2), as_json_)
