"""The cookies that keep a page signed in in every tab of the browser, and the proof that our own page asks.

A page sends no token then, only its name in the header `Popbridge-Page`. Another site's page cannot send that header: a
browser asks us first whether it may, and we never allow it. Nor does a link or a form of another site send it.

The cookie of a page in its own window goes to this site's own pages alone (`SameSite=Strict`). A page in a CRM's frame
is a third party there, where a browser keeps cookies only for that CRM (`Partitioned`), and only over https; where it
keeps none, the page's session stays in its tab.
"""

import re
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

from bridge.config.models import Settings
from bridge.store.grants import Grant

HEADER = "popbridge-page"


class Page(StrEnum):
    """Which page asks: each has a session of its own."""

    DESKTOP = "desktop"
    FRAMED = "framed"
    CONSOLE = "console"


def page_of(request: Request) -> Page | None:
    """The page of ours that sends this request; None: something else does."""
    named = request.headers.get(HEADER, "")
    return Page(named) if named in [*Page] and _is_same_origin(request) else None


def session_in(request: Request) -> str:
    """The text of the session that the asking page has in its cookie; empty without one."""
    page = page_of(request)
    return request.cookies.get(_name(_settings(request), page), "") if page else ""


def _is_same_origin(request: Request) -> bool:
    """What browsers say themselves of where a request comes from; old ones say nothing."""
    if request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
        return False
    origin = request.headers.get("origin")
    if origin is None:
        return True
    there = origin.partition("://")[2].lower()  # an origin that is none is read, too
    here = (request.headers.get("host", ""), urlsplit(_settings(request).server.public_url).netloc)
    return there != "" and there in [host.lower() for host in here]


def keep(request: Request, response: Response, page: Page, grant: Grant, text: str, now: datetime) -> None:
    """Put the session into the page's cookie, until it ends at the latest. A frame gets one over https only."""
    settings = _settings(request)
    if page is Page.FRAMED and not _is_secure(settings):
        return
    left = max(1, int((datetime.fromisoformat(grant.expires_at) - now).total_seconds()))
    _set(response, settings, page, text, left)


def drop(request: Request, response: Response, page: Page) -> None:
    """Remove the page's cookie."""
    _set(response, _settings(request), page, "", 0)


BROWSER_SECONDS = 600
MARK = re.compile(r"[A-Za-z0-9_-]{20,64}")


def browser_in(request: Request) -> str:
    """What tells this browser from others while somebody signs in at the identity provider; empty: nothing yet, or
    nothing that was made here: it goes into a header again."""
    mark = request.cookies.get(_name(_settings(request), "signin"), "")
    return mark if MARK.fullmatch(mark) else ""


def mark_browser(request: Request, response: Response, mark: str) -> None:
    """Tell this browser from others: it must be the one that comes back, by the provider's link (`SameSite=Lax`)."""
    settings = _settings(request)
    parts = [f"{_name(settings, 'signin')}={mark}", "Path=/", f"Max-Age={BROWSER_SECONDS}", "HttpOnly", "SameSite=Lax"]
    response.headers.append("set-cookie", "; ".join([*parts, *(["Secure"] if _is_secure(settings) else [])]))


def _set(response: Response, settings: Settings, page: Page, text: str, seconds: int) -> None:
    parts = [f"{_name(settings, page)}={text}", "Path=/", f"Max-Age={seconds}", "HttpOnly"]
    parts += ["Secure"] if _is_secure(settings) else []
    parts += ["SameSite=None", "Partitioned"] if page is Page.FRAMED else ["SameSite=Strict"]
    response.headers.append("set-cookie", "; ".join(parts))


def _name(settings: Settings, page: str) -> str:
    """Browsers keep cookies for a host, whatever the port: a second installation there must not lose its own."""
    port = urlsplit(settings.server.public_url).port
    name = f"popbridge-{page}" + (f"-{port}" if port else "")
    return f"__Host-{name}" if _is_secure(settings) else name


def _is_secure(settings: Settings) -> bool:
    return settings.server.public_url.startswith("https:")


def _settings(request: Request) -> Settings:
    settings: Settings = request.app.state.services.settings
    return settings
