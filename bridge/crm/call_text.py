"""A call in lines of plain text, for makes whose popups are messages; pure.

A line is not escaped: callers, agents and CRMs control what stands in it, so a make shows it as plain text.
"""

from collections.abc import Iterator

from bridge.core.contact import Contact, ContactStatus
from bridge.core.delivery import AnsweredElsewhere, CallEnd, Note
from bridge.core.model import Caller, Direction, Popup
from bridge.core.reasons import Reason, reason, say
from bridge.core.text import one_line, received
from bridge.crm.contract import Recipient

LONGEST, LONGEST_NAME, LONGEST_NOTE, LONGEST_URL, MOST_NAMES = 200, 50, 2000, 2000, 3
HEADS = {Direction.INCOMING: "message.incoming", Direction.OUTGOING: "message.outgoing"}


def head(popup: Popup, language: str) -> str:
    """The direction, and who is on the call."""
    who = _who(popup.call.caller, popup.contact, language)
    return say(Reason(HEADS.get(popup.call.direction, "message.call"), {"who": who}), language)


def _who(caller: Caller, contact: Contact | None, language: str) -> str:
    """Names and number; several that may be it are all named."""
    names = [one_line(one.name, LONGEST_NAME) for one in contact.records[:MOST_NAMES]] if contact else []
    known = " / ".join(name for name in names if name) or one_line(caller.name, LONGEST // 2)
    parts = (known, one_line(caller.number, LONGEST_NAME))
    return ", ".join(part for part in parts if part) or say(Reason("message.withheld"), language)


def lines(popup: Popup, recipient: Recipient, language: str, is_completed: bool) -> Iterator[str]:
    """What stands below the head. `is_completed`: the message is changed once the contact is known."""
    agent = one_line(recipient.name or recipient.crm_user, LONGEST // 2)
    yield say(reason("message.for", agent=agent), language)
    dialled = popup.call.did_label or popup.call.did
    if dialled:
        yield say(reason("message.dialled", line=one_line(dialled, LONGEST // 2)), language)
    if popup.contact is not None:
        yield from _of_contact(popup.contact, language, is_completed)


def _of_contact(contact: Contact, language: str, is_completed: bool) -> Iterator[str]:
    match contact.status:
        case ContactStatus.UNASKED:
            return
        case ContactStatus.UNKNOWN if contact.ms is None:
            if is_completed:
                yield say(Reason("message.contact-asked"), language)
        case ContactStatus.ONE:
            yield from _of_record(contact, language)
        case _:
            yield say(Reason(f"message.contact-{contact.status}"), language)


def _of_record(contact: Contact, language: str) -> Iterator[str]:
    only = contact.records[0]
    for label, value in (("message.company", only.company), ("message.owner", only.owner)):
        if value:
            yield say(reason(label, name=one_line(value, LONGEST // 2)), language)
    for name, value in only.details.items():
        yield f"{one_line(name, LONGEST_NAME)}: {one_line(value, LONGEST // 2)}"


def line(data: Note | AnsweredElsewhere | CallEnd | None, language: str) -> str:
    """What comes after the popup, or a test message where there is nothing to say."""
    match data:
        case Note():
            agent = data.agent.name or data.agent.crm_user
            words = reason("message.note", agent=agent, text=received(data.text, LONGEST_NOTE))
            return say(words, language) + (f" ({one_line(data.outcome, LONGEST)})" if data.outcome else "")
        case AnsweredElsewhere():
            code = "message.answered-by" if data.answered_by else "message.answered-elsewhere"
            return say(reason(code, who=one_line(data.answered_by, LONGEST)), language)
        case CallEnd():
            return say(_end(data, language), language)
    return say(Reason("message.test"), language)


def _end(end: CallEnd, language: str) -> Reason:
    seconds = end.talk_seconds or 0
    return reason(
        "message.ended",
        who=_who(end.caller, None, language),
        outcome=Reason(f"message.{end.outcome}"),
        minutes=f"{seconds // 60}:{seconds % 60:02}",
    )


def link(contact: Contact | None, language: str) -> tuple[str, str] | None:
    """The address of the one record, or of a new one, and its words; None for what is no web address."""
    if contact is None:
        return None
    only = contact.records[0].url if contact.status is ContactStatus.ONE else None
    url = only if contact.records else contact.create_url
    if url is None or not url.startswith(("https://", "http://")) or len(url) > LONGEST_URL:
        return None
    return url, say(Reason("message.open" if contact.records else "message.create"), language)
