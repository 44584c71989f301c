"""What a card says; pure.

Whatever a caller, an agent or a CRM controls stands in a TextRun, which Teams shows as it is; a TextBlock would be read
as Markdown. Sources: learn.microsoft.com, "Format cards in Teams"; adaptivecards.io, TextRun.
"""

from bridge.core.delivery import DeliveryEvent
from bridge.core.model import Popup
from bridge.crm import call_text
from bridge.crm.contract import Recipient

SCHEMA, VERSION = "http://adaptivecards.io/schemas/adaptive-card.json", "1.4"
MOST_LINES = 12


def of(event: DeliveryEvent, recipient: Recipient, language: str) -> dict[str, object]:
    """The card of this event. The id of its first element tells which popup it is."""
    data = event.data
    if isinstance(data, Popup):
        return _of_popup(data, recipient, language)
    return _card(event.delivery_id, call_text.line(data, language), [], [])


def _of_popup(popup: Popup, recipient: Recipient, language: str) -> dict[str, object]:
    """What is not known of the contact when the card is sent cannot be added later."""
    lines = list(call_text.lines(popup, recipient, language, is_completed=False))[:MOST_LINES]
    link = call_text.link(popup.contact, language)
    actions = [{"type": "Action.OpenUrl", "title": link[1], "url": link[0]}] if link else []
    return _card(popup.popup_id, call_text.head(popup, language), lines, actions)


def _card(name: str, head: str, lines: list[str], actions: list[dict[str, str]]) -> dict[str, object]:
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
