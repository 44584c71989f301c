"""The command line is light, knows its commands without importing them, and takes `--config` on both sides."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from bridge.cli.lazy import LazyGroup
from bridge.cli.main import main

ROOT = Path(__file__).parents[2]
HEAVY = {
    "alembic",
    "sqlalchemy",
    "starlette",
    "uvicorn",
    "aiohttp",
    "httpx",
    "redis",
    "rq",
    "pydantic",
    "jinja2",
    "phonenumbers",
}
POPBRIDGE = "from bridge.cli.main import main; main(prog_name='popbridge')"
LIGHT = (["--version"], ["--help"], ["audit", "--help"], ["token", "-h"])
light = pytest.mark.parametrize("words", LIGHT, ids=" ".join)
MOST_SECONDS = 0.25


def run(script: str, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", script, *words]
    return subprocess.run(command, cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, check=False)


def packages(imported: str) -> set[str]:
    """The top-level packages of `-X importtime`'s report."""
    return {line.rpartition("|")[2].strip().split(".")[0] for line in imported.splitlines() if "import time:" in line}


@light
def test_help_and_version_import_nothing_heavy(words: list[str]) -> None:
    command = [sys.executable, "-X", "importtime", "-c", POPBRIDGE, *words]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout
    assert "click" in packages(done.stderr)
    assert packages(done.stderr) & HEAVY == set()


@light
def test_help_and_version_take_little_time(words: list[str]) -> None:
    def seconds() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert run(POPBRIDGE, *words).returncode == 0
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    assert min(seconds() for _ in range(5)) <= MOST_SECONDS


SETTINGS = """[pbx.main]
kind = "ozeki"
base_url = "http://127.0.0.1:9509"
username = "admin"
password = "correct-horse"
region = "HU"
[crm.acme]
kind = "webhook"
click_token = "battery-staple"
"""


