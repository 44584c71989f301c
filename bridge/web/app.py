"""The application: every route in one list, the click first."""

from typing import Any

from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from bridge import reload
from bridge.config.models import Settings
from bridge.core.clock import Clock
from bridge.core.errors import ArchiveUnfit, ClickRefused, PbxError
from bridge.core.http_types import Secret
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
from bridge.web.desktop import actions, shift, stream
from bridge.web.desktop import page as desktop
from bridge.web.desktop import session as desktop_session
from bridge.web.desktop.polling import poll
from bridge.web.lifespan import Lifespan
from bridge.web.paths import TidyPaths
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
    handlers: dict[Any, Any] = {
        ClickRefused: problems.on_refusal,
        PbxError: problems.on_pbx_error,
        HTTPException: problems.on_http_error,
        RedisError: problems.on_redis_error,
        SQLAlchemyError: problems.on_sql_error,
        ArchiveUnfit: problems.on_sql_error,
        Exception: problems.on_bug,
    }
    room = ClickRoom(settings.server.waiting_clicks, settings.crm)
    app = stream.Streaming(
        routes=list(ROUTES),
        lifespan=Lifespan(settings, redis_url, room, clock, again).run,
        exception_handlers=handlers,
        middleware=[Middleware(SafeHeaders), Middleware(TidyPaths)],
    )
    app.router.redirect_slashes = False  # a sender of webhooks does not follow a redirect
    return app
