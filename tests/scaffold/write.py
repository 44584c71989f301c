"""Writing a make's folder from its template."""

import keyword
import re
from itertools import groupby
from pathlib import Path

TEMPLATES = Path(__file__).parent
NAME = re.compile(r"[a-z][a-z0-9]+")
LONGEST_NAME = 24
OWN_IMPORT = "from bridge."


class NotPossible(Exception):
    """Why no folder was written."""


def write(root: Path, group: str, name: str) -> Path:
    """The new folder `bridge/GROUP/NAME` in the checkout at `root`. Raises `NotPossible`."""
    if not NAME.fullmatch(name) or len(name) > LONGEST_NAME or keyword.iskeyword(name):
        raise NotPossible(f"NAME must be 2 to {LONGEST_NAME} lower-case letters and digits, such as acmecloud")
    for other in ("pbx", "crm"):
        if (root / "bridge" / other / name).exists():
            raise NotPossible(f"bridge/{other}/{name} is there already")
    folder = root / "bridge" / group / name
    for template in sorted((TEMPLATES / group).rglob("*")):
        if template.is_file() and "__pycache__" not in template.parts:
            file = folder / template.relative_to(TEMPLATES / group)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(filled(template.read_text(encoding="utf-8"), name), encoding="utf-8")
    return folder


def filled(text: str, name: str) -> str:
    """A template's text for the make called `name`; imports are in order again under its new name."""
    text = text.replace("newmake", name).replace("NewMake", name.capitalize()).replace("New Make", name.capitalize())
    runs = groupby(text.splitlines(keepends=True), lambda line: line.startswith(OWN_IMPORT))
    return "".join(line for is_import, lines in runs for line in (sorted(lines) if is_import else lines))
