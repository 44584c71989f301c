"""The function of Zoho's button, and a link that works without one. They lie in `functions/`."""

from pathlib import Path

from bridge.crm.contract import PasteFile

FUNCTIONS = Path(__file__).parent / "functions"
FILES = {"who_is_calling.txt": "who_is_calling.deluge", "link.txt": "link.txt"}


def files(crm_name: str, public_url: str) -> tuple[PasteFile, ...]:
    """The texts to paste. No secret is in them: the function reads a variable of the organization's."""
    gaps = {"@CRM@": crm_name, "@CLICK_URL@": f"{public_url}/clicks/{crm_name}"}
    return tuple(PasteFile(called, _filled(name, gaps)) for name, called in FILES.items())


def _filled(name: str, gaps: dict[str, str]) -> str:
    text = (FUNCTIONS / name).read_text(encoding="utf-8")
    for gap, value in gaps.items():
        text = text.replace(gap, value)
    return text
