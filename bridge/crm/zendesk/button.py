"""The button: Zendesk's app, and a webhook that works without one. The files lie in `app/`."""

from pathlib import Path
from urllib.parse import urlsplit

from bridge.crm.contract import PasteFile

APP = Path(__file__).parent / "app"
FILES = (
    "manifest.json",
    "assets/iframe.html",
    "assets/button.js",
    "assets/logo.svg",
    "translations/en.json",
    "translations/he.json",
    "trigger.json",
)
"""All but `trigger.json` is put into a zip with these names; that one is what a webhook of a trigger sends."""


def files(crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
    """The files for this bridge. No secret is in them: the app asks for it when it is installed."""
    gaps = {"CLICK_URL": f"{public_url}/clicks/{crm_name}", "BRIDGE_HOST": urlsplit(public_url).hostname or ""}
    return tuple(PasteFile(name, _filled((APP / name).read_text(encoding="utf-8"), gaps)) for name in FILES)


def _filled(text: str, gaps: dict[str, str]) -> str:
    for name, value in gaps.items():
        text = text.replace(f"@{name}@", value)
    return text
