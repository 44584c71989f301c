"""A link that signs the agent in who has just clicked, beside the answer to their click.

Only where the settings want it (`desktop_links`), and only where the CRM itself says who clicked: by its signature, or
asked. A click token proves the CRM alone: whoever has it, which is every agent, could write another agent's name.
"""

import json

from starlette.responses import JSONResponse, Response

from bridge.clicks.commit import Given
from bridge.config.models import CrmAccount
from bridge.core.json_codec import time_text
from bridge.crm.contract import ClickRequest
from bridge.services import Services
from bridge.store import tokens
from bridge.store.tokens import Grant, Kind, Role, Via


async def link_for(services: Services, account: CrmAccount, crm: str, asked: ClickRequest, given: Given) -> str:
    """The link, or "" without one. A repeat of a click gets none: it may be somebody else's copy of it."""
    if not (account.desktop_links and asked.names_clicker and asked.agent) or given.duplicate:
        return ""
    agent = services.agents.directory().agent(crm, asked.agent)
    if agent is None:
        return ""
    now = services.clock.now()
    rights = Grant(
        token_id="",
        role=Role.AGENT,
        crm=agent.crm,
        crm_user=agent.crm_user,
        created_at=time_text(now),
        expires_at=time_text(now + services.settings.signin.life),
        kind=Kind.SESSION,
        via=Via.CLICK,
    )
    token = await tokens.link(services.redis, rights, now)
    return f"{services.settings.server.public_url}/desktop#token={token}"


def with_link(given: Given, link: str) -> Response:
    """The answer for a program, the link in it if there is one. It is stored nowhere."""
    if not link:
        return Response(given.text, media_type="application/json")
    return JSONResponse({**json.loads(given.text), "desktop_link": link})
