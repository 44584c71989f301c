"""Where each make's folder is, with its guide."""

import importlib.util
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from bridge.crm import registry as crms
from bridge.pbx import registry as pbxs


@cache
def folders() -> Mapping[str, Path]:
    """By the kind of each make."""
    packages = {**pbxs.packages(), **crms.packages()}
    specs = {kind: importlib.util.find_spec(package) for kind, package in packages.items()}
    return {kind: Path(spec.origin).parent for kind, spec in specs.items() if spec is not None and spec.origin}


def guide_of(kind: str) -> Path | None:
    """The file of its guide; None where it has none."""
    folder = folders().get(kind)
    file = folder / "README.md" if folder else None
    return file if file is not None and file.is_file() else None
