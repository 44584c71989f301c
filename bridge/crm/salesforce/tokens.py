"""Sessions of Salesforce's: client credentials, or a JWT; pure. Neither gives a refresh token, nor says how long a
session lasts: that is the org's session setting, from 15 minutes to 24 hours."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from bridge.core.errors import RequestFailed, TokenRefused
from bridge.core.http_types import Reply, Request
from bridge.core.reasons import reason
from bridge.core.tokens import Tokens, granted
from bridge.crm.replies import object_in
from bridge.crm.salesforce import jwt, wire
from bridge.crm.salesforce.account import Account

BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
LIFE = timedelta(hours=1)
"""How long a session is used. One that Salesforce ends sooner is answered 401 and replaced then."""
LOGIN, SANDBOX = "https://login.salesforce.com", "https://test.salesforce.com"


def ask(account: Account, now: datetime) -> Request:
    """A new session."""
    if account.private_key is not None:
        whom = account.audience or (SANDBOX if account.is_sandbox else LOGIN)
        signed = jwt.assertion(account.private_key, account.client_id, account.username or "", whom, now)
        fields = {"grant_type": BEARER, "assertion": signed}
    else:
        secret = account.client_secret.reveal() if account.client_secret else ""
        fields = {"grant_type": "client_credentials", "client_id": account.client_id, "client_secret": secret}
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    return Request("POST", f"{account.api}/services/oauth2/token", headers, urlencode(fields).encode())


def read(reply: Reply, now: datetime) -> Tokens:
    """The session. Raises `TokenRefused`: 400 with `invalid_grant`, `invalid_client` and the like."""
    if reply.status >= 500:
        raise RequestFailed(f"http-{reply.status}", reason("salesforce.not-working", status=reply.status))
    told = object_in(reply) or {}
    tokens = granted(told, now, LIFE)
    if reply.status != 200 or tokens is None:
        raise TokenRefused(reason("salesforce.token-refused", status=reply.status, error=wire.code(told.get("error"))))
    # A new assertion is signed for the next token: one to refresh would replace it.
    return Tokens(tokens.access, tokens.expires_at)
