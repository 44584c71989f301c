"""Node-RED in a folder of its own: installed by npm when it is first needed, from the lock beside this file."""

import shutil
import subprocess
import sys
from pathlib import Path

from tests.bench.peers.environments import PLACE

HERE, FOLDER = Path(__file__).parent, PLACE / "bench-node-red"
LOCK = "package-lock.json"
SECONDS = 300


def is_installed() -> bool:
    """Whether it can be run here; False, and a line that says why, when it cannot be installed."""
    made_of = FOLDER / "installed-from"
    if made_of.exists() and made_of.read_bytes() == (HERE / LOCK).read_bytes():
        return True
    if shutil.which("npm") is None:
        print("bench: Node-RED is left out: there is no npm; on Debian: apt-get install -y npm", file=sys.stderr)
        return False
    print("bench: installing Node-RED (half a minute, once)", file=sys.stderr)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for name in ("package.json", LOCK):
        shutil.copy(HERE / name, FOLDER)
    install = ["npm", "ci", "--ignore-scripts", "--omit=dev", "--no-audit", "--no-fund", "--loglevel=error"]
    try:
        subprocess.run(install, cwd=FOLDER, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS)
    except (subprocess.SubprocessError, OSError) as error:
        told = (getattr(error, "stderr", None) or b"").decode(errors="replace").strip().splitlines()
        print(f"bench: Node-RED is left out: it cannot be installed ({(told or [error])[0]})", file=sys.stderr)
        return False
    shutil.copy(HERE / LOCK, made_of)
    return True


def command(port: int, folder: Path) -> list[str]:
    """The process that runs the flow; what it writes goes into `folder`."""
    red = FOLDER / "node_modules" / "node-red" / "red.js"
    where = ["--port", str(port), "--userDir", str(folder), "--settings", str(HERE / "settings.js")]
    return ["node", str(red), *where, str(HERE / "flow.json")]
