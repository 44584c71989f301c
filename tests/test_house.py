"""The files around the code keep their word: lock files, ./dev, .ci/run, the version."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

import bridge
from tests import coverage_summary, selection

ROOT = Path(__file__).parent.parent
LOCK_FILES = sorted(ROOT.glob("requirements*.lock"))
SCRIPTS = ("dev", ".ci/run")
VERBS = ("demo", "test", "lint", "new-pbx", "new-crm", "bench", "faults", "lock", "docs", "run", "shell", "clean")
FOREIGN = ("://", "--index-url", "--extra-index-url", "--find-links", "--trusted-host", " @ ", "-e ")
each_lock_file = pytest.mark.parametrize("lock_file", LOCK_FILES, ids=lambda path: path.name)
each_script = pytest.mark.parametrize("script", SCRIPTS)


def normal_name(requirement: str) -> str:
    """The name alone, written as the package index writes it."""
    name = re.match(r"[A-Za-z0-9._-]+", requirement)
    assert name, requirement
    return re.sub(r"[-_.]+", "-", name[0]).lower()


def entries(lock_file: Path) -> list[str]:
    """One string per requirement, its hashes included, comments left out."""
    lines = [line for line in lock_file.read_text().splitlines() if not line.lstrip().startswith("#")]
    return "\n".join(lines).replace("\\\n", "").splitlines()


def pins(lock_file: Path) -> dict[str, str]:
    return {normal_name(entry): entry.split(" --hash=")[0] for entry in entries(lock_file)}


def dev(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["./dev", *arguments], cwd=ROOT, capture_output=True, text=True, check=False)


def test_there_is_a_lock_file_for_each_use() -> None:
    uses = ["-build", "-lint", "-postgres", "-test", "-traces", ""]
    assert [path.name for path in LOCK_FILES] == [f"requirements{use}.lock" for use in uses]


@each_lock_file
def test_lock_file_names_no_place(lock_file: Path) -> None:
    text = lock_file.read_text()
    assert [word for word in FOREIGN if word in text] == []
    assert re.findall(r"(?m)(?:^|\s)(?:\.{0,2}|~)/\S+", text) == []


@each_lock_file
def test_lock_file_pins_and_hashes_each_package(lock_file: Path) -> None:
    pinned = re.compile(r"[a-z0-9-]+(\[[a-z0-9,-]+\])?==\S+( ; [^\\]+?)?( +--hash=sha256:[0-9a-f]{64})+")
    assert entries(lock_file)
    assert [entry for entry in entries(lock_file) if not pinned.fullmatch(re.sub(r"\s+", " ", entry).strip())] == []


@each_lock_file
def test_lock_files_agree(lock_file: Path) -> None:
    runtime = pins(ROOT / "requirements.lock")
    shared = {name: pin for name, pin in pins(lock_file).items() if name in runtime}
    version = re.compile(r"==(\S+)")
    assert {name: version.findall(pin) for name, pin in shared.items()} == {
        name: version.findall(runtime[name]) for name in shared
    }


def test_each_dependency_is_locked() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {"requirements.lock": project["project"]["dependencies"]}
    wanted |= {f"requirements-{group}.lock": named for group, named in project["dependency-groups"].items()}
    missing = {
        (lock_file, requirement)
        for lock_file, requirements in wanted.items()
        for requirement in requirements
        if normal_name(requirement) not in pins(ROOT / lock_file)
    }
    assert missing == set()


@each_script
def test_script_can_be_run(script: str) -> None:
    assert os.access(ROOT / script, os.X_OK)
    assert subprocess.run(["sh", "-n", script], cwd=ROOT, check=False).returncode == 0


def test_dev_alone_lists_its_verbs() -> None:
    answer = dev()
    assert answer.returncode == 0
    listed = re.findall(r"(?m)^  ([a-z-]+) ", answer.stdout)
    assert sorted(listed) == sorted(VERBS)


def test_dev_refuses_an_unknown_verb() -> None:
    answer = dev("dance")
    assert (answer.returncode, answer.stdout) == (2, "")
    assert "no such verb: dance" in answer.stderr


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout in which everything is installed; its Python prints what it is asked to run."""
    checkout = tmp_path / "a check out"
    state = checkout / ".venv" / "dev"
    state.mkdir(parents=True)
    shutil.copy(ROOT / "dev", checkout)
    for name in ("pyproject.toml", "requirements.lock", "requirements-build.lock", "requirements-test.lock"):
        shutil.copy(ROOT / name, checkout)
        shutil.copy(ROOT / name, state)
    (state / "made").write_text(f"{checkout.resolve()}\npython3\n")
    python = state.parent / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "python $*"\n')
    python.chmod(0o755)
    return checkout


