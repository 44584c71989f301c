"""What a message says; pure.

Whatever a caller or a CRM controls stands in plain_text blocks, where Slack reads no markup. The one text that Slack
does parse (`text`, which notifications show) and the one link have `&`, `<` and `>` escaped, without which there are
neither links nor mentions. Source: docs.slack.dev, "Formatting message text".
"""

from collections.abc import Iterator
from urllib.parse import quote

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

LONGEST_HEADER, LONGEST_FIELD, LONGEST_NOTE, LONGEST_URL = 150, 200, 2000, 2000
MOST_FIELDS, MOST_NAMES = 10, 3
WORDS = {Direction.INCOMING: "slack.incoming", Direction.OUTGOING: "slack.outgoing"}
SAFE = "%:/?#[]@!$'()*+,;=~-._&"
"""What stays as it is in an address; `|`, `<` and `>` would end it for Slack."""


def of(event: DeliveryEvent, recipient: Recipient, language: str, changes: bool = True) -> dict[str, object]:
    """`text` and `blocks` of a message about this event; `changes`: it can be changed once more is known."""
    data = event.data
    if isinstance(data, Popup):
        return _of_popup(data, recipient, language, changes)
    return _message(_line(data, language), [])


def _line(data: Note | AnsweredElsewhere | CallEnd | None, language: str) -> str:
    match data:
        case Note():
            words = reason(
                "slack.note", agent=data.agent.name or data.agent.crm_user, text=received(data.text, LONGEST_NOTE)
            )
            return say(words, language) + (f" ({one_line(data.outcome, LONGEST_FIELD)})" if data.outcome else "")
        case AnsweredElsewhere():
            code = "slack.answered-by" if data.answered_by else "slack.answered-elsewhere"
            return say(reason(code, who=one_line(data.answered_by, LONGEST_FIELD)), language)
        case CallEnd():
            seconds = data.talk_seconds or 0
            words = reason(
                "slack.ended", outcome=Reason(f"slack.{data.outcome}"), minutes=f"{seconds // 60}:{seconds % 60:02}"
            )
            return say(words, language)
    return say(Reason("slack.test"), language)


def _of_popup(popup: Popup, recipient: Recipient, language: str, changes: bool) -> dict[str, object]:
    who = _who(popup.call.caller, popup.contact, language)
    head = say(Reason(WORDS.get(popup.call.direction, "slack.call"), {"who": who}), language)
    blocks: list[dict[str, object]] = [{"type": "header", "text": _plain(head, LONGEST_HEADER)}]
    lines = (*_of_call(popup, recipient, language), *_of_contact(popup.contact, language, changes))
    fields = [_plain(line, LONGEST_FIELD) for line in lines][:MOST_FIELDS]
    blocks.append({"type": "section", "fields": fields})
    link = _link(popup.contact)
    if link is not None:
        words = escaped(
            say(Reason("slack.open" if popup.contact and popup.contact.records else "slack.create"), language)
        )
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{link}|{words}>", "verbatim": True}})
    return _message(head, blocks)


def _message(text: str, blocks: list[dict[str, object]]) -> dict[str, object]:
    shown = blocks or [{"type": "section", "text": _plain(text, LONGEST_NOTE + LONGEST_FIELD)}]
    return {"text": escaped(text), "blocks": shown}


def _plain(text: str, most: int) -> dict[str, object]:
    return {"type": "plain_text", "text": text[:most] or "-", "emoji": False}


def _who(caller: Caller, contact: Contact | None, language: str) -> str:
    """Names and number; several that may be it are all named."""
    names = [one_line(one.name, LONGEST_FIELD // 4) for one in contact.records[:MOST_NAMES]] if contact else []
    known = " / ".join(name for name in names if name) or one_line(caller.name, LONGEST_FIELD // 2)
    parts = (known, one_line(caller.number, LONGEST_FIELD // 4))
    return ", ".join(part for part in parts if part) or say(Reason("slack.withheld"), language)


def _of_call(popup: Popup, recipient: Recipient, language: str) -> Iterator[str]:
    """What stands below the head of the call, line for line."""
    yield say(reason("slack.for", agent=one_line(recipient.name or recipient.crm_user, LONGEST_FIELD // 2)), language)
    dialled = popup.call.did_label or popup.call.did
    if dialled:
        yield say(reason("slack.dialled", line=one_line(dialled, LONGEST_FIELD // 2)), language)


def _of_contact(contact: Contact | None, language: str, changes: bool) -> Iterator[str]:
    """What stands there of who is calling."""
    if contact is None or contact.status is ContactStatus.UNASKED:
        return
    if contact.status is ContactStatus.UNKNOWN and contact.ms is None:
        if changes:
            yield say(Reason("slack.contact-asked"), language)
        return
    if contact.status is not ContactStatus.ONE:
        yield say(Reason(f"slack.contact-{contact.status}"), language)
        return
    only = contact.records[0]
    for label, value in (("slack.company", only.company), ("slack.owner", only.owner)):
        if value:
            yield say(reason(label, name=one_line(value, LONGEST_FIELD // 2)), language)
    for name, value in only.details.items():
        yield f"{one_line(name, LONGEST_FIELD // 4)}: {one_line(value, LONGEST_FIELD // 2)}"


def _link(contact: Contact | None) -> str | None:
    """The address of the one record, or of a new one; None for what is no web address."""
    if contact is None:
        return None
    only = contact.records[0].url if contact.status is ContactStatus.ONE else None
    url = only if contact.records else contact.create_url
    if url is None or not url.startswith(("https://", "http://")) or len(url) > LONGEST_URL:
        return None
    return escaped(quote(url, safe=SAFE, errors="replace"))


def escaped(text: str) -> str:
    """A text that mentions nobody and links nowhere."""
    whole = text.encode("utf-8", "replace").decode()
    return whole.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
