"""An identity provider for tests: a certified one (npm's oidc-provider) in a process of its own.

Debian's package `dex` is another program of that name, so the provider comes by npm, as the browser code's linter does.
"""

import asyncio
import fcntl
import json
import shutil
import socket
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from bridge.store.embedded_server import dies_with_parent
from tests.stage import DANA

FOLDER = Path(__file__).parent / "oidc_provider"
CLIENT, SECRET = "popbridge", "secret-of-popbridge-at-the-provider"
PEOPLE: dict[str, dict[str, Any]] = {
    "dana": {"email": DANA.upper(), "email_verified": True, "name": "Dana Cohen", "groups": ["everybody"]},
    "lea": {"email": "lea@acme.example", "email_verified": True, "name": "Lea", "groups": ["leads", "everybody"]},
    "root": {"email": "root@acme.example", "email_verified": True, "groups": ["it"]},
    "guest": {"email": "guest@acme.example", "email_verified": True, "name": "<b>Guest</b>", "groups": []},
    "forger": {"email": DANA, "email_verified": False, "groups": []},
}


def free_port() -> int:
    """A port that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def new_key(kid: str) -> tuple[rsa.RSAPrivateKey, dict[str, Any]]:
    """A key of a provider's, as itself and as private JWK."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key))
    del private["key_ops"]  # the provider checks what it has signed, too
    return key, {**private, "kid": kid, "use": "sig", "alg": "RS256"}


def install() -> None:
    """What the provider is made of, once for all test processes. Skips the test where that cannot be had."""
    if shutil.which("npm") is None:
        pytest.skip("npm, which brings the identity provider, is not installed")
    with (FOLDER / ".npmrc").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        done = FOLDER / "node_modules" / "installed-from"
        wanted = (FOLDER / "package-lock.json").read_text(encoding="utf-8")
        if done.is_file() and done.read_text(encoding="utf-8") == wanted:
            return
        command = ["npm", "ci", "--ignore-scripts", "--omit=dev", "--fetch-retries=1", "--fetch-timeout=30000"]
        made = subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)
        if made.returncode != 0:
            pytest.skip("npm could not install the identity provider")
        done.write_text(wanted, encoding="utf-8")


@dataclass
class Identity:
    """A provider that runs."""

    issuer: str
    process: asyncio.subprocess.Process

    async def tell(self, **told: Any) -> str:
        """What it answers."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(told).encode() + b"\n")
        await self.process.stdin.drain()
        return (await self.process.stdout.readline()).decode().strip()

    async def change(self, **people: dict[str, Any]) -> None:
        """From now on these people are so."""
        assert await self.tell(people={**PEOPLE, **people}) == "changed"

    async def stop(self) -> None:
        """It is down."""
        if self.process.returncode is None:
            self.process.terminate()
        await self.process.wait()


@asynccontextmanager
async def running(bridge: str, key: dict[str, Any], port: int = 0, refresh: bool = True) -> AsyncIterator[Identity]:
    """A provider whose client is the bridge at that public address."""
    install()
    process = await asyncio.create_subprocess_exec(
        "node", "server.js", cwd=FOLDER, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL, preexec_fn=dies_with_parent(),
    )  # fmt: skip
    client = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [f"{bridge}/signin/callback"],
        "post_logout_redirect_uris": [f"{bridge}/"],
    }
    found = Identity("", process)
    try:
        keys = {"keys": [key]}
        told = await found.tell(people=PEOPLE, client=client, jwks=keys, port=port, logout=True, refresh=refresh)
        found.issuer = f"http://127.0.0.1:{told}"
        yield found
    finally:
        await found.stop()


def settings_for(issuer: str, more: str = "") -> str:
    """The sections of the settings that lead to it."""
    return f"""
[signin.oidc]
issuer = "{issuer}"
client_id = "{CLIENT}"
client_secret = "{SECRET}"
name = "Acme"
scopes = ["profile", "email", "offline_access"]
{more}
[signin.oidc.groups.leads]
role = "supervisor"
crms = ["acme"]
[signin.oidc.groups.it]
role = "admin"
"""
