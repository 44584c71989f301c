"""What agents read in Odoo, each text made safe for the place where it is shown; pure.

The message of a toast is HTML (measured: a script in it ran). A message in the chatter is text up to the version that
escapes it, and HTML before: it is written so that both read the same.
"""

import html

from bridge.core.delivery import CallEnd, CallOutcome, Note
from bridge.core.model import Call, Caller, Direction
from bridge.core.reasons import Reason, say

LONGEST = 200
PLAIN = str.maketrans({"<": "‹", ">": "›", "&": "＆"})
CALLS = {Direction.INCOMING: "odoo.incoming-call", Direction.OUTGOING: "odoo.outgoing-call"}
TITLES = {Direction.OUTGOING: "odoo.title-outgoing"}
OUTCOMES = {
    CallOutcome.ANSWERED: "odoo.answered",
    CallOutcome.MISSED: "odoo.missed",
    CallOutcome.ABANDONED: "odoo.abandoned",
}


def one_line(text: str) -> str:
    """A text of a caller's or an agent's, bounded."""
    visible = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(visible.split())[:LONGEST]


def plain(text: str) -> str:
    """One line that means the same as text and as HTML."""
    return one_line(text).translate(PLAIN)


def toast(call: Call, name: str, language: str) -> tuple[str, str]:
    """Title (text) and message (HTML): `Rivka Shalom calls`, `+972722776772 on Sales line`."""
    who = plain(name or call.caller.name) or number_of(call.caller, language)
    title = say(Reason(TITLES.get(call.direction, "odoo.title"), {"who": who}), language)
    return title, html.escape(_on_line(call, language))


def _on_line(call: Call, language: str) -> str:
    number = one_line(call.caller.e164 or call.caller.number) or say(Reason("odoo.withheld"), language)
    line = one_line(call.did_label or call.did)
    return say(Reason("odoo.on-line", {"number": number, "line": line}), language) if line else number


def number_of(caller: Caller, language: str) -> str:
    """The caller's number, or that there is none."""
    return plain(caller.e164 or caller.number) or say(Reason("odoo.withheld"), language)


def summary(call: Call, language: str) -> str:
    """Of an activity: `Call +972722776772`."""
    return say(Reason("odoo.summary", {"number": number_of(call.caller, language)}), language)


def activity_note(call: Call, popup_id: str, name: str, language: str) -> str:
    """What an activity says, as HTML, and by what it is found again."""
    title, message = toast(call, name, language)
    return f"<p>{html.escape(title)}<br/>{message}</p><p>{mark(call.ivrid)} popup={popup_id}</p>"


def history(call: CallEnd, language: str) -> str:
    """A call in the chatter: `Incoming call +972722776772 to Sales line, Dana Cohen, answered, 60 s (ivrid=…)`."""
    told = say(Reason(CALLS.get(call.direction, "odoo.call"), {"number": number_of(call.caller, language)}), language)
    line = say(Reason("odoo.to-line", {"line": plain(call.did)}), language) if call.did else ""
    outcome = say(Reason(OUTCOMES[call.outcome]), language) if call.outcome in OUTCOMES and call.ended_at else ""
    length = say(Reason("odoo.seconds", {"seconds": call.talk_seconds}), language) if call.talk_seconds else ""
    words = [f"{told} {line}".strip(), plain(call.agent.name), outcome, length]
    return f"{', '.join(filter(None, words))} ({mark(call.ivrid)})"


def note(told: Note, language: str) -> str:
    """An agent's note in the chatter."""
    text = " ".join(filter(None, (f"[{told.outcome}]" if told.outcome else "", told.text)))
    lines = "\n".join(" ".join(line.split()) for line in text.translate(PLAIN).splitlines())
    return f"{plain(told.agent.name)}: {lines} ({mark(told.ivrid)})"


def mark(ivrid: str) -> str:
    """By what a call is found again in what was written of it."""
    return f"ivrid={plain(ivrid).replace(' ', '')}"


def has_mark(body: str, ivrid: str) -> bool:
    """Whether it was written of this call, and not of one with a longer id."""
    _, found, after = body.partition(html.escape(mark(ivrid)))
    return bool(found) and after[:1] in ("", " ", ")", "<")
