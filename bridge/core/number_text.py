"""What stands in a number field: the number out of its wrapping, and what kind of content it is; pure.

Phone systems, trunks and CRMs wrap numbers: `tel:+972-72-277-6772`, `"Dana" <sip:0722776772@10.0.0.5>;tag=1`,
`0722776772 ext. 12`, `0776707528 (Sales)`, with marks of direction around them and other hyphens inside.
"""

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from bridge.core.model import CallerKind
from bridge.core.text import FILLERS, trimmed

SHORTEST_PUBLIC = 7
"""Anything with fewer digits is an extension or a short code."""
LONGEST_FIELD = 160
"""Anything longer is no number, and is not examined."""

TYPED = {
    "\N{MINUS SIGN}": "-",
    "\N{KATAKANA-HIRAGANA PROLONGED SOUND MARK}": "-",
    "\N{HALFWIDTH KATAKANA-HIRAGANA PROLONGED SOUND MARK}": "-",
    "\N{MIDDLE DOT}": ".",
    "\N{BULLET}": ".",
    "\N{HYPHENATION POINT}": ".",
    "\N{KATAKANA MIDDLE DOT}": ".",
    "\N{FRACTION SLASH}": "/",
    "\N{DIVISION SLASH}": "/",
    "\N{HEAVY PLUS SIGN}": "+",
    "\N{ARABIC COMMA}": ",",
}
QUOTES = "=\"'`\N{ACUTE ACCENT}“”„‟‘’‛«»׳״"
SERVICE = re.compile(r"[*#][0-9*#]+")
NUMBER = r"\+?[ (]*[0-9][0-9 ().\-/]*"
DIALABLE = re.compile(NUMBER)
IP_ADDRESS = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}")

SCHEME = re.compile(r"(?:tel|telephone|phone|callto|sips?|h323|sms|smsto|fax|whatsapp|facetime)\s*:(?://)?\s*", re.I)
ENCODED = re.compile(r"%[0-9A-Fa-f]{2}")
CONTEXT = re.compile(r";\s*phone-context\s*=\s*\"?(\+[0-9().\- ]+)", re.I)
IN_ANGLES = re.compile(r"([^<>]*)<([^<>]*)>")
COUNTRY_IN_BRACKETS = re.compile(r"[(\[{]\s*\+\s*([0-9]{1,4})\s*[)\]}]\s*")
PLUSES = re.compile(r"\+[+\s]*(?:00(?=[1-9]))?")
FLOAT = re.compile(r"(\+?[0-9]{7,})\.0")
OWN_EXTENSION = (
    r"(?:extension|extn|ext|xtn|x|int|interno|anexo|ramal|poste|durchwahl|dw|mellék|שלוחה|доб|вн|#)"
    r"[.:)=\s]*[0-9]{1,7}"
)
PAUSE, PARAMETERS = r"[,;pw~][,;pw~0-9*# ]*", r"[;?]\s*[a-z-]+(?:=.*)?"
SUFFIXED = re.compile(rf"({NUMBER}?)[\s,;(\-]*(?:{OWN_EXTENSION}|{PAUSE}|{PARAMETERS})[)\s.]*", re.I)
WORDS_AFTER = re.compile(rf"({NUMBER}?)\s*(?:[(\[][^()\[\]]+[)\]]|[\-|,:;/\s]+[^\W\d_][^0-9+*#@<>]*)")
WORDS_BEFORE = re.compile(rf"[^0-9+*#@<>()\[\]]+(?:[:(\[]|[^\W\d_][.\s])\s*({NUMBER}?)\s*[)\]]?")
VANITY, VANITY_KEYS = re.compile(r"[0-9+()\-. ]*(?:-[^\W\d_]{3,}|[. ][A-Z]{3,})"), 11
"""Letters that are keys of a telephone, as in 1-800-555-FLOW: what stands before them is another number."""

NOBODY = "anonymous.invalid"
"""The host of a caller who withholds the number (RFC 3323)."""
WITHHELD = (
    " clir privada numeroprivado numeroprivada skryty ukryty numerzastrzezony anonymous0 assertedidunavailable "
    "anonymous anonymouscaller anonymouscall anonym anonyme anonimo anonim private privatenumber privatecaller "
    "privatecall privato numeroprivato privado prive numeroprive withheld numberwithheld withheldnumber cliwithheld "
    "callerwithheld restricted restrictednumber numberrestricted restrictedcaller unavailable notavailable "
    "numberunavailable calleridunavailable unknown unknownnumber unknowncaller callerunknown numberunknown blocked "
    "blockednumber blockedcaller callerblocked calleridblocked nocallerid nonumber nocli noid hidden hiddennumber "
    "hiddencaller secret outofarea unidentified undisclosed confidential null none undefined unbekannt "
    "unterdruckt inconnu masque desconocido sconosciuto ismeretlen rejtett rejtettszam privatszam неизвестно "
    "неизвестныи скрытыи חסוי חסויה מספרחסוי שיחהחסויה לאידוע מספרלאידוע פרטי מספרפרטי לאזמין חסום מספרחסום "
)
"""In lower case, without spaces, accents and punctuation."""
NOT_AVAILABLE = ("n/a", "n.a.", "#n/a")
WITHHELD_IN_DIGITS = frozenset({"+266696687", "+7378742883", "+2562533", "+8566696", "+8656696", "+86282452253"})
"""ANONYMOUS, RESTRICTED, BLOCKED, UNKNOWN and UNAVAILABLE on a telephone's keys, as carriers send them."""


