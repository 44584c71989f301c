"""The runbook keeps in step with the program: its commands, links, settings and log fields."""

import ast
import os
import re
from pathlib import Path

import pytest

from bridge.cli.lazy import LazyGroup
from bridge.cli.main import main
from bridge.config.models import CrmAccount
from bridge.settings import load_settings
from tests.deploy.test_files import DEPLOY, run

RUNBOOK = (DEPLOY / "README.md").read_text(encoding="utf-8")
FENCES = re.findall(r"(?ms)^ *```(\w+)\n(.*?)^ *```", RUNBOOK)
HEADINGS = {re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in re.findall(r"(?m)^##+ (.+)$", RUNBOOK)}
SECRETS = {
    "acme_click_secrets": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
    "acme_popup_secrets": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=",
}


def known(words: list[str], group: LazyGroup = main) -> bool:
    """Whether the command line knows this command and each of its options."""
    if words[0] not in group.commands:
        return False
    command = group.load(words[0])
    if isinstance(command, LazyGroup):
        return len(words) < 2 or words[1].startswith("-") or known(words[1:], command)
    options = {name for option in command.params for name in option.opts}
    return all(word.split("=")[0] in options for word in words[1:] if word.startswith("--"))


def told_commands() -> list[str]:
    """What follows `popbridge` in text, and on lines of shell where it is what runs."""
    shell = "\n".join(body for kind, body in FENCES if kind == "sh")
    spans = re.findall(r"`popbridge ([^`\n]+)`", re.sub(r"(?ms)^ *```.*?^ *```", "", RUNBOOK))
    lines = re.findall(r"(?m)(?:^|/bin/|-- |exec web )popbridge ([^#\n]+)", shell)
    return sorted({found.strip() for found in (*spans, *lines)})


def test_commands_are_found() -> None:
    assert len(told_commands()) > 15
    assert not known(["dance"])
    assert not known(["doctor", "--slowly"])


@pytest.mark.parametrize("command", told_commands())
def test_every_command_of_the_runbook_is_one(command: str) -> None:
    assert known(command.split())


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)]+)\)", RUNBOOK))))
def test_links_lead_somewhere(target: str) -> None:
    file, _, part = target.partition("#")
    assert part in HEADINGS if not file else (DEPLOY / file).exists()


def test_its_settings_load_together(tmp_path: Path) -> None:
    toml = "\n".join(re.sub(r"(?m)^   ", "", body) for kind, body in FENCES if kind == "toml")
    toml = toml.replace('kind = "webhook"', 'kind = "webhook"\npbx = "main"')
    toml = toml.replace("/var/lib/popbridge", str(tmp_path))
    (tmp_path / "popbridge.toml").write_text(toml, encoding="utf-8")
    (tmp_path / "secrets").mkdir()
    for name in re.findall(r'_file = "secrets/(\w+)"', toml):
        (tmp_path / "secrets" / name).write_text(SECRETS.get(name, "an-invented-value"))
    settings = load_settings(str(tmp_path / "popbridge.toml"), {})
    assert (set(settings.pbx), set(settings.crm)) == ({"main", "office"}, {"acme"})
    assert isinstance(settings.crm["acme"], CrmAccount)
    assert settings.crm["acme"].dry_run
    assert settings.redis.strict_durability


def test_its_secrets_are_read_by_nobody_else() -> None:
    """Whoever follows it makes no file that all may read, and asks the database as its own user."""
    made = re.findall(r"(?m)[^`\n]*/etc/popbridge/secrets/\w+", RUNBOOK)
    assert made
    assert [line for line in made if "install -g popbridge -m 0640" not in line] == []
    assert re.findall(r"(?m)^(?:pg_\w+|createdb|psql) .*", RUNBOOK) == []
    assert re.findall(r"(?m)^install .*deploy/popbridge /usr/local/bin/popbridge$", RUNBOOK)


def test_the_script_runs_it_as_its_own_user(tmp_path: Path) -> None:
    stub = tmp_path / "runuser"
    stub.write_text('#!/bin/sh\necho "$POPBRIDGE_CONFIG" "$@"\n')
    stub.chmod(0o755)
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = run(DEPLOY / "popbridge", "clicks", "--agent", "Dana Cohen", PATH=path, POPBRIDGE_CONFIG="")
    told = "/etc/popbridge/popbridge.toml -u popbridge -- /opt/popbridge/bin/popbridge clicks --agent Dana Cohen\n"
    assert (done.stdout, done.returncode) == (told, 0)


def event_fields(tree: ast.AST) -> set[str | None]:
    """The keywords of every `logs.event(…)`."""
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "logs.event"]
    return {keyword.arg for call in calls for keyword in call.keywords}


def test_every_log_field_is_described() -> None:
    root, named = DEPLOY.parent, {"time", "level", "process", "logger", "message", "click_id", "trace"}
    for file in (*(root / "bridge").rglob("*.py"), *(root / "workers").glob("*.py")):
        named |= {name for name in event_fields(ast.parse(file.read_text(encoding="utf-8"))) if name}
    named |= {"status", "error", "ms"}  # of an attempt
    assert {"crm", "target", "job", "caller"} <= named
    assert {name for name in named if f"\n| `{name}` |" not in RUNBOOK} == set()
