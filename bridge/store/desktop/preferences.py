"""How each agent wants the desktop page."""

from dataclasses import dataclass

from bridge.core.json_codec import from_json, json_text
from bridge.core.model import Pop
from bridge.store import keys
from bridge.store.client import TextRedis
from bridge.store.desktop import stream


@dataclass(frozen=True, slots=True)
class Preferences:
    """One agent's preferences. `customdata` are the keys to show (None: all), `language` None is the browser's;
    with `open_record` the page opens the caller's record by itself. `pop` is what makes a popup, None as the directory
    says; it counts only where `[desktop] agents_choose_pop` lets agents choose."""

    language: str | None = None
    sound: bool = False
    alerts: bool = False
    theme: str = "auto"
    customdata: tuple[str, ...] | None = None
    open_record: bool = False
    pop: Pop | None = None


async def load(redis: TextRedis, agent: keys.Person) -> Preferences:
    """The agent's preferences, or the defaults."""
    text = await redis.get(keys.preferences(agent))
    return from_json(Preferences, text) if text else Preferences()


async def save(redis: TextRedis, agent: keys.Person, preferences: Preferences) -> None:
    """Keep them, and send them to the agent's pages."""
    await redis.set(keys.preferences(agent), json_text(preferences))
    await stream.publish(redis, stream.PREFERENCES, preferences, keys.desktop(agent))
