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
STRAY = {0xDC00 + byte: bytes([byte]).decode(FALLBACK, "replace") for byte in range(0x80, 0x100)}
"""What Python makes of a byte that is not UTF-8, and the letter that it is in the other encoding."""


def decoded(body: bytes, content_type: str = "") -> str:
    """The text: by byte order mark, by UTF-16's zeros, as UTF-8 where all of it is, by declaration; and any byte that
    is none of it as Windows-1255, alone, so that one name in a wrong encoding spoils nothing but itself."""
    for mark, encoding in MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    if body[1:2] == b"\0" or body[:1] == b"\0":
        return body.decode("utf-16-le" if body[1:2] == b"\0" else "utf-16-be", "replace")
    try:
        return body.decode()
    except UnicodeDecodeError:
        legacy = _declared(body, content_type)
        return body.decode(legacy, "replace") if legacy else body.decode("utf-8", "surrogateescape").translate(STRAY)


def _declared(body: bytes, content_type: str) -> str | None:
    """The encoding of one byte a letter that header or prolog name. One that says UTF-8 or UTF-16 is not taken at its
    word here: the bytes have shown already that they are neither."""
    in_header, in_body = HEADER_DECLARED.search(content_type), XML_DECLARED.match(body[:400])
    for name in (in_header[1] if in_header else "", in_body[1].decode() if in_body else ""):
        try:
            encoding = codecs.lookup(name).name
        except LookupError:
            continue
        if encoding.startswith(LEGACY):
            return encoding
    return None
