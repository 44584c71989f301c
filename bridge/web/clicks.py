"""`POST /clicks/{crm}` and its link form: prove the sender, read the click, answer it."""

import asyncio
import difflib
import logging
import re
from collections.abc import Collection
from dataclasses import replace
from functools import cache

from starlette.requests import Request
from starlette.responses import Response

from bridge.clicks.answer import answer
from bridge.clicks.commit import Given
from bridge.clicks.timings import StepTimer
from bridge.config.models import CrmAccount
from bridge.core.clock import new_id
from bridge.core.errors import (
    BadSignature,
    ClickRefused,
    OriginRefused,
    Overload,
    RateLimited,
    RequestFailed,
    SearchFailed,
    TokenRefused,
    TooManyClicks,
    Unavailable,
    UnknownCrm,
)
from bridge.core.http_types import Incoming
from bridge.core.json_codec import json_text, time_text
from bridge.core.model import Click
from bridge.core.phone_numbers import masked
from bridge.core.reasons import Reason, reason, say
from bridge.core.text import one_line
from bridge.crm import registry
from bridge.crm.contract import ClickRequest, Handshakes, NamesSenders, ReadsClicks
from bridge.observability import logs
from bridge.services import Services
from bridge.store import counters
from bridge.store.clicks import refusals
from bridge.store.clicks.accept import Allowance
from bridge.web import click_links, click_pages, cors
from bridge.web.body import source_of
from bridge.web.incoming import incoming_of

log = logging.getLogger(__name__)

ROBOT = re.compile(
    r"slackbot|facebookexternalhit|whatsapp|telegrambot|twitterbot|discordbot|linkedinbot|skypeuripreview|"
    r"googlebot|bingbot|applebot|google-safety|outlook-linkpreview|msteams|bot\b.*preview",
    re.I,
)
"""Programs that open links to draw a preview of them."""
MAX_AGENT_CHARACTERS, MAX_NAME_CHARACTERS = 320, 64
UNKNOWN = "No CRM of that name is in the settings: the address is /clicks/ and the name of a [crm.NAME]"
AGAIN_SECONDS, FAILURES_PER_MINUTE = 1, 30
"""Failed proofs that one address may send for one CRM; above it they are answered 429."""


async def click(request: Request) -> Response:
    """One press of the button, by webhook (POST), by a link (GET), or by a page's script (after OPTIONS)."""
    if request.method == "HEAD":
        return Response(headers={"Allow": "GET, POST"})  # a sender tries the address; nothing is looked up
    if _is_prefetch(request):
        return Response(status_code=503, headers={"Cache-Control": "no-store"})
    services: Services = request.app.state.click_services
    account = services.settings.crm.get(given_crm(request))
    origins = account.origins if account else ()
    if request.method == "OPTIONS":
        if account is not None and (origin := request.headers.get("origin")) and origin not in origins:
            await _note(
                request, services, _unlisted(origin, given_crm(request)), "", StepTimer(services.clock), known=False
            )
        return cors.preflight(request, origins)
    return cors.allow(request, await _answered(request, services), origins)


def _is_prefetch(request: Request) -> bool:
    """A browser that fetches a link in advance, or a robot that draws a preview of it: nobody pressed anything."""
    if request.method != "GET":
        return False
    purpose = " ".join(request.headers.get(name, "") for name in ("sec-purpose", "purpose", "x-moz", "x-purpose"))
    robot = ROBOT.search(request.headers.get("user-agent", ""))
    return "prefetch" in purpose.lower() or "preview" in purpose.lower() or robot is not None


async def _answered(request: Request, services: Services) -> Response:
    timer, agent, room = StepTimer(services.clock), request.query_params.get("agent"), request.app.state.click_room
    if room.waiting > room.most:  # this one is among them; most were turned away before, see `http_protocol`
        room.turn_away(given_crm(request))
        return click_pages.refused(request, Overload())
    try:
        account, adapter = _sender(request, services)
        incoming = await incoming_of(request, services)
        greeter = _greeter(account.kind)
        challenge = greeter.handshake(account, incoming) if greeter is not None else None
        if challenge is not None:
            return Response(challenge.body, challenge.status, dict(challenge.headers))
        asked = await _prove(request, services, adapter, account, incoming)
        asked = await _named(services, given_crm(request), adapter, account, incoming, asked)
        read = _click(request, services, incoming, asked)
        agent = read.agent
        timer.mark("proof")
        given = await answer(read, services, timer, _allowances(services, read))
    except ClickRefused as refused:
        await _note(request, services, refused, agent or "", timer)
        return click_pages.refused(request, refused)
    if given.duplicate:
        await counters.count(services.redis, "clicks_repeated", crm=given_crm(request))
    _log(given, given_crm(request), timer.total(), services.settings.log.numbers)
    link = await click_links.link_for(services, account, given_crm(request), asked, given)
    if click_pages.is_wanted(request):
        return click_pages.page(request, 200, answer=given.answer, desktop_link=link)
    return click_links.with_link(given, link)


def _unlisted(origin: str, crm: str) -> OriginRefused:
    """Kept like clicks for unknown names: anybody can send it."""
    shown = one_line(origin, MAX_NAME_CHARACTERS)
    return OriginRefused(
        "The page's origin is not one of this CRM's", cause=reason("origin-unlisted", origin=shown, crm=crm)
    )


async def _note(
    request: Request, services: Services, refused: ClickRefused, agent: str, timer: StepTimer, known: bool | None = None
) -> None:
    known = given_crm(request) in services.settings.crm if known is None else known
    await refusals.note(services.redis, _refusal(request, services, refused, agent), known)
    crm_label, cause = given_crm(request) if known else "", say(refused.cause) if refused.cause else None
    logs.event(
        log, "click", crm=crm_label, outcome="refused", reason=refused.reason, cause=cause, total_ms=timer.total()
    )


