"""The bytes of a body as text and as parts, in whatever encoding, wrapping and charset they come; pure."""

import codecs
import re
import zlib
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import HTTP

from bridge.core.errors import Malformed, UnsupportedMediaType
from bridge.core.http_types import Incoming

MAX_UNPACKED_BYTES = 256 * 1024
MAX_PARTS = 100
PLAIN = ("", "identity", "none", "utf-8", "utf8")
"""Content encodings that change nothing; some senders put the charset there."""
ANY_WRAPPING, NO_WRAPPING = zlib.MAX_WBITS | 32, -zlib.MAX_WBITS
"""gzip or zlib, told by the first bytes; and deflate as many senders understand it, without a wrapping."""
CHARSET = re.compile(r"charset\s*=\s*\"?([A-Za-z0-9._-]{1,40})", re.I)
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
    return "utf-8" if "escape" in name else name


def parts(body: bytes, content_type: str) -> list[tuple[str, str]]:
    """The named texts of a multipart form; files are left out."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1", "replace")
    found = [part for part in BytesParser(policy=HTTP).parsebytes(head + body).walk() if not part.is_multipart()]
    named = [(part.get_param("name", header="content-disposition"), part) for part in found[:MAX_PARTS]]
    return [(str(name), _content(part)) for name, part in named if name and part.get_content_maintype() == "text"]


def _content(part: EmailMessage) -> str:
    payload = part.get_payload(decode=True)
    return decoded(payload, part.get("content-type", "")).strip() if isinstance(payload, bytes) else ""
