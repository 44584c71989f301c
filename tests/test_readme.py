"""The README keeps in step with the program: commands, settings, outcomes, reasons, links."""

import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
from pydantic.fields import FieldInfo

from bridge.cli.main import main
from bridge.config.models import Agents, Audit, CrmAccount, Desktop, Log, PbxAccount, Redis, Section, Server, Settings
from bridge.core.errors import ClickRefused
from bridge.core.model import Outcome
from bridge.crm import registry as crm
from bridge.pbx import registry as pbx
from bridge.services import load_settings

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def commands(group: click.Group, before: str = "popbridge") -> list[str]:
    names: list[str] = []
    for name, command in group.commands.items():
        words = f"{before} {name}"
        names += commands(command, words) if isinstance(command, click.Group) else [words]
    return names


SECTIONS: dict[str, type[Section]] = {
    "server": Server,
    "redis": Redis,
    "audit": Audit,
    "agents": Agents,
    "desktop": Desktop,
    "log": Log,
    "pbx.NAME": PbxAccount,
    "crm.NAME": CrmAccount,
}


def default(field: FieldInfo) -> str:
    if field.is_required():
        return "needed"
    value = field.default
    return f"`{value}`" if value not in (None, (), "") else ""


def settings_rows() -> list[str]:
    """One row for each key that every make has, from the help that the program itself has."""
    rows = [f"`data_dir` | `var` | {Settings.model_fields['data_dir'].description}"]
    for section, model in SECTIONS.items():
        for name, field in model.model_fields.items():
            rows.append(f"`{section}.{name}` | {default(field)} | {field.description}")
    return [*rows, f"`dids.NUMBER` |  | {Settings.model_fields['dids'].description}"]


@pytest.mark.parametrize("command", commands(main))
def test_every_command_is_there(command: str) -> None:
    assert f"`{command}" in README


@pytest.mark.parametrize("row", settings_rows())
def test_every_setting_is_there_with_its_help(row: str) -> None:
    assert f"| {row} |" in README


def test_no_setting_is_there_that_the_program_does_not_know() -> None:
    table = README.partition("## Settings")[2].partition("## ")[0]
    assert re.findall(r"^\| (`.*) \|$", table, re.M) == settings_rows()


def refusals() -> list[type[ClickRefused]]:
    return [ClickRefused, *ClickRefused.__subclasses__()]


def test_every_outcome_and_every_reason_is_there() -> None:
    assert [str(outcome) for outcome in Outcome if f"| `{outcome}` |" not in README] == []
    assert [refused.reason for refused in refusals() if f"`{refused.reason}` ({refused.status}" not in README] == []


def test_every_adapter_is_linked() -> None:
    for folder, kinds in (("pbx", pbx.kinds()), ("crm", crm.kinds())):
        for kind in kinds:
            assert f"(bridge/{folder}/{kind}/README.md)" in README


@pytest.mark.parametrize("file", ["README.md", *(str(p.relative_to(ROOT)) for p in ROOT.glob("bridge/*/*/README.md"))])
def test_links_lead_somewhere(file: str) -> None:
    text = (ROOT / file).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        assert "://" in target or ((ROOT / file).parent / target).exists(), target


def test_the_example_settings_load(tmp_path: Path) -> None:
    text = (ROOT / "deploy" / "popbridge.example.toml").read_text(encoding="utf-8")
    example: dict[str, Any] = tomllib.loads(text)
    (tmp_path / "popbridge.toml").write_text(text, encoding="utf-8")
    settings = load_settings(str(tmp_path / "popbridge.toml"), {})
    assert set(settings.crm) == set(example["crm"])
