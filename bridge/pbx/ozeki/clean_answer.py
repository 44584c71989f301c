"""An answer as the vendor writes them, rows of fields and nothing else, by the C parser; pure.

Whatever else there may be is not decided here: `document` looks at it closely. So this is only ever faster.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from xml.etree.ElementTree import Element, ParseError, XMLParser

PROLOG_CHARACTERS = 300
CHUNK_CHARACTERS = 64 * 1024
"""Are parsed at once, in about a millisecond; in between, other threads may run."""

Parts = tuple[Mapping[str, str], Sequence[Mapping[str, str]], bool]
"""The fields of the answer itself, those of each row, and whether text stands between rows."""
Tidy = Callable[[str], str]


def read(text: str, lists: Collection[str], most_elements: int, tidy: Tidy) -> Parts | None:
    """The parts; None where it has to be looked at closely. Without `<!` there is no document type, so no entity;
    without `xmlns` a name is a name."""
    is_odd = "<Response>" not in text[:PROLOG_CHARACTERS] or "<!" in text or "xmlns" in text
    root = None if is_odd else _parsed(text)
    if root is None or root.tag != "Response":
        return None
    rows = [row for section in root if section.tag in lists for row in section]
    if not _is_clean(root, rows, lists, most_elements):
        return None
    head: dict[str, str] = {}
    for section in root:
        head.setdefault(section.tag, tidy(section.text or ""))
    return head, [_Row(row, tidy) for row in rows], False


def _parsed(text: str) -> Element | None:
    parser = XMLParser()  # noqa: S314 - without `<!` there are no entities
    try:
        for at in range(0, len(text), CHUNK_CHARACTERS):
            parser.feed(text[at : at + CHUNK_CHARACTERS])
        root: Element = parser.close()
    except (ParseError, ValueError):
        return None
    return root


def _is_clean(root: Element, rows: Sequence[Element], lists: Collection[str], most_elements: int) -> bool:
    """Whether there are fields, lists of rows, and fields in them; nothing deeper, and no text in between."""
    between = [section.text for section in root if section.tag in lists] + [row.tail for row in rows]
    if any(text and not text.isspace() for text in between):
        return False
    elements = 1 + len(root) + len(rows) + sum(map(len, rows))
    return elements <= most_elements and elements == sum(1 for _ in root.iter())


class _Row(Mapping[str, str]):
    """A row whose fields are tidied when they are asked for; of one given twice it has the first."""

    def __init__(self, element: Element, tidy: Tidy) -> None:
        self._element, self._tidy = element, tidy

    def __getitem__(self, name: str) -> str:
        field = self._element.find(name)
        if field is None:
            raise KeyError(name)
        return self._tidy(field.text or "")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(field.tag for field in self._element))

    def __len__(self) -> int:
        return len(dict.fromkeys(field.tag for field in self._element))
