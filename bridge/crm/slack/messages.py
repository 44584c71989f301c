"""What a message says; pure.

Whatever a caller or a CRM controls stands in plain_text blocks, where Slack reads no markup. The one text that Slack
does parse (`text`, which notifications show) and the one link have `&`, `<` and `>` escaped, without which there are
neither links nor mentions. Source: docs.slack.dev, "Formatting message text".
"""

from urllib.parse import quote

from bridge.core.delivery import DeliveryEvent
from bridge.core.model import Popup
from bridge.crm import call_text
from bridge.crm.contract import Recipient

LONGEST_HEADER, MOST_FIELDS = 150, 10
SAFE = "%:/?#[]@!$'()*+,;=~-._&"
"""What stays as it is in an address; `|`, `<` and `>` would end it for Slack."""


def of(event: DeliveryEvent, recipient: Recipient, language: str, changes: bool = True) -> dict[str, object]:
    """`text` and `blocks` of a message about this event; `changes`: it can be changed once more is known."""
    data = event.data
    if isinstance(data, Popup):
        return _of_popup(data, recipient, language, changes)
    line = call_text.line(data, language)
    whole = _plain(line, call_text.LONGEST_NOTE + call_text.LONGEST)
    return {"text": escaped(line), "blocks": [{"type": "section", "text": whole}]}


def _of_popup(popup: Popup, recipient: Recipient, language: str, changes: bool) -> dict[str, object]:
    head = call_text.head(popup, language)
    lines = list(call_text.lines(popup, recipient, language, is_completed=changes))[:MOST_FIELDS]
    blocks: list[dict[str, object]] = [
        {"type": "header", "text": _plain(head, LONGEST_HEADER)},
        {"type": "section", "fields": [_plain(line, call_text.LONGEST) for line in lines]},
    ]
    if link := call_text.link(popup.contact, language):
        blocks.append({"type": "section", "text": _link(*link)})
    return {"text": escaped(head), "blocks": blocks}


def _plain(text: str, most: int) -> dict[str, object]:
    return {"type": "plain_text", "text": text[:most] or "-", "emoji": False}


def _link(url: str, words: str) -> dict[str, object]:
    address = escaped(quote(url, safe=SAFE, errors="replace"))
    return {"type": "mrkdwn", "text": f"<{address}|{escaped(words)}>", "verbatim": True}


def escaped(text: str) -> str:
    """A text that mentions nobody and links nowhere."""
    whole = text.encode("utf-8", "replace").decode()
    return whole.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
