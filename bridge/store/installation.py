"""Whose Redis this is: an installation that finds another under its prefix refuses to start.

Two installations that share keys take each other's clicks and deliver each other's popups, signed by the wrong one.
Nothing in the settings alone tells them apart for ever (secrets are rotated, CRMs added, a public address moves), nor
does `data_dir` (each machine of an installation has its own, a container loses it). So both are evidence: processes
belong to one installation that have the same public address, or, where an address is this machine's alone, the same
file in `data_dir` or the same phone systems and CRMs. Each that starts leaves what it is in Redis for the next.
"""

import hashlib
import json
import secrets
import socket
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

from bridge.config.models import Settings
from bridge.core.errors import RedisUnfit
from bridge.core.json_codec import time_text
from bridge.core.reasons import reason
from bridge.store import keys
from bridge.store.client import TextRedis

FILE = "installation"
KEPT = 20
"""Processes' traces in Redis: containers leave a new one at each start."""
LOCAL = frozenset({"localhost", "::1", "0.0.0.0", "::"})  # noqa: S104

# KEYS: the traces. ARGV: what they were ('': none), what they are now
REPLACE = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2])
return 1
"""


@dataclass(frozen=True, slots=True)
class Trace:
    """What one process of an installation leaves. `file` is the text of the file in its data_dir, "" where it cannot
    have one; `address` the public one, "" where that is its own machine's; `accounts` a digest of its phone systems and
    CRMs, without secrets."""

    file: str
    address: str
    machine: str
    data_dir: str
    accounts: str
    at: str = ""

    def __str__(self) -> str:
        where = f"{self.address} " if self.address else ""
        return f"{where}(data_dir {self.data_dir} on {self.machine})"

    def is_of(self, other: "Trace") -> bool:
        """Whether both are of one installation.

        Two public addresses decide, unless it is one machine whose address has changed: a copy of a whole data_dir on
        another machine does not make a copied installation the same.
        """
        same_file = bool(self.file) and self.file == other.file
        if self.address and other.address:
            return self.address == other.address or (same_file and self.machine == other.machine)
        return same_file or self.accounts == other.accounts


def trace_of(settings: Settings) -> Trace:
    """This process's. Makes the file in `data_dir` where there is none."""
    return Trace(
        _file_in(settings.data_dir),
        _public(settings.server.public_url),
        socket.gethostname(),
        str(settings.data_dir),
        _accounts(settings),
    )


def _public(url: str) -> str:
    """Without the scheme, which changes when a proxy is put in front."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    is_local = host in LOCAL or host.startswith("127.") or host.endswith(".localhost")
    return "" if is_local else f"{parts.netloc}{parts.path}".rstrip("/").lower()


def _file_in(data_dir: Path) -> str:
    """The text of the file; "" where data_dir cannot be written, as on a web machine without a disk."""
    file = data_dir / FILE
    try:
        if not file.exists():
            data_dir.mkdir(parents=True, exist_ok=True)
            draft = data_dir / f"{FILE}.{secrets.token_hex(4)}"
            draft.write_text(secrets.token_hex(16))
            try:
                file.hardlink_to(draft)  # the first of several processes wins, and none reads half a file
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        return file.read_text(errors="replace").strip()[:64]
    except OSError:
        return ""


def _accounts(settings: Settings) -> str:
    """Secrets are left out, as they write themselves: even their hash could be guessed at by whoever reads Redis."""
    told = [{name: dict(one) for name, one in group.items()} for group in (settings.pbx, settings.crm)]
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()[:32]


def _read(text: str) -> list[Trace]:
    known = {one.name for one in fields(Trace)}
    try:
        return [Trace(**{key: str(value) for key, value in row.items() if key in known}) for row in json.loads(text)]
    except (ValueError, TypeError, AttributeError):
        return []  # by a later version, or by hand: as if nobody had been here


async def require(redis: TextRedis, settings: Settings) -> None:
    """Raises `RedisUnfit`, which names both, where this prefix is another installation's."""
    _require(trace_of(settings), _read(await redis.get(keys.INSTALLATION) or ""), settings.redis.prefix)


async def join(redis: TextRedis, settings: Settings, now: datetime) -> None:
    """As `require`, and leave this process's trace for the next."""
    mine = trace_of(settings)
    while True:
        text = await redis.get(keys.INSTALLATION) or ""
        before = _read(text)
        _require(mine, before, settings.redis.prefix)
        place = (mine.file, mine.machine, mine.data_dir)
        known = [one for one in before if (one.file, one.machine, one.data_dir) != place]
        after = [*known, replace(mine, at=time_text(now))][-KEPT:]
        told = json.dumps([asdict(one) for one in after], ensure_ascii=False)
        if await redis.eval(REPLACE, 1, keys.INSTALLATION, text, told):
            return


def _require(mine: Trace, before: list[Trace], prefix: str) -> None:
    if before and not any(mine.is_of(one) for one in before):
        both = reason("found-redis-in-use", prefix=prefix, other=str(before[-1]), this=str(mine))
        raise RedisUnfit([(both, reason("fix-redis-in-use", prefix=prefix))])
