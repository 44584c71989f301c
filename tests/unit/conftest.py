"""What tests of single parts share."""

from pathlib import Path

import pytest

from tests.unit.settings_files import Write


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes a settings file; its path."""

    def written(toml: str) -> Path:
        file = tmp_path / "popbridge.toml"
        file.write_text(toml, encoding="utf-8")
        return file

    return written
