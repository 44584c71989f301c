"""The wheel and the sdist hold all that runs, and `popbridge` works from there, far from any checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import bridge

ROOT = Path(__file__).parents[2]
WHEEL = f"popbridge-{bridge.__version__}-py3-none-any.whl"
PROBE = """
import bridge, workers, json
from pathlib import Path
from bridge.web.click_pages import open_pages
from bridge.core.reasons import languages as known
from bridge.web.languages import STATIC
open_pages().get_template("answer.html")
languages = sorted(known())
print(json.dumps({"home": str(Path(bridge.__file__).parent), "languages": languages}))
"""


def run(*command: object, cwd: Path) -> str:
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # or it is not the installed
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-d", folder, cwd=ROOT)
    return folder


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a fresh environment's commands. Its dependencies are those of this one, which needs no network."""
    home = tmp_path_factory.mktemp("fresh")
    venv.create(home, with_pip=False, symlinks=True)
    install = ["install", "--quiet", "--no-deps", "--no-index", "--disable-pip-version-check", built / WHEEL]
    run(sys.executable, "-m", "pip", "--python", home / "bin" / "python", *install, cwd=home)
    (packages,) = home.glob("lib/python3*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home / "bin"


def names_in(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def test_the_wheel_holds_every_file_of_the_program_and_nothing_else(built: Path) -> None:
    files = [file for top in ("bridge", "workers") for file in (ROOT / top).rglob("*") if file.is_file()]
    wanted = {str(file.relative_to(ROOT)) for file in files if "__pycache__" not in file.parts}
    assert {name for name in names_in(built / WHEEL) if ".dist-info/" not in name} == wanted


def test_the_sdist_makes_the_same_wheel(built: Path, tmp_path: Path) -> None:
    with tarfile.open(built / f"popbridge-{bridge.__version__}.tar.gz") as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    for name in ("LICENSE", "CHANGELOG.md", "README.md", "dev", "deploy/popbridge.example.toml"):
        assert (source / name).is_file(), name
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path, cwd=source)
    assert names_in(tmp_path / WHEEL) == names_in(built / WHEEL)


def test_the_command_knows_its_version(installed: Path, tmp_path: Path) -> None:
    assert run(installed / "popbridge", "--version", cwd=tmp_path).split()[-1] == bridge.__version__


def test_pages_languages_and_jobs_are_there(installed: Path, tmp_path: Path) -> None:
    told = json.loads(run(installed / "python", "-c", PROBE, cwd=tmp_path))
    assert told["home"].startswith(str(installed.parent)), "it is the installed one that runs"
    assert {"en", "he"} <= set(told["languages"])
    run(installed / "python", "-m", "workers", "--help", cwd=tmp_path)


def test_settings_are_checked_and_the_archive_is_made(installed: Path, tmp_path: Path) -> None:
    example = (ROOT / "deploy" / "popbridge.example.toml").read_text(encoding="utf-8")
    filled = example.replace("XXXXXXXXXXXXX", "INVENTED77").replace("change-me-to-", "as-long-as-")
    (tmp_path / "popbridge.toml").write_text(filled, encoding="utf-8")
    (tmp_path / "agents.csv").write_text("crm,crm_user,pbx,extension,name\n", encoding="utf-8")
    assert "agents: OK" in run(installed / "popbridge", "check", cwd=tmp_path)
    listed = run(installed / "popbridge", "audit", "list", "--json", cwd=tmp_path)
    assert json.loads(listed)["items"] == []
    assert (tmp_path / "var" / "audit.db").is_file()


def test_the_version_stands_in_one_place() -> None:
    files = [
        ROOT / "pyproject.toml",
        ROOT / "README.md",
        *(ROOT / "bridge").rglob("*.py"),
        *(ROOT / "deploy").rglob("*"),
    ]
    named = [file for file in files if file.is_file() and bridge.__version__ in file.read_text(encoding="utf-8")]
    assert [str(file.relative_to(ROOT)) for file in named] == ["bridge/__init__.py"]
