"""What phone systems tell, as it is kept between the web door and the listener; and how it changes a picture. Pure."""

from collections.abc import Mapping
from datetime import datetime

from bridge.calls.pictures import Lines, live
from bridge.core.json_codec import from_json, json_text
from bridge.pbx.contract import AskAgain, Change, Listing, Picture, Told

KINDS: Mapping[str, type[Picture | Change | AskAgain]] = {"picture": Picture, "change": Change, "ask": AskAgain}


def written(told: Told) -> dict[str, str]:
    """An event as fields."""
    kind = next(name for name, it in KINDS.items() if isinstance(told, it))
    return {"kind": kind, "told": json_text(told)}


def read(fields: Mapping[str, str]) -> Told:
    """The event in these fields; what another version wrote is asked for anew."""
    try:
        return from_json(KINDS[fields["kind"]], fields["told"])
    except (KeyError, ValueError):
        return AskAgain()


class Known:
    """The picture as the listener knows it, and when each extension's part was true."""

    def __init__(self, lines: Lines) -> None:
        self.lines: Lines = lines
        self.people: Mapping[str, str | None] = {}
        """Who is logged in to which extension, by name, as far as the phone system says."""
        self.names: frozenset[str] | None = None
        """The extensions that its last whole listing named."""
        self._at: dict[str, datetime] = {}

    def takes(self, told: Picture | Change) -> bool:
        """Take it in; False for a change that is older than what is known: only a new question can tell."""
        if isinstance(told, Picture):
            self.show(told.listing)
            self._at = {}
            return True
        before = self._at.get(told.extension)
        if told.at is not None and before is not None and told.at < before:
            return False
        if told.at is not None:
            self._at[told.extension] = told.at
        self.lines = live({**self.lines, told.extension: told.calls})
        return True

    def show(self, listing: Listing) -> None:
        """The whole account as it was answered; extensions whose calls could not be read stay as they were."""
        unread = {name: self.lines[name] for name in listing.unreadable if name in self.lines}
        self.lines = live({**listing.extensions, **unread})
        self.people, self.names = listing.logged_in, frozenset(listing.extensions)
