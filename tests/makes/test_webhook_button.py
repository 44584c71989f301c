"""The webhook's button files: what is in a token, or in a name, neither breaks out of them nor changes on its way."""

import shlex
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from bridge.crm.webhook import button

URL = "https://popbridge.example.com"
ODD = "a+b/c=%'\"&\\ d"


def files(token: str) -> dict[str, str]:
    return {one.name: one.text for one in button.files(URL, "acme", token)}


@pytest.mark.parametrize("token", ["plain-token_0123456789", ODD])
def test_the_link_and_the_bookmark_lead_to_the_same_address(token: str) -> None:
    link = files(token)["link.txt"].strip()
    assert parse_qs(urlsplit(link).query) == {"agent": [button.AGENT], "token": [token]}
    script = unquote(files(token)["bookmark.txt"])
    assert f'open("{link}",' in script, "a browser decodes the address of a bookmark before it runs it"


def test_the_request_is_one_shell_command() -> None:
    words = shlex.split(files(ODD)["request.sh"].replace("\\\n", " "))
    assert f"Authorization: Bearer {ODD}" in words
