"""Calls and notes as tickets: how they are found again, and their texts; pure.

What a caller controls is escaped for where it stands: comments are HTML, and Zendesk fills in placeholders
(`{{ticket.id}}`, `{% if %}`) wherever it shows text of an agent's, so braces are broken up in both.
"""

import hashlib
import html
import unicodedata
from collections.abc import Mapping
from urllib.parse import quote

from bridge.core.delivery import CallEnd, Note
from bridge.core.model import Direction

LONGEST_SUBJECT, LONGEST_NOTE = 150, 10_000
TAG = "popbridge_call"
DIRECTIONS = {Direction.INCOMING: "Incoming call", Direction.OUTGOING: "Outgoing call"}


def external_id(pbx: str, ivrid: str, crm_user: str) -> str:
    """By what the one ticket of a call and agent is found again: nothing of a person, and safe in an address."""
    together = "\0".join((pbx, ivrid, crm_user)).encode("utf-8", "surrogatepass")
    return f"popbridge-{hashlib.sha256(together).hexdigest()[:32]}"


def find(ticket_key: str) -> str:
    """The path that lists tickets with this external id. A list, not a search: it shows what was made just now."""
    return f"/api/v2/tickets.json?external_id={quote(ticket_key, safe='')}"


def plain(words: str, most: int = LONGEST_SUBJECT) -> str:
    """A text for a subject: on one line, bounded, without placeholders."""
    kept = (" " if unicodedata.category(one).startswith(("C", "Z")) else one for one in words[: most * 2])
    return " ".join("".join(kept).split())[:most].replace("{", "(").replace("}", ")")


def marked_up(words: str, most: int = LONGEST_NOTE) -> str:
    """A text for a comment's HTML: escaped, its lines kept, without placeholders."""
    kept = "".join(one for one in words[:most] if one == "\n" or unicodedata.category(one) not in ("Cc", "Cs"))
    escaped = html.escape(kept).replace("{", "&#123;").replace("}", "&#125;")
    return escaped.replace("\n", "<br>")


def subject(call: CallEnd) -> str:
    """`Incoming call: Rivka Shalom 052-234-0002`."""
    who = " ".join(part for part in (call.caller.name, call.caller.number) if part) or "withheld number"
    return plain(f"{DIRECTIONS.get(call.direction, 'Call')}: {who}")


def new_call(call: CallEnd, requester: str | None, agent: str | None, ticket_key: str) -> Mapping[str, object]:
    """The ticket of a call: asked for by the contact, assigned to the agent, solved, for nobody waits for an answer."""
    return _new(subject(call), _started(call), requester, agent, ticket_key)


def new_note(requester: str | None, agent: str | None, ticket_key: str) -> Mapping[str, object]:
    """The ticket of a call of which nothing but a note is kept. Its comment is the note's own, added afterwards."""
    return _new("Note on a call", "A note on a call:", requester, agent, ticket_key)


def _new(title: str, body: str, requester: str | None, agent: str | None, ticket_key: str) -> Mapping[str, object]:
    people = {"requester_id": requester, "assignee_id": agent}
    return {
        "ticket": {
            "subject": title,
            "comment": {"html_body": body, "public": False},
            "status": "solved",
            "external_id": ticket_key,
            "tags": [TAG],
            **{name: int(number) for name, number in people.items() if number and number.isdecimal()},
        }
    }


def ended(call: CallEnd, mark: str) -> Mapping[str, object]:
    """What is added when the call is over."""
    return {"ticket": {"subject": subject(call), "comment": _comment(_lines(call), mark)}}


def noted(note: Note, mark: str) -> Mapping[str, object]:
    """What a note adds."""
    outcome = f"{note.outcome}\n" if note.outcome else ""
    return {"ticket": {"comment": _comment(outcome + note.text, mark)}}


def _comment(words: str, mark: str) -> Mapping[str, object]:
    return {"html_body": f"{marked_up(words)}<br>{mark}", "public": False}


def _started(call: CallEnd) -> str:
    to = f"\nDialled: {call.did}" if call.did else ""
    return marked_up(f"{subject(call)}{to}\nCall id: {call.ivrid}")


def _lines(call: CallEnd) -> str:
    talked = f"\nTalked for {call.talk_seconds} s" if call.talk_seconds is not None else ""
    recorded = f"\nRecording: {call.recording.filename}" if call.recording else ""
    return f"{subject(call)}\nEnded: {call.outcome}{talked}{recorded}"