class Written(NamedTuple):
    """A field's content without its wrapping, and the country or area that a `phone-context` puts before it."""

    text: str
    context: str = ""


def typed(text: str) -> str:
    """`text` with ASCII digits, spaces, hyphens and plus signs, and without invisible characters: numbers pasted from
    documents or chats often contain others."""
    return text if text.isascii() else "".join(map(_typed, text))


def _typed(character: str) -> str:
    if character.isascii():
        return character
    if character in TYPED or character in FILLERS or "\ufe00" <= character <= "\ufe0f":
        return TYPED.get(character, "")
    match unicodedata.category(character):
        case "Nd":
            return str(unicodedata.digit(character))
        case "Cf" | "Me":
            return ""
        case "Zs" | "Zl" | "Zp":
            return " "
        case "Pd":
            return "-"
    plain = unicodedata.normalize("NFKC", character)
    return plain if len(plain) == 1 and plain.isascii() else character


@lru_cache(4096)
def written(field: str) -> Written:
    """The number in a field, the user part of an address, or any other text as it is, trimmed."""
    if len(field) > LONGEST_FIELD or (field.isascii() and field.isdigit()):
        return Written(trimmed(field))
    text, context = _unwrapped(_bare(typed(field)))
    if DIALABLE.fullmatch(text):
        return Written(_without_zero(text), context)
    if VANITY.fullmatch(text) and sum(map(str.isalnum, text)) <= VANITY_KEYS:
        return Written(text, context)
    for wrapping in (SUFFIXED, WORDS_AFTER, WORDS_BEFORE):
        found = wrapping.fullmatch(text)
        if found and _is_public(found[1]) and not _is_public(text.replace(found[1], "", 1)):
            return Written(_without_zero(found[1].strip()), context)
    return Written(text, context)


def _bare(text: str) -> str:
    """Without quotation marks around and commas behind."""
    return trimmed(trimmed(trimmed(text).strip(QUOTES)).rstrip(",;").strip(QUOTES))


def _is_public(text: str) -> bool:
    return sum(map(str.isdigit, text)) >= SHORTEST_PUBLIC


def _without_zero(number: str) -> str:
    """Spreadsheets and JSON write numbers as 972722776772.0."""
    found = FLOAT.fullmatch(number)
    return found[1] if found else number


def _unwrapped(text: str) -> Written:
    """Out of a name's angle brackets, the scheme, the host and its parameters, with one plus sign at most."""
    angles = IN_ANGLES.match(text)
    if angles:
        text = _bare(angles[2]) if any(map(str.isalnum, angles[2])) else _bare(angles[1])
    scheme = SCHEME.match(text)
    text = text[scheme.end() :] if scheme else text
    text = typed(unquote(text, errors="replace")) if ENCODED.search(text) else text
    context = CONTEXT.search(text)
    user, at, host = text.partition("@")
    if at and host.lower().startswith(NOBODY):
        return Written("anonymous")
    text = re.split("[;?:]", user, maxsplit=1)[0] if scheme or at or context else text
    text = PLUSES.sub("+", COUNTRY_IN_BRACKETS.sub(r"+\1 ", _bare(text), count=1), count=1)
    return Written(text, context[1] if context else "")


def is_dialable(field: str) -> bool:
    """Whether digits are all that counts in it."""
    text = written(field).text
    return DIALABLE.fullmatch(text) is not None and not IP_ADDRESS.fullmatch(text)


def kind_of(field: str) -> CallerKind:
    """What a phone system put into the number field, which is often no number."""
    text = written(field).text
    if text in WITHHELD_IN_DIGITS or _is_withheld(text):
        return CallerKind.WITHHELD
    if SERVICE.fullmatch(text):
        return CallerKind.SERVICE
    if not is_dialable(field):
        return CallerKind.TEXT
    return CallerKind.NUMBER if _is_public(text) else CallerKind.INTERNAL


def _is_withheld(text: str) -> bool:
    """Whether the text says in words, by a dash or by saying nothing that there is no number."""
    if text.isdigit():
        return False
    if text.casefold() in NOT_AVAILABLE:
        return True
    plain = unicodedata.normalize("NFKD", text[:60]).casefold()
    letters = "".join(one for one in plain if one.isalnum())
    return f" {letters} " in WITHHELD if letters else set(text) <= set("-?._ ")
