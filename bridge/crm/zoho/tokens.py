"""Access tokens of Zoho's; pure. Errors stand in a 200; ten tokens in ten minutes, and there are none for a while."""

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

from bridge.core.errors import RateLimited, TokenRefused
from bridge.core.http_types import Reply, Request, Secret
from bridge.core.reasons import reason
from bridge.core.tokens import Tokens, granted
from bridge.crm.replies import object_in
from bridge.crm.zoho import wire
from bridge.crm.zoho.account import Account

BLOCKED_SECONDS = 120.0
"""How long to wait after too many tokens: the block lasts for up to ten minutes."""
DEFAULT_LIFE = timedelta(hours=1)


def ask(account: Account, refresh: Secret | None) -> Request:
    """A new access token. In the body: what stands in an address gets into logs."""
    fields = {
        "grant_type": "refresh_token",
        "refresh_token": (refresh or account.refresh_token).reveal(),
        "client_id": account.client_id,
        "client_secret": account.client_secret.reveal(),
    }
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return Request("POST", f"{account.accounts}/oauth/v2/token", headers, urlencode(fields).encode())


def read(account: Account, reply: Reply, now: datetime) -> Tokens:
    """The token. Raises `TokenRefused` (an error stands in a 200, too), and `RateLimited` after too many."""
    wire.raise_passing(reply, now)
    value = object_in(reply) or {}
    error, tokens = value.get("error"), granted(value, now, DEFAULT_LIFE)
    if error == "Access Denied":
        raise RateLimited(BLOCKED_SECONDS)
    if reply.status != 200 or tokens is None:
        raise TokenRefused(reason("zoho.token-refused", status=reply.status, error=wire.code(error)))
    host = _host(value.get("api_domain"))
    if account.api_url is None and host not in ("", _host(account.api)):
        raise TokenRefused(reason("zoho.other-data-centre", host=host))
    return tokens


def _host(address: Any) -> str:
    try:
        return (urlsplit(address).hostname or "") if isinstance(address, str) else ""
    except ValueError:
        return ""
