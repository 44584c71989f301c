"""The application: every route in one list, the click first."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bridge import reload
from bridge.calls.together import ask_together
from bridge.config.models import Settings
from bridge.core.background import at_work
from bridge.core.clock import Clock
from bridge.core.errors import ArchiveUnfit, ClickRefused, PbxError
from bridge.core.http_types import Secret
from bridge.observability import sd_notify, tracing
from bridge.services import Services, connections_for_pages, open_services
from bridge.signin.renewal import keep_confirmed
from bridge.web import clicks, doors, events, health, languages, oidc, problems
from bridge.web.api import audit, deliveries, openapi, reads
from bridge.web.api import health as overall
from bridge.web.click_room import ClickRoom
from bridge.web.connect import agents as connect_agents
from bridge.web.connect import buttons, trials
from bridge.web.connect import overview as connect_overview
from bridge.web.connect import pages as guide_pages
from bridge.web.console import page as console
from bridge.web.console import session as console_session
from bridge.web.console.live import stream as live
from bridge.web.console.live.floor import Floor
from bridge.web.desktop import actions, rights, shift, stream
from bridge.web.desktop import page as desktop
from bridge.web.desktop import session as desktop_session
from bridge.web.desktop.hub import Hub
from bridge.web.desktop.polling import Mailboxes, poll
from bridge.web.desktop.seats import Seats
from bridge.web.desktop.watch import Watch
from bridge.web.paths import TidyPaths
from bridge.web.room import Room
from bridge.web.safe_headers import SafeHeaders

ROUTES = [
    Route("/clicks/{crm}", clicks.click, methods=["GET", "POST", "OPTIONS"]),
    Route("/clicks/{crm:path}", clicks.click, methods=["GET", "POST", "OPTIONS"]),
    Route("/events/{pbx}", events.event, methods=["GET", "POST", "OPTIONS"]),
    Route("/desktop/events", stream.events),
    Route("/desktop/poll", poll, methods=["GET"]),
    Route("/desktop/ack", desktop.acknowledge, methods=["POST"]),
    Route("/desktop/session", desktop_session.sign_in, methods=["POST"]),
    Route("/desktop/session", desktop_session.session, methods=["GET"]),
    Route("/desktop/session", desktop_session.sign_out, methods=["DELETE"]),
    Route("/desktop/link", desktop_session.link, methods=["POST"]),
    Route("/desktop/press", actions.press, methods=["POST"]),
    Route("/desktop/notes/{popup_id}", actions.note, methods=["GET", "PUT", "POST"]),
    Route("/desktop/shift", shift.calls, methods=["GET"]),
    Route("/desktop/popups/{popup_id}", shift.popup, methods=["GET"]),
    Route("/desktop/contacts/{popup_id}", actions.contact, methods=["POST"]),
    Route("/desktop/preferences", desktop.preferences, methods=["GET", "PUT"]),
    Route("/desktop", desktop.page),
    Route("/console", console.door),
    Route("/console/session", console_session.sign_in, methods=["POST"]),
    Route("/console/session", console_session.session, methods=["GET"]),
    Route("/console/session", console_session.sign_out, methods=["DELETE"]),
    Route("/console/live/events", live.events),
    Route("/console/{page}", console.page),
    Route("/api/audit", audit.entries),
    Route("/api/audit/export", audit.export_entries),
    Route("/api/audit/access-log", audit.access_entries),
    Route("/api/audit/acts", audit.access_entries),  # as it was called before
    Route("/api/health", overall.overview),
    Route("/api/health/doctor", overall.examine, methods=["POST"]),
    Route("/api/clicks", reads.clicks),
    Route("/api/clicks/{click_id}", reads.click),
    Route("/api/popups/{popup_id}", reads.popup),
    Route("/api/deliveries", deliveries.listing),
    Route("/api/deliveries/retry", deliveries.retry_all, methods=["POST"]),
    Route("/api/deliveries/{delivery_id}", deliveries.one),
    Route("/api/deliveries/{delivery_id}/retry", deliveries.retry, methods=["POST"]),
    Route("/api/calls/{ivrid:path}", reads.call),
    Route("/api/pbx/{pbx}/extensions", reads.extensions),
    Route("/api/pbx/{pbx}/queues", reads.queues),
    Route("/api/connect", connect_overview.overview),
    Route("/api/connect/kinds", connect_overview.makes),
    Route("/api/connect/try", trials.try_account, methods=["POST"]),
    Route("/api/connect/agents", connect_agents.agents),
    Route("/api/connect/agents/preview", connect_agents.preview, methods=["POST"]),
    Route("/api/connect/links", connect_agents.link, methods=["POST"]),
    Route("/api/connect/pbx/{name}/test", trials.of_pbx, methods=["POST"]),
    Route("/api/connect/crm/{name}/test", trials.of_crm, methods=["POST"]),
    Route("/api/connect/crm/{name}/button", buttons.button),
    Route("/api/connect/crm/{name}/click", buttons.click, methods=["POST"]),
    Route("/api/connect/crm/{name}/popup", buttons.popup, methods=["POST"]),
    Route("/", doors.front, methods=["GET"]),
    Route("/signin/oidc", oidc.begin, methods=["GET"]),
    Route("/signin/callback", oidc.callback, methods=["GET"]),
    Route("/signin/ways", oidc.ways, methods=["GET"]),
    Route("/signin/window", oidc.window, methods=["GET"]),
    Route("/button.js", languages.button),
    Route("/answer.js", languages.answer),
    Route("/static/frame.js", languages.frame),
    Route("/static/lang/languages.json", languages.listed),
    Route("/static/lang/{code}.json", languages.catalogue),
    Route("/livez", health.livez),
    Route("/readyz", health.readyz),
    Route("/version", health.version),
    Route("/metrics", health.metrics),
    Route("/openapi.json", openapi.described),
    Route("/docs/connect", guide_pages.index),
    Route("/docs/connect/{kind}", guide_pages.guide),
    Route("/docs", openapi.reference),
    Mount("/static", StaticFiles(directory=languages.STATIC)),
]


def create_app(
    settings: Settings, redis_url: Secret, clock: Clock | None = None, again: reload.Read | None = None
) -> Starlette:
    """The application over its own `Services`, from start-up to shutdown, or renewed at SIGHUP (`again`)."""

    click_room = ClickRoom(settings.server.waiting_clicks, settings.crm)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with tracing.exporting("web"):
            async with working(app):
                yield

    @asynccontextmanager
    async def working(app: Starlette) -> AsyncIterator[None]:
        async with (
            open_services(settings, redis_url, clock) as services,
            connections_for_pages(settings, redis_url) as pages_redis,
        ):
            app.state.leaving = asyncio.Event()
            app.state.pages = clicks.open_pages()
            app.state.room, app.state.seats = Room(), Seats()
            app.state.hub = hub = Hub(pages_redis, services.clock, app.state.leaving, app.state.room)
            app.state.mailboxes = Mailboxes(hub)
            app.state.floor = floor = Floor(app.state.leaving)

            @asynccontextmanager
            async def use(services: Services) -> AsyncIterator[None]:
                await asyncio.to_thread(services.agents.directory)
                await services.agents.refresh()
                app.state.click_services = services
                app.state.services = pages = services.with_redis(pages_redis)
                click_room.most, click_room.names = services.settings.server.waiting_clicks, services.settings.crm
                lines = [services.agents.keep_fresh(), Watch(hub, pages).follow(), rights.follow(hub, pages)]
                lines.append(ask_together(services.lookup, pages_redis, services.clock.ticks))
                if pages.signon is not None:
                    lines.append(keep_confirmed(pages.signon, pages_redis, pages.agents, pages.clock))
                async with at_work(*lines, *floor.work(pages, hub)):
                    yield

            work = (
                *hub.work(),
                floor.goodbye(),
                click_room.watch(),
                click_room.report(services.redis),
                sd_notify.beat(),
            )
            async with at_work(*work), reload.in_use(services, use, again):
                yield

    handlers: dict[Any, Any] = {
        ClickRefused: problems.on_refusal,
        PbxError: problems.on_pbx_error,
        HTTPException: problems.on_http_error,
        RedisError: problems.on_redis_error,
        SQLAlchemyError: problems.on_sql_error,
        ArchiveUnfit: problems.on_sql_error,
        Exception: problems.on_bug,
    }
    app = stream.Streaming(
        routes=list(ROUTES),
        lifespan=lifespan,
        exception_handlers=handlers,
        middleware=[Middleware(SafeHeaders), Middleware(TidyPaths)],
    )
    app.state.click_room = click_room
    app.router.redirect_slashes = False  # a sender of webhooks does not follow a redirect
    return app
