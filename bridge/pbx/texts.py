"""The bytes of a phone system's answer as text, whatever encoding it has and says it has; pure."""

import codecs
import re

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
FALLBACK = "windows-1255"
"""Hebrew without a declaration. Its letters never look like UTF-8, so the two can be told apart byte by byte."""
XML_DECLARED = re.compile(rb"""^\s*<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
HEADER_DECLARED = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.I)
LEGACY = ("cp125", "cp862", "iso8859", "koi8", "mac-")
STRAY = re.compile("[\udc80-\udcff]")


def decoded(body: bytes, content_type: str = "") -> str:
    """The text: by byte order mark, by UTF-16's zeros, by declaration, as UTF-8; and any byte that is none of it as
    Windows-1255, alone, so that one name in a wrong encoding spoils nothing but itself."""
    for mark, encoding in MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    if body[1:2] == b"\0" or body[:1] == b"\0":
        return body.decode("utf-16-le" if body[1:2] == b"\0" else "utf-16-be", "replace")
    return _by_declaration(body, content_type) or STRAY.sub(_stray, body.decode("utf-8", "surrogateescape"))


def _by_declaration(body: bytes, content_type: str) -> str | None:
    """The text in its declared encoding, if that exists and fits; UTF-16 said of bytes that are not does not."""
    in_body, in_header = XML_DECLARED.match(body[:400]), HEADER_DECLARED.search(content_type)
    for name in (in_header[1] if in_header else None, in_body[1].decode() if in_body else None):
        try:
            if name and codecs.lookup(name).name.startswith(LEGACY):
                return body.decode(name)
        except (LookupError, ValueError):
            continue
    return None


def _stray(found: re.Match[str]) -> str:
    return bytes([ord(found[0]) - 0xDC00]).decode(FALLBACK, "replace")
