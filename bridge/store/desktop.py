"""The popups on their way to agents' desktop pages: one bounded stream per agent, so that a page can catch up."""

from datetime import datetime

from bridge.domain import Popup
from bridge.shapes import json_text
from bridge.store import keys
from bridge.store.connection import Entry, TextRedis

BLOCK_MS = 1000
"""How long one read waits: below the client's answer limit, and short enough to notice that the page has gone."""

PUSH = """
local popup = {'delivery_id', ARGV[2], 'expires_at', ARGV[3], 'popup', ARGV[4]}
redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', unpack(popup))
return redis.call('EXPIRE', KEYS[1], ARGV[5])
"""


async def push(redis: TextRedis, delivery_id: str, popup: Popup, expires_at: datetime) -> None:
    """Hand a popup to the agent's pages, open now or opened before `expires_at`."""
    await redis.eval(
        PUSH,
        1,
        keys.desktop(popup.agent),
        keys.DESKTOP_LENGTH,
        delivery_id,
        expires_at.isoformat(),
        json_text(popup),
        keys.DESKTOP_SECONDS,
    )


async def read(redis: TextRedis, agent: keys.Person, after: str) -> list[Entry]:
    """The entries after id `after` (`0-0`: from the oldest kept); waits up to `BLOCK_MS` for the first one."""
    found = await redis.xread({keys.desktop(agent): after}, count=50, block=BLOCK_MS)
    return [entry for _, entries in found or () for entry in entries]
