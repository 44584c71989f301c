"""Signing in by OpenID Connect: whether the identity provider answers as its settings say."""

from bridge.core.errors import SigninFailed
from bridge.core.finding import Finding, Grade
from bridge.services import Services

FIX = "[signin.oidc] issuer; the way there: [outgoing] proxy and ca_file; curl ISSUER/.well-known/openid-configuration"


async def of_signin(services: Services) -> list[Finding]:
    """Its discovery document and its keys; nothing where it is not set up."""
    if services.signon is None:
        return []
    try:
        found = await services.signon.reached()
    except SigninFailed as error:
        return [Finding("sign-in", Grade.FAIL, str(error), FIX)]
    return [Finding("sign-in", Grade.OK, found)]
