"""Files of an installation: all of them, whole, for their owner alone, or none."""

import os
from pathlib import Path
from typing import Any

import pytest

from bridge.connect import files


def wanted(folder: Path) -> dict[Path, str]:
    return {folder / "secrets" / "a": "secret\n", folder / "agents.csv": "rows\n", folder / "popbridge.toml": "x = 1\n"}


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_they_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    files.write(wanted(tmp_path), replace=False)
    assert everything(tmp_path) == ["agents.csv", "popbridge.toml", "secrets/a"]
    assert {path.stat().st_mode & 0o777 for path in wanted(tmp_path)} == {0o600}


@pytest.mark.parametrize("ends_at", [1, 2, 3])
@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError])
def test_whatever_ends_it_nothing_is_left(
    tmp_path: Path, ends_at: int, error: type[BaseException], monkeypatch: pytest.MonkeyPatch
) -> None:
    real, count = os.link, 0

    def link(*told: Any) -> None:
        nonlocal count
        count += 1
        if count == ends_at:
            raise error
        real(*told)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(error):
        files.write(wanted(tmp_path), replace=False)
    assert everything(tmp_path) == []


def test_one_that_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "agents.csv").write_text("mine")
    with pytest.raises(FileExistsError):
        files.write(wanted(tmp_path), replace=False)
    assert everything(tmp_path) == ["agents.csv"]
    assert (tmp_path / "agents.csv").read_text() == "mine"
    files.write(wanted(tmp_path), replace=True)
    assert (tmp_path / "agents.csv").read_text() == "rows\n"
