"""The button for each CRM, ready to paste: `popbridge button CRM`."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from bridge.cli.main import main
from bridge.core.http_types import Secret
from bridge.crm.contract import MakesButtons
from bridge.crm.registry import find, packages, simulator

SECRET, URL = Secret("made-up-secret-0123456789"), "https://popbridge.example.com"
KINDS = [kind for kind in packages() if isinstance(find(kind), MakesButtons)]


def settings(folder: Path, kind: str) -> Path:
    """A settings file with one CRM of that make."""
    section = simulator(kind).section("https://crm.example.com", SECRET)
    lines = [
        f"{key} = {value!r}".replace("True", "true").replace("'", '"')
        for key, value in section.items()
        if not isinstance(value, dict)
    ]
    file = folder / "popbridge.toml"
    phone = 'kind = "ozeki"\nbase_url = "http://127.0.0.1:9509"\nusername = "admin"\npassword = "x123"\n'
    phone = f'[pbx.main]\n{phone}timezone = "Asia/Jerusalem"\nregion = "IL"\n'
    file.write_text(f'{phone}[crm.sales]\nkind = "{kind}"\npbx = "main"\n' + "\n".join(lines) + "\n", encoding="utf-8")
    return file


def told(*words: object) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(word) for word in words])
    return result.exit_code, result.output


@pytest.mark.parametrize("kind", KINDS)
def test_it_names_the_bridge_and_its_crm(tmp_path: Path, kind: str) -> None:
    file = settings(tmp_path, kind)
    code, text = told("--config", file, "button", "sales", "--url", URL)
    assert code == 0, text
    assert f"{URL}/clicks/sales" in text or (URL in text and "sales" in text)
    code, text = told("--config", file, "button", "sales", "--url", URL, "--out", tmp_path / "out")
    assert code == 0, text
    paths = [Path(line) for line in text.splitlines()]
    assert paths
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}, "a secret may stand in it"
    code, text = told("--config", file, "button", "sales", "--url", URL, "--out", tmp_path / "out")
    assert (code, "exists" in text) == (1, True)


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    file = settings(tmp_path, "webhook")
    assert "there is no [crm.nobody]; there are: sales" in told("--config", file, "button", "nobody")[1]