def _refusal(request: Request, services: Services, refused: ClickRefused, agent: str) -> refusals.Refusal:
    """For `GET /api/clicks`: who waited for a popup in vain, and why."""
    now = services.clock.now()
    return refusals.Refusal(
        time=time_text(now),
        crm=one_line(given_crm(request), MAX_NAME_CHARACTERS),
        agent=one_line(agent, MAX_AGENT_CHARACTERS),
        reason=refused.reason,
        why=refused.detail,
        source_ip=source_of(request),
        cause=json_text(refused.cause) if refused.cause else "",
    )


def _log(given: Given, crm_name: str, total_ms: float, in_full: bool) -> None:
    told, popup = given.answer, given.answer.popup
    logs.follow(told.click_id)
    number = popup.call.caller.number if popup else None
    logs.event(
        log, "click", crm=crm_name, outcome=told.outcome, duplicate=given.duplicate or None,
        served_from=told.served_from, pbx_ms=told.pbx_ms, total_ms=total_ms,
        popup_id=popup.popup_id if popup else None,
        caller=number if in_full or number is None else masked(number),
    )  # fmt: skip


def given_crm(request: Request) -> str:
    """The CRM in the address; it was found in the settings before."""
    return str(request.path_params["crm"])


def _sender(request: Request, services: Services) -> tuple[CrmAccount, ReadsClicks]:
    """The CRM in the address. Raises `UnknownCrm`."""
    account = services.settings.crm.get(given_crm(request))
    if account is None:
        raise UnknownCrm(UNKNOWN, cause=_why_unknown(given_crm(request), services.settings.crm))
    adapter = _reader(account.kind)
    if adapter is None:
        raise UnknownCrm(f"{registry.find(account.kind).title} is a target for popups alone: it has no button")
    return account, adapter


@cache
def _reader(kind: str) -> ReadsClicks | None:
    """The make, if it reads clicks. Found out once: comparing with a protocol takes as long as checking a signature."""
    adapter = registry.find(kind)
    return adapter if isinstance(adapter, ReadsClicks) else None


@cache
def _greeter(kind: str) -> Handshakes | None:
    """The make, if its clicks begin with a handshake."""
    adapter = registry.find(kind)
    return adapter if isinstance(adapter, Handshakes) else None


def _why_unknown(name: str, known: Collection[str]) -> Reason:
    """For the operator: which name the address has, and which CRM it may mean."""
    given = one_line(name, MAX_NAME_CHARACTERS)
    near = difflib.get_close_matches(given.casefold(), known, n=1)
    return reason("crm-near", given=given, near=near[0]) if near else reason("crm-unknown", given=given)


def _click(request: Request, services: Services, incoming: Incoming, asked: ClickRequest) -> Click:
    """The authenticated click."""
    click_id = new_id("clk", incoming.received_at)
    logs.follow(click_id)
    return Click(
        click_id=click_id,
        crm=given_crm(request),
        received_at=incoming.received_at,
        source_ip=source_of(request),
        agent=asked.agent,
        extension=asked.extension,
        ivrid=asked.ivrid,
        record=asked.record,
        key=asked.key,
        proof=asked.proof,
    )


async def _prove(
    request: Request, services: Services, adapter: ReadsClicks, account: CrmAccount, incoming: Incoming
) -> ClickRequest:
    """What the proven sender asks. Whoever fails too often is told to wait."""
    try:
        return adapter.read_click(account, incoming)
    except BadSignature as failed:
        source, seconds = source_of(request), incoming.received_at.timestamp()
        try:
            failures, wait = await counters.happened(
                services.redis, "failed-proof", given_crm(request), source, seconds
            )
        except Exception:
            log.warning("failed proofs are not counted: redis is away")
            raise failed from None
        if failures > FAILURES_PER_MINUTE:
            text = "Too many clicks from this address could not prove their sender"
            raise TooManyClicks(text, wait, failed.cause) from None
        raise


async def _named(
    services: Services, crm: str, adapter: ReadsClicks, account: CrmAccount, incoming: Incoming, asked: ClickRequest
) -> ClickRequest:
    """The click with its agent named, where the CRM has to be asked. Raises `BadSignature` and `Unavailable`."""
    if asked.agent is not None or asked.extension is not None or not isinstance(adapter, NamesSenders):
        return asked
    try:
        async with asyncio.timeout(account.push_timeout_seconds):
            agent = await adapter.who_clicked(account, services.crm_sessions[crm], incoming)
    except (TimeoutError, RequestFailed, RateLimited, TokenRefused, SearchFailed) as error:
        log.warning("%s does not say who clicked: %s", crm, type(error).__name__)
        raise Unavailable("The CRM does not say who clicked", AGAIN_SECONDS) from None
    return replace(asked, agent=agent, names_clicker=True)


def _allowances(services: Services, read: Click) -> list[Allowance]:
    """The agent's own first: a button that is stuck does not use up what the others of its CRM may click."""
    account, agent = services.settings.crm[read.crm], (read.agent or read.extension or "").casefold()
    own, all_of_it = account.agent_clicks_per_minute, account.clicks_per_minute
    stuck = f"More than {own} clicks of this agent in this minute: is a button stuck?"
    allowances = (
        Allowance("agent-click", read.crm, agent, own, stuck),
        Allowance("click", read.crm, "", all_of_it, f"More than {all_of_it} clicks in this minute"),
    )
    return [one for one in allowances if one.per_minute]
