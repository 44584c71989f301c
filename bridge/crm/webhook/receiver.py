"""What a receiver of popups wants beside the signature: headers of its own, a name and password; pure."""

import base64
import re
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

from pydantic import AfterValidator, BeforeValidator

from bridge.config.models import SecretText
from bridge.core.http_types import Secret
from bridge.core.reasons import reason

NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
OURS = re.compile(
    r"host|connection|keep-alive|te|trailer|transfer-encoding|content-.*|upgrade|expect|proxy-.*|(?:webhook|svix)-.*|"
    r"popbridge-resent",
    re.I,
)
"""Headers that carry the request itself, or prove it."""


def _from_lines(value: object) -> object:
    """A file of headers, or one variable of the environment, has `Name: value` on each line."""
    if not isinstance(value, str):
        return value
    pairs = [line.partition(":") for line in value.splitlines() if line.strip()]
    if not all(colon for _, colon, _ in pairs):
        raise ValueError(reason("webhook.value-header-lines"))
    return {name.strip(): text.strip() for name, _, text in pairs}


def _checked(headers: Mapping[str, Secret]) -> Mapping[str, Secret]:
    for name, value in headers.items():
        if not NAME.fullmatch(name) or OURS.fullmatch(name):
            raise ValueError(reason("webhook.value-headers"))
        if not value.reveal().isascii():
            raise ValueError(reason("webhook.value-headers-ascii"))
    if len({name.lower() for name in headers}) < len(headers):
        raise ValueError(reason("webhook.value-headers-twice"))
    return headers


Headers = Annotated[Mapping[str, SecretText], BeforeValidator(_from_lines), AfterValidator(_checked)]


def without_password(table: Any) -> Any:
    """The section with `user:password@` of its `popup_url` as a header: addresses are shown, headers are not.

    An Authorization among `popup_headers` outweighs it.
    """
    url = table.get("popup_url") if isinstance(table, Mapping) else None
    if not isinstance(url, str) or "@" not in url:
        return table
    try:
        told, at, _ = urlsplit(url).netloc.rpartition("@")
        own = _from_lines(table.get("popup_headers", {}))
    except ValueError:
        return table
    if not at or not isinstance(own, Mapping):
        return table
    name, _, password = told.partition(":")
    pair = base64.b64encode(f"{unquote(name)}:{unquote(password)}".encode()).decode()
    named = {str(key).lower() for key in own}
    basic = {} if "authorization" in named else {"Authorization": f"Basic {pair}"}
    return {**table, "popup_url": url.replace(f"{told}@", "", 1), "popup_headers": {**basic, **own}}
