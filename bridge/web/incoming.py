"""A request from outside as adapters read it: from a CRM's button, or an event from a phone system."""

from starlette.requests import Request

from bridge.core.http_types import Incoming
from bridge.services import Services
from bridge.web import body


async def incoming_of(request: Request, services: Services) -> Incoming:
    """The request, its address as the sender wrote it: the public one. Raises `TooLarge` and `Malformed`."""
    target = request.scope.get("raw_path", b"").decode("latin-1") or request.url.path
    query = request.scope.get("query_string", b"").decode("latin-1")
    return Incoming(
        method=request.method,
        url=f"{services.settings.server.public_url}{target}{'?' if query else ''}{query}",
        headers=_headers(request),
        query={key.lower(): value for key, value in request.query_params.items()},
        body=await body.read(request),
        received_at=services.clock.now(),
    )


def _headers(request: Request) -> dict[str, str]:
    """Header names in lower case. What is there twice is one value, joined by a comma: it proves nobody."""
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return headers
