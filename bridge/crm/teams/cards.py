"""What a card says; pure.

Whatever a caller, an agent or a CRM controls stands in a TextRun, which Teams shows as it is; a TextBlock would be read
as Markdown. Sources: learn.microsoft.com, "Format cards in Teams"; adaptivecards.io, TextRun.
"""

from collections.abc import Iterator

from bridge.core.model import (
    AnsweredElsewhere,
    CallEnd,
    Caller,
    Contact,
    ContactStatus,
    DeliveryEvent,
    Direction,
    Note,
    Popup,
)
from bridge.core.reasons import Reason, reason, say
from bridge.core.text import one_line, received
from bridge.crm.contract import Recipient

SCHEMA, VERSION = "http://adaptivecards.io/schemas/adaptive-card.json", "1.4"
LONGEST, LONGEST_NOTE, LONGEST_URL = 200, 2000, 2000
MOST_LINES, MOST_NAMES = 12, 3
WORDS = {Direction.INCOMING: "teams.incoming", Direction.OUTGOING: "teams.outgoing"}


def of(event: DeliveryEvent, recipient: Recipient, language: str) -> dict[str, object]:
    """The card of this event. The id of its first element tells which popup it is."""
    data = event.data
    if isinstance(data, Popup):
        return _of_popup(data, recipient, language)
    return _card(event.delivery_id, _line(data, language), [], [])


def _card(name: str, head: str, lines: list[str], actions: list[dict[str, object]]) -> dict[str, object]:
    title = _text(head, size="Large", weight="Bolder")
    body = [{**title, "id": f"popbridge-{name}"}, *(_text(line) for line in lines)]
    more = {"actions": actions} if actions else {}
    return {
        "$schema": SCHEMA,
        "type": "AdaptiveCard",
        "version": VERSION,
        "fallbackText": "popbridge",
        "body": body,
        **more,
    }


def _text(text: str, **look: str) -> dict[str, object]:
    return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text or "-", **look}]}


def _line(data: Note | AnsweredElsewhere | CallEnd | None, language: str) -> str:
    match data:
        case Note():
            words = reason(
                "teams.note", agent=data.agent.name or data.agent.crm_user, text=received(data.text, LONGEST_NOTE)
            )
            return say(words, language) + (f" ({one_line(data.outcome, LONGEST)})" if data.outcome else "")
        case AnsweredElsewhere():
            code = "teams.answered-by" if data.answered_by else "teams.answered-elsewhere"
            return say(reason(code, who=one_line(data.answered_by, LONGEST)), language)
        case CallEnd():
            seconds = data.talk_seconds or 0
            who = _who(data.caller, None, language)
            spent = f"{seconds // 60}:{seconds % 60:02}"
            return say(reason("teams.ended", who=who, outcome=Reason(f"teams.{data.outcome}"), minutes=spent), language)
    return say(Reason("teams.test"), language)


def _of_popup(popup: Popup, recipient: Recipient, language: str) -> dict[str, object]:
    who = _who(popup.call.caller, popup.contact, language)
    head = say(Reason(WORDS.get(popup.call.direction, "teams.call"), {"who": who}), language)
    lines = [*_of_call(popup, recipient, language), *_of_contact(popup.contact, language)][:MOST_LINES]
    return _card(popup.popup_id, head, lines, _actions(popup.contact, language))


def _who(caller: Caller, contact: Contact | None, language: str) -> str:
    """Names and number; several that may be it are all named."""
    names = [one_line(one.name, LONGEST // 2) for one in contact.records[:MOST_NAMES]] if contact else []
    known = " / ".join(name for name in names if name) or one_line(caller.name, LONGEST // 2)
    parts = (known, one_line(caller.number, LONGEST // 4))
    return ", ".join(part for part in parts if part) or say(Reason("teams.withheld"), language)


def _of_call(popup: Popup, recipient: Recipient, language: str) -> Iterator[str]:
    yield say(reason("teams.for", agent=one_line(recipient.name or recipient.crm_user, LONGEST)), language)
    dialled = popup.call.did_label or popup.call.did
    if dialled:
        yield say(reason("teams.dialled", line=one_line(dialled, LONGEST)), language)


def _of_contact(contact: Contact | None, language: str) -> Iterator[str]:
    """What is known of who is calling when the card is sent; it cannot be added later."""
    if contact is None or contact.status in (ContactStatus.UNASKED, ContactStatus.UNKNOWN):
        return
    if contact.status is not ContactStatus.ONE:
        yield say(Reason(f"teams.contact-{contact.status}"), language)
        return
    only = contact.records[0]
    for label, value in (("teams.company", only.company), ("teams.owner", only.owner)):
        if value:
            yield say(reason(label, name=one_line(value, LONGEST)), language)
    for name, value in only.details.items():
        yield f"{one_line(name, LONGEST // 4)}: {one_line(value, LONGEST)}"


def _actions(contact: Contact | None, language: str) -> list[dict[str, object]]:
    """The link to the one record, or to a new one; none where it is no web address."""
    if contact is None:
        return []
    only = contact.records[0].url if contact.status is ContactStatus.ONE else None
    url = only if contact.records else contact.create_url
    if url is None or not url.startswith(("https://", "http://")) or len(url) > LONGEST_URL:
        return []
    code = "teams.open" if contact.records else "teams.create"
    return [{"type": "Action.OpenUrl", "title": say(Reason(code), language), "url": url}]
