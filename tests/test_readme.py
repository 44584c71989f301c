"""The README keeps in step with the program: commands, settings, outcomes, reasons, links."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from bridge.cli.lazy import LazyGroup
from bridge.cli.main import main
from bridge.core.errors import ClickRefused, SettingsError
from bridge.core.model import Outcome
from bridge.settings import load_settings
from tests import docs

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


COMMANDS = (ROOT / "deploy" / "commands.md").read_text(encoding="utf-8")
FOLDERS = ("*.md", "bridge/*.md", "bridge/*/*.md", "bridge/*/*/*.md", "deploy/*.md", "tests/*/*.md")
DOCUMENTS = sorted(str(file.relative_to(ROOT)) for pattern in FOLDERS for file in ROOT.glob(pattern))


def commands(group: LazyGroup, before: str = "popbridge") -> list[str]:
    names: list[str] = []
    for name in group.commands:
        words, command = f"{before} {name}", group.load(name)
        if isinstance(command, LazyGroup):
            names += commands(command, words)
        elif not group.commands[name].hidden:  # hidden: an old name that still works
            names.append(words)
    return names


@pytest.mark.parametrize("command", commands(main))
def test_every_command_is_there(command: str) -> None:
    assert f"`{command}" in COMMANDS


def test_the_tables_are_those_of_the_program() -> None:
    assert docs.README.read_text(encoding="utf-8") == docs.readme(), "run ./dev docs"
    assert docs.SETTINGS.read_text(encoding="utf-8") == docs.settings(), "run ./dev docs"


def refusals() -> list[type[ClickRefused]]:
    return [ClickRefused, *ClickRefused.__subclasses__()]


def test_every_outcome_and_every_reason_is_there() -> None:
    assert [str(outcome) for outcome in Outcome if f"| `{outcome}` |" not in README] == []
    assert [refused.reason for refused in refusals() if f"`{refused.reason}` ({refused.status}" not in README] == []


@pytest.mark.parametrize("file", DOCUMENTS)
def test_links_lead_somewhere(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        # one that begins with a slash is an address of the running program: tests/web/test_guides.py
        assert "://" in target or target.startswith("/") or ((ROOT / file).parent / target).exists(), target


def headings(document: str) -> set[str]:
    """The anchors of a document, as GitHub makes them."""
    found = re.findall(r"^#+ (.+)$", document, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("file", DOCUMENTS)
def test_anchors_are_headings(file: str) -> None:
    here = ROOT / file
    for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", here.read_text(encoding="utf-8")):
        there = here.parent / target if target else here
        if there.suffix == ".md":
            assert anchor in headings(there.read_text(encoding="utf-8")), f"{target}#{anchor}"


def test_the_example_settings_load_once_their_placeholders_are_filled_in(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "popbridge.example.toml").read_text(encoding="utf-8")
    example: dict[str, Any] = tomllib.loads(text)
    file = tmp_path / "popbridge.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_settings(str(file), {})
    assert [line.split(": ")[1] for line in refused.value.problems] == ["pbx.main.code", "crm.acme.click_token"]
    filled = {"POPBRIDGE_PBX__MAIN__CODE": "INVENTED77", "POPBRIDGE_CRM__ACME__CLICK_TOKEN": "a-long-random-text-0123"}
    assert set(load_settings(str(file), filled).crm) == set(example["crm"])
