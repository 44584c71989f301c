"""Answers of a real system without its numbers and names, for samples that may be shown to anybody; pure.

Equal stays equal and unlike stays unlike, in all answers of one recording. What is kept: the words that the adapter
itself knows, times, small numbers, and the values of fields that are states, kinds, counts and the like.
"""

import hashlib
import hmac
import re
from collections.abc import Collection, Iterable
from string import ascii_lowercase, ascii_uppercase, digits

KEPT_FIELDS = re.compile(
    r"state|status|direction|type|kind|tech|app_name|application$|event|privilege|response|err|desc|code|class|protocol"
    r"|codec|format|version|jsonrpc|personality|reason|cause|language|count|items|total|records|size|seconds|duration"
    r"|lifetime|timeout|priority|flags|_ts$|time|epoch|created|message$",
    re.I,
)
"""Fields whose values say what is going on, and not who it is."""
TIME = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"
TOKEN = re.compile(rf"{TIME}|\\.|&\w{{1,8}};|(?:[^\W_]|[\udc80-\udcff])+")
JSON_PART = re.compile(r'"((?:[^"\\]|\\.)*)"(\s*:)?|-?\d[\d.eE+-]*')
LINE = re.compile(r"^((?:Chan)?Variable: [^=\r\n]+=|[\w-]+: ?)(.*)$", re.M)
MARKUP = re.compile(r"(<[^>]*>)([^<]*)")
ATTRIBUTE = re.compile(r"([\w:-]+)(\s*=\s*\")([^\"]*)")
JSON_LETTER = re.compile(
    r"\\u(?:[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(?:0[1-9a-fA-F]|[1-9a-cA-C]\w)[0-9a-fA-F]{2})"
)
XML_LETTER = re.compile(r"&#(x[0-9a-fA-F]{2,6}|[0-9]{3,7});")
HEBREW = "אבגדהוזחטיךכלםמןנסעףפץצקרשת"
HEX = re.compile(r"[0-9a-fA-F]+")
LOCAL_DIGITS, SMALL_DIGITS = 7, 2
"""A longer number keeps what stands before its last seven digits: the country and area. A shorter one than three is no
number of anybody's, unless it is known to be one."""
NEAR_SECONDS = 400 * 86_400


def is_time(text: str) -> bool:
    """Whether it says when, and nothing else."""
    return re.fullmatch(TIME, text) is not None


class Disguise:
    """One recording's replacements. `key` is thrown away with it: nobody can turn them back."""

    def __init__(self, key: bytes, now: float, words: Collection[str], private: Iterable[str]) -> None:
        self._key, self._now, self._words = key, now, frozenset(words)
        self._private = {token for text in private for token in TOKEN.findall(text)} - self._words
        self._made: dict[str, str] = {}
        self._taken: set[str] = set()

    def avoid(self, text: str) -> None:
        """No replacement shall be a token of this text: call it for all texts before the first is replaced."""
        self._taken.update(TOKEN.findall(text))
        self._taken.update(token[-LOCAL_DIGITS:] for token in TOKEN.findall(text))

    def document(self, text: str) -> str:
        """An answer: JSON, lines `Name: value`, markup, or any other text."""
        first = text.lstrip("\ufeff \r\n\t")[:1]
        if first in ("{", "["):
            return self._json(JSON_LETTER.sub(lambda found: _unescaped(found[0]), text))
        if first == "<":
            return MARKUP.sub(self._markup, XML_LETTER.sub(_letter, text))
        return LINE.sub(self._line, text) if LINE.search(text) else self.value(text)

    def value(self, text: str, field: str = "") -> str:
        """The value of a field."""
        is_kept = bool(field and KEPT_FIELDS.search(field))
        return TOKEN.sub(lambda found: self._token(found[0], is_kept), text)

    def _json(self, text: str) -> str:
        field = ""

        def part(found: re.Match[str]) -> str:
            nonlocal field
            if found[2] is None:
                return self.value(found[0], field)
            field = found[1]
            return TOKEN.sub(lambda token: self._token(token[0], not token[0].isdigit()), found[0])

        return JSON_PART.sub(part, text)

    def _line(self, found: re.Match[str]) -> str:
        name = found[1].rstrip(":= ")
        return found[1] + self.value(found[2], name.partition(" ")[2] or name)

    def _markup(self, found: re.Match[str]) -> str:
        name = found[1].strip("</>").split(" ")[0]
        tag = ATTRIBUTE.sub(lambda one: one[1] + one[2] + self.value(one[3], one[1]), found[1])
        return (found[1] if found[1].startswith(("<?", "<!")) else tag) + self.value(found[2], name)

    def _token(self, token: str, is_kept: bool) -> str:
        if token[0] in "\\&" or token in self._words or is_time(token):
            return token
        if is_kept and (token not in self._private or len(token) < LOCAL_DIGITS - 2):
            return token
        if token not in self._private and token.isascii() and token.isdigit() and self._is_nobodys(token):
            return token
        head = token[:-LOCAL_DIGITS] if token.isdigit() and len(token) > LOCAL_DIGITS else ""
        return head + self._replaced(token[len(head) :])

    def _is_nobodys(self, token: str) -> bool:
        """Whether a number is small, or a time in seconds, milliseconds or microseconds."""
        if len(token) <= SMALL_DIGITS:
            return True
        seconds = int(token) / 10 ** (len(token) - 10) if len(token) in (10, 13, 16) else 0.0
        return bool(abs(seconds - self._now) < NEAR_SECONDS)

    def _replaced(self, token: str) -> str:
        """The same replacement for the same token, another one for another."""
        if token not in self._made:
            made = next(one for number in range(10_000) if self._is_new(one := self._drawn(token, number), number))
            self._made[token] = made
            self._taken.add(made)
        return self._made[token]

    def _is_new(self, made: str, number: int) -> bool:
        """Short numbers may run out: then one that another has."""
        return made not in self._taken or number > 9_000

    def _drawn(self, token: str, number: int) -> str:
        drawn = hmac.new(self._key, f"{number} {token}".encode("utf-8", "surrogatepass"), hashlib.sha256).digest()
        while len(drawn) < len(token):
            drawn += hashlib.sha256(drawn).digest()
        is_hex = HEX.fullmatch(token) is not None and not token.isdigit() and not token.isalpha()
        pairs = enumerate(zip(token, drawn, strict=False))
        return "".join(_like(letter, one, place, is_hex) for place, (letter, one) in pairs)


def _like(letter: str, drawn: int, place: int, is_hex: bool) -> str:
    """A character of the same kind. A number keeps a leading zero, and gets none."""
    if letter.isdigit():
        first = letter if letter == "0" else digits[1:][drawn % 9]
        return first if place == 0 else digits[drawn % 10]
    if "\udc80" <= letter <= "\udcff":
        return chr(0xDCE0 + drawn % 27)
    if letter in HEBREW:
        return HEBREW[drawn % 27]
    alphabet = ascii_uppercase if letter.isupper() else ascii_lowercase
    return alphabet[drawn % (6 if is_hex else 26)]


def _unescaped(written: str) -> str:
    """`\\u05d3`, or both halves of a character, as itself."""
    units = b"".join(int(unit, 16).to_bytes(2, "little") for unit in written.split("\\u")[1:])
    return units.decode("utf-16-le", "replace")


def _letter(found: re.Match[str]) -> str:
    number = int(found[1][1:], 16) if found[1][0] == "x" else int(found[1])
    return chr(number) if 0x80 <= number < 0x110000 and not 0xD800 <= number < 0xE000 else found[0]
