"""An Ozeki answer as texts: its code, its message, one mapping of fields per row; pure.

Document types and entities are refused: the vendor's answers have none. What is no more than rows of fields is read by
the C parser (`clean_answer`). An answer that is whole but not well-formed (a bare & in a name, `&nbsp;`, a control
character) is read field by field instead, so that one name spoils nothing else.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, XMLParser

from bridge.core.text import one_line
from bridge.pbx.ozeki import clean_answer
from bridge.pbx.reading import decoded

OK = "200"
LISTS = frozenset({"ActiveCalls", "Extensions"})
MAX_ROWS, MAX_ELEMENTS = 60_000, 600_000
"""More than 16 MiB of calls hold. They bound the time that junk takes."""
MAX_CHARACTERS = 1000
"""Of one field: callers can influence their name."""
BLANKS = "\ufeff \t\r\n"
NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
WHOLE = re.compile(r"(?:<\?xml[^<>]{0,200}\?>\s*+)?<(?:\w{1,40}:)?Response[\s>]")
END = re.compile(r"</(?:\w{1,40}:)?Response\s{0,9}>$")
ROW = re.compile(r"<(?:\w{1,40}:)?(?:CallInfo|Call|ExtensionSummary)(?:\s[^<>]*+)?>")
FIELD = re.compile(r"<(?:\w{1,40}:)?(\w{1,40})(?:\s[^<>]*+)?>([^<]*+)</(?:\w{1,40}:)?\1\s*+>")


class NotReadable(ValueError):
    """The bytes are no answer of Ozeki's. `code` says what they are instead."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True, slots=True)
class Document:
    """What an answer says. Texts are as sent, without invisible marks around them; of a field given twice the first.

    `stray`: there is text between the rows.
    """

    code: str
    message: str
    rows: tuple[Mapping[str, str], ...]
    stray: bool = False


def read(body: bytes, content_type: str) -> Document:
    """The answer in `body`. Raises `NotReadable` and nothing else, in a time that grows no faster than the body."""
    text = decoded(body, content_type).strip(BLANKS)
    head, rows, stray = clean_answer.read(text, LISTS, MAX_ELEMENTS, _tidy) or _read_closely(text)
    stray = stray or any(head.get(name) for name in LISTS)
    if "Code" not in head or len(rows) > MAX_ROWS or (stray and not rows):
        raise NotReadable("ozeki.no-code")
    return Document(head["Code"], head.get("Message", ""), tuple(rows), stray)


def _read_closely(text: str) -> clean_answer.Parts:
    try:
        events = _well_formed(text)
    except DefusedXmlException:
        raise NotReadable("ozeki.document-type") from None
    except ParseError:
        events = _field_by_field(NOT_XML.sub("", text).strip(BLANKS))
    return events.head, events.rows, events.stray


def _tidy(text: str) -> str:
    return one_line(text, MAX_CHARACTERS)


class _Events:
    """What the parser meets: the fields of the answer itself, those of each row, and whether text stands between rows.
    Prefixes do not matter."""

    def __init__(self) -> None:
        self.head: dict[str, str] = {}
        self.rows: list[dict[str, str]] = []
        self.stray = False
        self._open: list[str] = []
        self._text: list[str] = []
        self._elements = 0

    def start(self, tag: str, _attributes: Mapping[str, str]) -> None:
        name = tag.rpartition("}")[2]
        self._open.append(name)
        self._elements += 1
        if self._open[0] != "Response" or self._elements > MAX_ELEMENTS:
            raise NotReadable("ozeki.other-shape")
        if len(self._open) == 3 and self._open[1] in LISTS:
            self.rows.append({})
            self.stray = self.stray or bool("".join(self._text).strip())
        self._text.clear()

    def data(self, text: str) -> None:
        self._text.append(text)

    def end(self, _tag: str) -> None:
        name = self._open.pop()
        if len(self._open) == 3 and self._open[1] in LISTS:
            self.rows[-1].setdefault(name, _tidy("".join(self._text)))
        elif len(self._open) == 1:
            self.head.setdefault(name, _tidy("".join(self._text)))
        self._text.clear()


def _well_formed(text: str) -> _Events:
    events = _Events()
    parser = XMLParser(target=events, forbid_dtd=True)
    parser.feed(text)
    parser.close()
    return events


def _field_by_field(text: str) -> _Events:
    """For an answer that has its beginning and its end: a field that cannot be told is left out, and it alone."""
    if "<!" in text or not WHOLE.match(text) or not END.search(text, max(0, len(text) - 80)):
        raise NotReadable("ozeki.not-xml")
    events = _Events()
    head, *rows = ROW.split(text)
    events.head = _fields(head)
    events.rows = [_fields(row) for row in rows]
    if not rows and events.head.get("Code") == OK:
        raise NotReadable("ozeki.no-list")
    return events


def _fields(text: str) -> dict[str, str]:
    found = reversed(FIELD.findall(text))
    return {name: one_line(html.unescape(value[:MAX_CHARACTERS]), MAX_CHARACTERS) for name, value in found}