@pytest.mark.parametrize(
    ("words", "libraries"),
    [
        (["check"], HEAVY - {"pydantic", "phonenumbers"}),
        (["health", "--worker"], HEAVY - {"pydantic", "phonenumbers"}),
        (["token", "list"], {"alembic", "sqlalchemy", "aiohttp", "httpx", "rq", "starlette"}),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_command_that_reads_settings_imports_only_what_it_works_with(
    words: list[str], libraries: set[str], tmp_path: Path
) -> None:
    (tmp_path / "popbridge.toml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "agents.csv").write_text("crm,crm_user,pbx,extension,name\n", encoding="utf-8")
    command = [sys.executable, "-X", "importtime", "-c", POPBRIDGE, "--config", str(tmp_path / "popbridge.toml")]
    done = subprocess.run([*command, *words], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "pydantic" in packages(done.stderr)
    assert packages(done.stderr) & libraries == set()


def groups(group: LazyGroup = main) -> list[LazyGroup]:
    inner = [command for command in group.commands.values() if isinstance(command, LazyGroup)]
    return [group, *(found for each in inner for found in groups(each))]


VERBS = [(group, name) for group in groups() for name in group.verbs]


@pytest.mark.parametrize(("group", "name"), VERBS, ids=lambda value: getattr(value, "name", value))
def test_the_table_says_what_the_command_says(group: LazyGroup, name: str) -> None:
    command, listed = group.load(name), group.verbs[name]
    if not listed.hidden:
        assert command.name == name
        assert (command.help or "").startswith(listed.short_help.removesuffix("."))
        assert len(listed.short_help) <= 80


def test_an_old_name_runs_the_same_command() -> None:
    audit = main.load("audit")
    assert isinstance(audit, LazyGroup)
    assert audit.load("acts") is audit.load("access-log")
    assert "acts" not in CliRunner().invoke(main, ["audit", "--help"]).stdout


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--config", "{other}", "check"], 1),
        (["check", "--config", "{other}"], 1),
        (["--config", "{first}", "check", "--config", "{other}"], 1),
        (["audit", "--config", "{other}", "list"], 2),
        (["audit", "list", "--config", "{other}"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_the_settings_file_is_named_before_or_after_the_verb(words: list[str], code: int, tmp_path: Path) -> None:
    named = {"first": tmp_path / "first.toml", "other": tmp_path / "other.toml"}
    done = CliRunner().invoke(main, [word.format_map(named) for word in words])
    assert done.exit_code == code
    assert done.stderr.splitlines()[0] == "1 configuration error:"
    assert (str(named["other"]) in done.stderr, str(named["first"]) in done.stderr) == (True, False)


def test_every_command_that_reads_settings_takes_the_option() -> None:
    without = {name for group, name in VERBS if "--config" not in {o for p in group.load(name).params for o in p.opts}}
    assert without == set()


def test_every_option_has_a_help_text() -> None:
    options = ((name, one) for group, name in VERBS for one in group.load(name).params if isinstance(one, click.Option))
    assert [f"{name} {one.opts}" for name, one in options if not one.help] == []


def test_an_unknown_command_is_a_usage_error() -> None:
    done = CliRunner().invoke(main, ["dance"])
    assert (done.exit_code, "No such command 'dance'" in done.stderr) == (2, True)


def completed(*words: str) -> set[str]:
    """What bash offers for the last of `words`."""
    typed = " ".join(["popbridge", *words])
    done = run(POPBRIDGE, _POPBRIDGE_COMPLETE="bash_complete", COMP_WORDS=typed, COMP_CWORD=str(len(words)))
    assert done.stderr == ""
    return {line.partition(",")[2] for line in done.stdout.splitlines()}


def test_the_shell_completes_commands_options_and_values() -> None:
    assert completed("cli") == {"click", "clicks"}
    assert completed("audit", "ex") == {"export"}
    assert completed("audit", "export", "--form") == {"--format"}
    assert completed("audit", "export", "--format", "j") == {"jsonl"}
    assert completed("token", "create", "--role", "") == {"agent", "supervisor", "admin"}
    assert "acts" not in completed("audit", "")


def test_the_completion_script_is_printed() -> None:
    done = run(POPBRIDGE, _POPBRIDGE_COMPLETE="zsh_source")
    assert "#compdef popbridge" in done.stdout


def test_commands_are_click_commands() -> None:
    assert all(isinstance(group.load(name), click.Command) for group, name in VERBS)


SETTINGS = """
[pbx.main]
kind = "voicenter"
code = "INVENTED77"
[crm.acme]
kind = "webhook"
click_token = "{token}"
"""


def check(folder: Path, agents: str, token: str = "a-long-random-text-0123", **environ: str) -> Result:
    (folder / "popbridge.toml").write_text(SETTINGS.format(token=token), encoding="utf-8")
    (folder / "agents.csv").write_text(f"crm,crm_user,pbx,extension,name\n{agents}", encoding="utf-8")
    return CliRunner().invoke(main, ["--config", str(folder / "popbridge.toml"), "check"], env=environ)


@pytest.mark.parametrize(
    ("agents", "count"),
    [("", "0 agents"), ("acme,a,main,1,\n", "1 agent"), ("acme,a,main,1,\nacme,b,main,2,\n", "2 agents")],
)
def test_check_counts_in_plain_words(tmp_path: Path, agents: str, count: str) -> None:
    done = check(tmp_path, agents)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith(f": 1 pbx, 1 crm, {count}: OK\n")


def test_check_warns_of_what_may_be_a_slip_in_the_rows(tmp_path: Path) -> None:
    done = check(tmp_path, "acme,a,main,101,\nacme,b,main,101,\nacme,a,main,101,\nacme,c,main,102.0,\n")
    assert done.exit_code == 0
    warnings = [line.replace(str(tmp_path / "agents.csv"), "FILE") for line in done.stderr.splitlines()]
    assert warnings == [
        "warning: FILE: line 3: extension 101 of b is also a's (line 2)",
        "warning: FILE: line 4: the same as line 2",
        "warning: FILE: line 5: extension 102.0 looks changed by a spreadsheet: format that column as text",
    ]


def test_check_refuses_the_placeholder_of_the_example(tmp_path: Path) -> None:
    done = check(tmp_path, "", "change-me-to-a-long-random-text")
    assert done.exit_code == 1
    assert "crm.acme.click_token: is an example's placeholder" in done.stderr
    assert "change-me" not in done.stderr
