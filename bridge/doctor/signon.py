"""Signing in by OpenID Connect: whether the identity provider answers as its settings say."""

from bridge.core.errors import SigninFailed
from bridge.core.finding import Finding, Grade, worded
from bridge.core.reasons import Reason, reason
from bridge.services import Services

FIX = Reason("fix-provider")


async def of_signin(services: Services) -> list[Finding]:
    """Its discovery document and its keys; nothing where it is not set up."""
    if services.signon is None:
        return []
    try:
        found = await services.signon.reached()
    except SigninFailed as error:
        told = reason("found-provider-failed", kind=error.code, cause=error.cause)
        return [worded("sign-in", Grade.FAIL, told, FIX)]
    return [worded("sign-in", Grade.OK, found)]
