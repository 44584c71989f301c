"""The bytes of a body as text and as parts, in whatever encoding, wrapping and charset they come; pure."""

import base64
import binascii
import codecs
import re
import zlib

from bridge.core.errors import Malformed, UnsupportedMediaType
from bridge.core.http_types import Incoming

MAX_UNPACKED_BYTES = 256 * 1024
MAX_PARTS = 100
PLAIN = ("", "identity", "none", "utf-8", "utf8")
"""Content encodings that change nothing; some senders put the charset there."""
ANY_WRAPPING, NO_WRAPPING = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
"""gzip or zlib, told by the first bytes; and deflate as many senders understand it, without a wrapping."""
CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.I)
BOUNDARY = re.compile(r";\s*boundary\s*=\s*(?:\"([^\"]{1,200})\"|([^\s;,\"]{1,200}))", re.I)
BLANK_LINE = re.compile(rb"\r?\n\r?\n")
NAME = re.compile(rb"^content-disposition\s*:[^\r\n]*?;\s*name\s*=\s*(?:\"([^\"\r\n]*)\"|([^\s;\"]+))", re.I | re.M)
TYPE = re.compile(rb"^content-type[ \t]*:[ \t]*([^\r\n]*)", re.I | re.M)
PACKED = re.compile(rb"^content-transfer-encoding[ \t]*:[ \t]*(base64|quoted-printable)", re.I | re.M)
MARKS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))


def unpacked(incoming: Incoming) -> bytes:
    """The body without its content encoding. Raises `UnsupportedMediaType` and `Malformed`."""
    said = incoming.headers.get("content-encoding", "").strip().lower()
    if said in PLAIN:
        return incoming.body
    for wrapping in (ANY_WRAPPING, NO_WRAPPING) if said == "deflate" else (ANY_WRAPPING,):
        unpacking = zlib.decompressobj(wbits=wrapping)
        try:
            body = unpacking.decompress(incoming.body, MAX_UNPACKED_BYTES)
        except zlib.error:
            continue
        if unpacking.unconsumed_tail:
            raise Malformed(f"the body has more than {MAX_UNPACKED_BYTES} bytes when it is unpacked")
        return body
    raise UnsupportedMediaType(f"Content-Encoding is '{said[:60]}' and could not be read; send gzip, deflate or none")


def decoded(body: bytes, content_type: str) -> str:
    """As its byte order mark says, else as declared, else as UTF-8. A byte that is none of it spoils the field that it
    stands in, and no other."""
    for mark, encoding in MARKS:
        if body.startswith(mark):
            return body[len(mark) :].decode(encoding, "replace")
    return body.decode(charset_of(content_type), "replace")


def charset_of(content_type: str) -> str:
    """The charset that is declared; UTF-8 where none is, or none of that name, or a codec that is none, such as hex."""
    declared = CHARSET.search(content_type)
    name = declared[1] if declared else "utf-8"
    try:
        b"\xff\0".decode(name, "replace")
    except (LookupError, UnicodeError):
        return "utf-8"
    return "utf-8" if "escape" in name.lower() else name


def parts(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The named texts of a multipart form; files are left out.

    Python's reader of e-mails is not used: brackets inside brackets are a fault to it, and it needs seconds for a head
    of some thousand parameters.
    """
    told = BOUNDARY.search(content_type)
    if told is None:
        return []
    boundary = re.escape((told[1] or told[2]).encode("latin-1", "replace"))
    between = re.compile(rb"^--" + boundary + rb"(?:--)?[ \t]*\r?$", re.M)
    pieces = between.split(body, MAX_PARTS + 1)[1 : MAX_PARTS + 1]
    return [named for piece in pieces if (named := _named(piece))]


def _named(piece: bytes) -> tuple[str, str] | None:
    """The name and the text of one part; None for a file, and for what has no name."""
    blank = BLANK_LINE.search(piece)
    head, content = (piece[: blank.start()], piece[blank.end() :]) if blank else (piece, b"")
    name, said = NAME.search(head), TYPE.search(head)
    kind = said[1].decode("latin-1").strip() if said else "text/plain"
    if name is None or not kind.lower().startswith("text/"):
        return None
    return (name[1] or name[2] or b"").decode("utf-8", "replace"), decoded(_unpacked(head, content), kind).strip()


def _unpacked(head: bytes, content: bytes) -> bytes:
    """Out of the transfer encoding that the head names, if it is in it."""
    how = PACKED.search(head)
    if how is None:
        return content
    try:
        if how[1].lower() == b"base64":
            return base64.b64decode(b"".join(content.split()), validate=True)
        return binascii.a2b_qp(content)
    except binascii.Error:
        return content
