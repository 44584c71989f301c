"""`popbridge token`: bearer tokens for the API and the pages."""

from datetime import timedelta
from typing import Any

import click

from bridge.agents import agents_file
from bridge.cli.chosen import Chosen, with_settings
from bridge.cli.connections import opened_redis
from bridge.cli.terminal import FAILURE, USAGE, as_json_option, asynchronous, configuration_errors, fail, show
from bridge.config.models import Settings
from bridge.core.clock import Clock
from bridge.core.errors import SettingsError
from bridge.core.model import Agent
from bridge.store import tokens
from bridge.store.tokens import Grant, Kind, Role


@click.command()
@click.option("--role", type=click.Choice([str(role) for role in Role]), required=True)
@click.option("--agent", help="CRM:CRM_USER, for the role agent.")
@click.option("--days", type=click.IntRange(1, 3650), default=30, show_default=True, help="Days until it expires.")
@click.option("--link", is_flag=True, help="For the desktop page only: works once, within 5 minutes.")
@as_json_option
@with_settings
@asynchronous
async def create(chosen: Chosen, role: str, agent: str | None, days: int, link: bool, as_json_: bool) -> None:
    """Create a token, which is shown only once. Only its hash is stored."""
    settings = chosen.settings()
    holder = _holder(settings, Role(role), agent)
    if link and holder is None:
        fail(["--link requires --role agent: it opens an agent's desktop page"], USAGE)
    life, kind = (tokens.LINK_LIFE, Kind.LINK) if link else (timedelta(days=days), Kind.TOKEN)
    now = Clock().now()
    async with opened_redis(settings) as redis:
        grant, text = await tokens.create(redis, Role(role), holder, now, now + life, kind)
    created = {"id": grant.token_id, "token": text, "role": grant.role, "expires_at": grant.expires_at}
    show(created, lambda: text, as_json_)
    if holder is not None and not as_json_:
        click.echo(f"the agent opens {settings.server.public_url}/desktop#token={text}", err=True)


def _holder(settings: Settings, role: Role, agent: str | None) -> Agent | None:
    if (role is Role.AGENT) != (agent is not None):
        fail(["--role agent requires --agent CRM:CRM_USER; other roles do not take it"], USAGE)
    if agent is None:
        return None
    crm, _, crm_user = agent.partition(":")
    try:
        found = agents_file.read(settings.agents.file, set(settings.crm), set(settings.pbx)).agent(crm, crm_user)
    except SettingsError as error:
        fail(configuration_errors(error.problems), USAGE)
    if found is None:
        fail([f"no agent {agent} in {settings.agents.file}"], FAILURE)
    return found


@click.command("list")
@as_json_option
@with_settings
@asynchronous
async def list_(chosen: Chosen, as_json_: bool) -> None:
    """List the tokens that have not expired."""
    async with opened_redis(chosen.settings()) as redis:
        rows = [_row(grant) for grant in await tokens.every(redis)]

    def text() -> str:
        return "\n".join(
            f"{row['id']}  {row['kind']:<7}  {row['role']:<10}  {row['agent'] or '-'}  {row['expires_at']}"
            for row in rows
        )

    show(rows, text, as_json_)


def _row(grant: Grant) -> dict[str, Any]:
    return {
        "id": grant.token_id,
        "kind": grant.kind,
        "role": grant.role,
        "agent": f"{grant.crm}:{grant.crm_user}" if grant.crm_user else None,
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
