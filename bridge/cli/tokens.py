"""`popbridge token`: bearer tokens for the API and the pages."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import click

from bridge.agents import agents_file
from bridge.agents.access import has_row, no_row
from bridge.agents.directory import Directory
from bridge.cli.agent_names import did_you_mean
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.connections import opened, opened_redis
from bridge.cli.terminal import FAILURE, USAGE, as_json_option, asynchronous, configuration_errors, fail, show
from bridge.config.models import Settings
from bridge.core.clock import Clock
from bridge.core.errors import SettingsError
from bridge.core.model import Agent
from bridge.core.reasons import say
from bridge.store import tokens
from bridge.store.tokens import Grant, Kind, Role


@click.command()
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True, help="What it may do.")
@click.option("--agent", help="CRM:CRM_USER, for the role agent.")
@click.option("--crm", "crms", multiple=True, help="Only this CRM, for supervisor and admin; repeat for several.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Days until it expires.")
@click.option("--link", is_flag=True, help="For the desktop page only: works once, within 5 minutes.")
@as_json_option
@with_settings
@asynchronous
async def create(
    chosen: Chosen, role: str, agent: str | None, crms: tuple[str, ...], days: int, link: bool, as_json_: bool
) -> None:
    """Create a token, which is shown only once. Only its hash is stored.

    A supervisor's or administrator's token sees every CRM unless --crm limits it.
    """
    settings = chosen.settings()
    holder, limits = _holder(settings, Role(role), agent), _limits(settings, Role(role), crms)
    if link and holder is None:
        fail(["--link requires --role agent: it opens an agent's desktop page"], USAGE)
    life, kind = (tokens.LINK_LIFE, Kind.LINK) if link else (timedelta(days=days), Kind.TOKEN)
    now = Clock().now()
    async with opened_redis(settings) as redis:
        grant, text = await tokens.create(redis, Role(role), holder, now, now + life, kind, limits)
    created = {"id": grant.token_id, "token": text, "role": grant.role, "expires_at": grant.expires_at}
    show(created, lambda: text, as_json_)
    if holder is None:
        click.echo(f"it sees {_seen(grant)}{'' if limits else '; --crm NAME limits a token'}", err=True)
        if not as_json_:
            page = "console/connect" if grant.role is Role.ADMIN else "console"
            click.echo(f"to open it in a browser: {settings.server.public_url}/{page}#token={text}", err=True)
    elif not as_json_:
        click.echo(f"the agent opens {settings.server.public_url}/desktop#token={text}", err=True)


def _limits(settings: Settings, role: Role, crms: tuple[str, ...]) -> tuple[str, ...]:
    """The CRMs that a new token is limited to, each once."""
    if crms and role is Role.AGENT:
        fail(["--crm limits supervisors and administrators; an agent's token sees that agent's calls alone"], USAGE)
    if unknown := [crm for crm in crms if crm not in settings.crm]:
        fail([f"--crm {unknown[0]}: must be one of: {', '.join(settings.crm) or 'the settings have none'}"], USAGE)
    return tuple(dict.fromkeys(crms))


def _seen(grant: Grant) -> str:
    """Of which CRMs a token sees something."""
    if grant.role is Role.AGENT:
        return f"{grant.crm}:{grant.crm_user}"
    return ", ".join(grant.crms) or "all CRMs"


def _holder(settings: Settings, role: Role, agent: str | None) -> Agent | None:
    if (role is Role.AGENT) != (agent is not None):
        fail(["--role agent requires --agent CRM:CRM_USER; other roles do not take it"], USAGE)
    if agent is None:
        return None
    crm, _, crm_user = agent.partition(":")
    try:
        directory = agents_file.read(settings.agents.file, set(settings.crm), set(settings.pbx))
    except SettingsError as error:
        fail(configuration_errors(error.problems), USAGE)
    found = directory.agent(crm, crm_user)
    if found is None:
        fail([f"no agent {agent} in {settings.agents.file}{did_you_mean(agent, directory, settings.crm)}"], FAILURE)
    return found


@click.command("list")
@as_json_option
@with_settings
@asynchronous
async def list_(chosen: Chosen, as_json_: bool) -> None:
    """List the tokens that have not expired: what each sees, and what is wrong with it."""
    settings = chosen.settings()
    async with opened_redis(settings) as redis:
        grants = await tokens.every(redis)
    problem_of = await _problems(settings)
    rows = [_row(grant, problem_of(grant)) for grant in grants]

    def text() -> str:
        return "\n".join(
            f"{row['id']}  {row['kind']:<7}  {row['role']:<10}  {row['sees']:<24}  {row['expires_at']}  {_how(row)}"
            f"{'  ' if row['problem'] else ''}{row['problem'] or ''}"
            for row in rows
        )

    show(rows, text, as_json_)


async def _problems(settings: Settings) -> Callable[[Grant], str | None]:
    """What tells of a token whether it shows nothing, as far as the directory can be read from here."""
    directory = await _directory(settings)

    def problem_of(grant: Grant) -> str | None:
        if directory is not None and not has_row(grant, directory):
            return f"shows nothing: {say(no_row(grant))}"
        gone = [crm for crm in grant.crms if crm not in settings.crm]
        return f"no [crm.{gone[0]}] in the settings" if gone else None

    return problem_of


async def _directory(settings: Settings) -> Directory | None:
    """The agents as the web process knows them; None where that cannot be known."""
    if any(account.agents_for for account in settings.pbx.values()):
        async with opened(settings) as services:
            await services.agents.refresh()
            return services.agents.directory() if services.agents.is_complete else None
    try:
        return agents_file.read(settings.agents.file, set(settings.crm), set(settings.pbx))
    except SettingsError as error:
        click.echo("\n".join(configuration_errors(error.problems)), err=True)
        return None


def _how(row: dict[str, Any]) -> str:
    """For a session: how it began, and for whom."""
    return f"by {row['via']}{' ' + row['subject'] if row['subject'] else ''}" if row["kind"] == Kind.SESSION else ""


def _row(grant: Grant, problem: str | None) -> dict[str, Any]:
    return {
        "id": grant.token_id,
        "kind": grant.kind,
        "role": grant.role,
        "agent": f"{grant.crm}:{grant.crm_user}" if grant.crm_user else None,
        "crms": list(grant.crms) or None,
        "sees": _seen(grant),
        "via": grant.via,
        "subject": grant.subject or None,
        "parent": grant.parent or None,
        "problem": problem,
        "created_at": grant.created_at,
        "expires_at": grant.expires_at,
    }


@click.command()
@click.argument("token_id")
@with_settings
@asynchronous
async def revoke(chosen: Chosen, token_id: str) -> None:
    """Revoke a token immediately."""
    async with opened_redis(chosen.settings()) as redis:
        if not await tokens.revoke(redis, token_id):
            fail([f"no token has the id {token_id}"], FAILURE)
