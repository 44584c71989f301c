"""Buttons for a CRM of one's own, ready to paste: a script, a link, a bookmark, and a request; pure."""

import html
import json
import shlex
from urllib.parse import quote

from bridge.crm.contract import PasteFile

SIGNED = "-H 'webhook-id: …' -H 'webhook-timestamp: …' -H 'webhook-signature: …'"
AGENT = "AGENT@EXAMPLE.COM"
"""Stands where the CRM writes who is signed in."""


def files(url: str, crm: str, token: str) -> tuple[PasteFile, ...]:
    """For the bridge at `url`; without a token the request must be signed instead, and no page can send it."""
    request = PasteFile("request.sh", _request(url, crm, token))
    if not token:
        return (request,)
    link = f"{url}/clicks/{quote(crm, safe='')}?agent={quote(AGENT, safe='@')}&token={quote(token, safe='')}"
    return (
        PasteFile("snippet.html", _snippet(url, crm, token)),
        PasteFile("link.txt", f"{link}\n"),
        PasteFile("bookmark.txt", _bookmark(link)),
        request,
    )


def _bookmark(link: str) -> str:
    """Browsers decode such an address before they run it, so each % of the link is encoded once more."""
    encoded = json.dumps(link.replace("%", "%25"))
    return f"javascript:void(open({encoded},'popbridge','popup,width=460,height=780'))\n"


def _snippet(url: str, crm: str, token: str) -> str:
    options = {"src": f"{url}/button.js", "data-crm": crm, "data-agent": AGENT, "data-token": token}
    written = " ".join(f'{name}="{html.escape(value)}"' for name, value in options.items())
    return f"<script {written}></script>\n"


def _request(url: str, crm: str, token: str) -> str:
    lines = [
        f"curl -X POST '{url}/clicks/{quote(crm, safe='')}'",
        "-H 'Content-Type: application/json'",
        f"-H {shlex.quote(f'Authorization: Bearer {token}')}" if token else SIGNED,
        f"-d '{json.dumps({'agent': AGENT})}'",
    ]
    return " \\\n  ".join(lines) + "\n"
