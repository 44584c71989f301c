"""What a failed request is called: one `RequestFailed`, whichever of the libraries raised what."""

import aiohttp
import httpx

from bridge.core.errors import RequestFailed
from bridge.core.reasons import Reason
from bridge.egress.connector import AddressRefused

DROPPED = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
"""What sending on a kept connection meets when the other side had closed it meanwhile."""
FAILURES = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, OSError)


def _refused(error: BaseException) -> bool:
    return isinstance(getattr(error.__cause__, "os_error", None), AddressRefused)


def never_connected(error: BaseException) -> bool:
    """Whether the host was not reached at all. httpx's classes do not tell: over aiohttp's transport a refused
    connection is called a timeout."""
    return isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ClientSSLError)


def _cause_of(error: BaseException) -> str:
    if isinstance(error, AddressRefused) or _refused(error):
        return "address-refused"
    if isinstance(error.__cause__, aiohttp.ClientConnectorCertificateError):
        return "untrusted-certificate"
    return "no-connection" if never_connected(error) else "broken-connection"


def wrapped(error: Exception) -> Exception:
    """A failure of aiohttp's as httpx hands it on, with that as its cause."""
    outer = httpx.TransportError("") if not isinstance(error, AddressRefused) else error
    outer.__cause__ = error if outer is not error else None
    return outer


def failed(cause: str, code: str = "", **params: object) -> RequestFailed:
    """A failure with its reason (`code`, else the cause's own); the words name the host alone, never the address or a
    body."""
    return RequestFailed(cause, Reason(code or cause, params))


def of_proxy(error: BaseException, place: str) -> RequestFailed | None:
    """What the proxy, and not the host, is to blame for."""
    match error.__cause__:
        case aiohttp.ClientProxyConnectionError():
            cause = "address-refused" if _refused(error) else "proxy-unreachable"
            return failed(cause, "proxy-unreachable", proxy=place)
        case aiohttp.ClientHttpProxyError(status=status):
            return failed("proxy-refused", proxy=place, status=status)
    return None


def of_host(error: BaseException, host: str) -> RequestFailed:
    """What the host is to blame for."""
    return failed(_cause_of(error), host=host)
