"""What reading every phone system's answers shares: HTTP statuses, bytes as text in whatever encoding, large bodies,
messages that are quoted."""

import asyncio
import codecs
import json
import re
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic_core import from_json

from bridge.core.errors import PbxRefused, PbxUnintelligible, PbxUnreachable
from bridge.core.http_types import Reply
from bridge.core.reasons import reason

Parsed = TypeVar("Parsed")
LARGE_REPLY_BYTES = 64 * 1024
"""A reply above this is parsed in a thread, so that other clicks do not wait for it."""
MESSAGE_CHARACTERS = 200

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


def read_json(text: str, strict: bool = True) -> Any:
    """What JSON says, as `json.loads` reads it and raises; what nothing is odd about in half the time."""
    try:
        return from_json(text, cache_strings="keys")
    except (ValueError, TypeError):  # the latter for half a character
        return json.loads(text, strict=strict)


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


def quoted(message: str, *private: str) -> str:
    """A vendor's own words, fit to be shown: short, printable, without these credentials ("": there is none)."""
    for secret in filter(None, private):
        message = message.replace(secret, "***")
    return "".join(one if one.isprintable() else " " for one in message).strip()[:MESSAGE_CHARACTERS]


async def parse(reply: Reply, how: Callable[[Reply], Parsed]) -> Parsed:
    """What `how` (a pure function) reads in `reply`; a large one in a thread."""
    if len(reply.body) > LARGE_REPLY_BYTES:
        return await asyncio.to_thread(how, reply)
    return how(reply)


def check_status(reply: Reply, system: str) -> None:
    """Raise what an HTTP status other than 2xx means for a question about calls. `system` is the make's title."""
    status = reply.status
    if 200 <= status < 300:
        return
    if status in (401, 403, 407):
        raise PbxRefused(reason("pbx-refused-http", system=system, status=status))
    if status == 429 or status >= 500:
        raise PbxUnreachable(reason("pbx-not-working", system=system, status=status))
    if 300 <= status < 500:
        raise PbxRefused(reason("pbx-wrong-address", system=system, status=status))
    raise PbxUnintelligible(reason("pbx-odd-status", system=system, status=status))