def dev_in(checkout: Path, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """./dev, called from the folder above."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHON"} | environ
    command = [str(checkout / "dev"), *arguments]
    return subprocess.run(
        command,
        cwd=checkout.parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def test_dev_sets_nothing_up_twice(checkout: Path) -> None:
    """Where everything is installed, a command starts at once, from any folder, in that folder."""
    answer = dev_in(checkout, "run", "sh", "-c", "pwd -P; command -v python")
    assert answer.stderr == ""
    assert answer.stdout.splitlines() == [
        str(checkout.parent.resolve()),
        f"{checkout.resolve()}/.venv/bin/python",
    ]


@pytest.fixture
def bare_path(tmp_path: Path) -> str:
    """A PATH with what the script itself needs, and none of the tools that some tests need."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("sh", "dirname", "cmp", "ls", "id", "grep"):
        (folder / name).symlink_to(str(shutil.which(name)))
    return str(folder)


def test_dev_test_says_what_is_skipped_and_how_to_install_it(checkout: Path, bare_path: str) -> None:
    answer = dev_in(checkout, "test", "tests/unit", PATH=bare_path)
    (line,) = answer.stderr.splitlines()
    assert "chromium" in line
    assert line.endswith("./dev test --install")
    assert answer.stdout == "python -m pytest -n 2 tests/unit\n"


def test_the_fast_tests_need_nothing_installed(checkout: Path, bare_path: str) -> None:
    answer = dev_in(checkout, "test", "--fast", PATH=bare_path)
    assert (answer.stdout, answer.stderr) == ("python -m pytest -n 2 --fast\n", "")


def test_each_mark_is_of_something_that_is_there() -> None:
    for entry, mark in selection.TABLE.items():
        file, *names = entry.split("::")
        assert mark in {*selection.MARKS, selection.FAST}
        assert (ROOT / file).exists(), entry
        for name in names:
            assert re.search(rf"(?m)^(?:async )?(?:def|class) {name}\b|^{name} = ", (ROOT / file).read_text()), entry


@pytest.mark.parametrize(
    ("node", "mark"),
    [
        ("tests/unit/test_settings.py::test_it", "fast"),
        ("tests/web/test_api.py::test_it[one]", "slow"),
        ("tests/audit/test_query.py::test_it[one]", "fast"),
        ("tests/unit/test_fuzz.py", "fuzz"),
        ("tests/unit/test_fuzz_more.py", "fast"),
        ("tests/browser/test_popup.py::test_it", "browser"),
    ],
)
def test_the_longest_entry_counts(node: str, mark: str) -> None:
    assert selection.mark_of(node) == mark


def test_the_coverage_summary_is_short() -> None:
    files = {f"file{number}.py": {"summary": {"percent_covered": 5.0 * number}} for number in range(15)}
    lines = coverage_summary.summary({"files": files, "totals": {"percent_covered": 35.0, "num_statements": 300}})
    assert lines[0] == "coverage: 35 % of 300 statements in 15 files; least:"
    assert lines[1:3] == ["    0 %  file0.py", "    5 %  file1.py"]
    assert len(lines) == 11


def test_the_checks_end_with_all_tests() -> None:
    commands = re.findall(r"(?m)^\./dev .*$", (ROOT / ".ci" / "run").read_text())
    assert commands[-1] == "./dev test --install"


def test_version_is_the_newest_in_the_changelog() -> None:
    headings = re.findall(r"(?m)^## \[?v?(\d+\.\d+\S*?)\]?(?:\s|$)", (ROOT / "CHANGELOG.md").read_text())
    assert headings[:1] == [bridge.__version__]
