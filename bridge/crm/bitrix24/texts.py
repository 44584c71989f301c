"""What agents read in Bitrix24: notices and comments, both in BBCode; pure.

A caller could write `[url=…]` into their name: the brackets of everything that we did not write are replaced by others
that look alike and mean nothing.
"""

from bridge.core.delivery import Note
from bridge.core.model import Call, Direction
from bridge.core.reasons import Reason, say

LONGEST, LONGEST_NOTE = 200, 10_000
BRACKETS = str.maketrans({"[": "［", "]": "］"})
TITLES = {Direction.INCOMING: "bitrix24.incoming-call", Direction.OUTGOING: "bitrix24.outgoing-call"}


def plain(text: str) -> str:
    """A text of a caller's or an agent's on one line, bounded, without BBCode."""
    visible = "".join(letter if letter.isprintable() else " " for letter in text[: LONGEST * 2])
    return " ".join(visible.split())[:LONGEST].translate(BRACKETS)


def notice(call: Call, name: str, url: str | None, language: str) -> str:
    """`[b]Incoming call: Rivka Shalom[/b][br]+972522340002, Sales line[br][url=…]Open the record[/url]`."""
    number = plain(call.caller.e164 or call.caller.number) or say(Reason("bitrix24.withheld"), language)
    who = plain(name or call.caller.name) or number
    title = say(Reason(TITLES.get(call.direction, "bitrix24.call"), {"who": who}), language)
    line = plain(call.did_label or call.did)
    told = [f"[b]{title}[/b]", f"{number}, {line}" if line else number]
    return "[br]".join([*told, f"[url={url}]{say(Reason('bitrix24.open'), language)}[/url]"] if url else told)


def note(told: Note, mark: str, language: str) -> str:
    """A comment: who noted what about which call, and by what it is found again."""
    lines = [" ".join(line.split()) for line in told.text[:LONGEST_NOTE].translate(BRACKETS).splitlines()]
    outcome = f"{plain(told.outcome)}\n" if told.outcome else ""
    title = say(Reason("bitrix24.note", {"who": plain(told.agent.name)}), language)
    return f"{title}\n{outcome}{chr(10).join(lines)}\n({mark})"
