"""What a response began with, read leniently: its status, its headers, and what is wrong with it; pure.

The HTTP library refuses responses that break the rules, as it should: two sides that disagree on where one ends can be
made to disagree on whose it is. But a receiver that has said `200` has taken the popup, however badly it went on.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

MAX_FIELD_BYTES, MAX_HEADERS = 64 * 1024, 256
KEPT_BYTES = 80 * 1024
STATUS = re.compile(rb"HTTP/1\.[0-9] ([1-5][0-9]{2})(?:[ \t][^\r\n]*)?\r?\n")
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
END = re.compile(rb"\r?\n\r?\n")
BODILESS = (204, 304)

Line = tuple[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Head:
    """A response whose status line is complete. `odd` is the code of the reason that says what is wrong."""

    status: int
    headers: Mapping[str, str]
    odd: str


def read(data: bytes) -> Head | None:
    """The head that the connection's bytes since the last request begin with; None where they are no HTTP."""
    found = STATUS.match(data)
    if found is None:
        return None
    status, rest = int(found[1]), data[found.end() :]
    end = END.search(b"\r\n" + rest)
    if 100 <= status < 200 and end is not None:  # an announcement of the response
        return read(rest[max(0, end.end() - 2) :])
    text = (b"\r\n" + rest)[: end.start()] if end else rest
    lines = [line.rstrip(b"\r") for line in text.split(b"\n") if line.strip()]
    pairs: list[Line] = [
        (name, value.strip()) for name, colon, value in (one.partition(b":") for one in lines) if colon
    ]
    headers = {name.strip().decode("latin-1").lower(): value.decode("latin-1") for name, value in reversed(pairs)}
    return Head(status, headers, _odd(status, lines, pairs, complete=end is not None))


def _odd(status: int, lines: list[bytes], pairs: list[Line], complete: bool) -> str:
    lengths = [value for name, value in pairs if name.lower() == b"content-length"]
    chunked = any(name.lower() == b"transfer-encoding" for name, _ in pairs)
    checks = {
        "response-header-too-long": any(len(line) >= MAX_FIELD_BYTES for line in lines) or len(lines) > MAX_HEADERS,
        "response-head-cut-off": not complete,
        "response-no-colon": any(b":" not in line and line[:1] not in (b" ", b"\t") for line in lines),
        "response-bad-header": any(not NAME.fullmatch(name) for name, _ in pairs)
        or any(b"\0" in line or b"\r" in line for line in lines),
        "response-two-lengths": len(lengths) > 1,
        "response-bad-length": any(not value.isdigit() for value in lengths),
        "response-length-and-chunked": bool(lengths) and chunked,
        "response-body-not-allowed": status in BODILESS and (chunked or any(value != b"0" for value in lengths)),
    }
    return next((code for code, is_so in checks.items() if is_so), "response-malformed")


def has_forbidden_body(data: bytes) -> bool:
    """Whether what follows a response that can have no body is its body all the same, and not the next response."""
    head = read(data) if data[9:12] in (b"204", b"304") else None
    return head is not None and head.odd == "response-body-not-allowed"
