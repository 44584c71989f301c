"""The button: a project with an app and its card, to be uploaded by HubSpot's command line. Its files lie in `app/`."""

import json
from pathlib import Path
from urllib.parse import urlsplit

from bridge.crm.contract import PasteFile
from bridge.crm.hubspot import findings
from bridge.crm.hubspot.account import Account

APP = Path(__file__).parent / "app"
FILES = (
    "hsproject.json",
    "src/app/app-hsmeta.json",
    "src/app/cards/popbridge-hsmeta.json",
    "src/app/cards/Popbridge.jsx",
    "src/app/cards/package.json",
)


def files(account: Account, crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
    """The project for this bridge. No secret is in it: HubSpot signs the card's requests itself."""
    parts = urlsplit(public_url)
    gaps = {
        "CLICK_URL": f"{public_url}/clicks/{crm_name}",
        "BRIDGE_URL": public_url,
        "BRIDGE_ORIGIN": f"{parts.scheme}://{parts.netloc}",
        "SCOPES": json.dumps(findings.scopes(account))[1:-1],
    }
    return tuple(PasteFile(name, _filled((APP / name).read_text(encoding="utf-8"), gaps)) for name in FILES)


def _filled(text: str, gaps: dict[str, str]) -> str:
    for name, value in gaps.items():
        text = text.replace(f"@{name}@", value)
    return text
