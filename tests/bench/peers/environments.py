"""Peers that cannot live beside popbridge's own packages have an environment each, made when it is first needed."""

import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
PLACE = HERE.parents[2] / ".venv"
SECONDS = 300


def python_of(peer: str) -> str | None:
    """The interpreter of this peer's environment; None, and a line that says so, when it cannot be made."""
    lock, folder = HERE / f"{peer}.lock", PLACE / f"bench-{peer}"
    python, made_of = folder / "bin" / "python", folder / lock.name
    if made_of.exists() and made_of.read_bytes() == lock.read_bytes():
        return str(python)
    print(f"bench: installing {peer} (a minute, once)", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    try:
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", "--no-input", "--require-hashes", "-r", str(lock))
    except (subprocess.SubprocessError, OSError) as error:
        print(f"bench: {peer} is left out: it cannot be installed ({_cause(error)})", file=sys.stderr)
        return None
    shutil.copy(lock, made_of)
    return str(python)


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)


def _cause(error: Exception) -> str:
    told = getattr(error, "stderr", None) or b""
    lines = [line for line in told.decode(errors="replace").splitlines() if line.startswith("ERROR")]
    return lines[-1].removeprefix("ERROR: ")[:200] if lines else type(error).__name__
