"""Writing the files of an installation: all of them or none that could be taken for one, each for its owner alone."""

import os
import secrets
from collections.abc import Iterable, Mapping
from pathlib import Path


def there(files: Mapping[Path, str]) -> list[Path]:
    """Those of the files that exist already."""
    return [path for path in files if os.path.lexists(path)]


def write(files: Mapping[Path, str], replace: bool) -> None:
    """Write each aside first, then put them in their places in this order: what the last one names is there by then.

    Raises `FileExistsError` where one has come meanwhile and must not be replaced, and OSError. Whatever ends it, a
    file is there whole or not at all, and new ones are taken back.
    """
    aside: dict[Path, Path] = {}
    placed: list[Path] = []
    try:
        for path, text in files.items():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            aside[path] = _aside(path, text)
        for path, written in aside.items():
            if replace:
                os.replace(written, path)
            else:
                os.link(written, path)  # unlike a rename, it replaces nothing
                placed.append(path)
    except BaseException:
        _remove(placed)
        raise
    finally:
        _remove(aside.values())


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


def _aside(path: Path, text: str) -> Path:
    found = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(found, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        found.unlink()
        raise
    return found
