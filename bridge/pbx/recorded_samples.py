"""Recorded answers as samples that the contract tests replay, without numbers, names and secrets; pure.

They are replaced before anything is written (`core.disguise`); the adapter reads the replaced answers once more, and
what it reads is what the sample expects. The format is told in tests/contract/samples.py.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal, get_origin
from urllib.parse import urlsplit

from bridge.config.models import PbxAccount
from bridge.core.disguise import Disguise, is_time
from bridge.core.errors import PbxError
from bridge.core.http_types import Reply, Secret
from bridge.core.json_codec import as_json, time_text
from bridge.pbx.contract import Listing, PbxAdapter
from bridge.pbx.recording import Recorded, Replay, questions
from bridge.pbx.vocabulary import vocabulary

HEADERS = ("content-type", "set-cookie")
"""What of an answer's headers an adapter may read."""
SHARED = frozenset(PbxAccount.model_fields) - {"timezone", "region"}
LONG_ENOUGH = 5
"""Characters of a text that must not be left."""
IDS = ("ivrid", "original_ivrid")
"""They hold times and running numbers; what else is in them is replaced all the same."""
OWN = re.compile(r"url|path|user|secret|password|code|token|_id$|port")
"""Keys that say where and as whom it is asked: a sample has those of account.json."""
LENGTH = re.compile(rb"(Content-Length: *)(\d+)(\r?\n\r?\n|\r?\n(?:[^\r\n]+\r?\n)*\r?\n)")


class NotHidden(Exception):
    """A number or a name would have been left in a sample: nothing is written."""


async def samples(
    adapter: PbxAdapter, account: PbxAccount, recorded: Iterable[Recorded], name: str, now: datetime, key: bytes
) -> dict[str, bytes]:
    """The files, by their names. Raises `NotHidden`."""
    answered = [one for one in recorded if one.replies or one.raw]
    private = [text for text in _private(account, [one.found for one in answered]) if text and not is_time(text)]
    disguise = Disguise(key, now.timestamp(), vocabulary(adapter), private)
    for body in (body for one in answered for body in (*(reply.body for reply in one.replies), bytes(one.raw))):
        disguise.avoid(_text(body)[0])
    hidden = [_hidden(one, disguise, _secrets(account)) for one in answered]
    changed = _account(account, disguise)
    replayed = type(account).model_validate({**account.model_dump(exclude_unset=True), **changed})
    files: dict[str, bytes] = {}
    for one in hidden:
        files |= await _files(adapter, replayed, one, f"{name}_{one.ask}", changed, now)
    _check(files, [*private, *_secrets(account)], vocabulary(adapter))
    return files


async def _files(
    adapter: PbxAdapter, account: PbxAccount, one: Recorded, name: str, changed: Mapping[str, Any], now: datetime
) -> dict[str, bytes]:
    last = one.replies[-1] if one.replies else Reply(200, {}, bytes(one.raw), 0.0)
    expected: dict[str, Any] = {"from": "recorded", "ask": one.ask, "now": time_text(now), "account": dict(changed)}
    if one.raw:
        host = urlsplit(account.base_url).hostname or urlsplit(f"//{account.base_url}").hostname or ""
        expected["account"]["base_url"] = account.base_url.replace(host, "recorded.example")
    expected |= {"raw": True} if one.raw else {"status": last.status, "headers": dict(last.headers)}
    expected["before"] = [_before(reply) for reply in one.replies[:-1]]
    try:
        found = await questions(adapter)[one.ask](account, Replay(one.replies, bytes(one.raw), now))
        expected |= _read(one.ask, found)
    except PbxError as error:
        expected |= {"error": type(error).__name__, "says": []}
    text = json.dumps(expected, indent=2, ensure_ascii=False, default=str)
    return {f"{name}{_suffix(last.body)}": last.body, f"{name}.expected.json": f"{text}\n".encode()}


def _before(reply: Reply) -> dict[str, Any]:
    return {"status": reply.status, "headers": dict(reply.headers), "text": _text(reply.body)[0]}


def _read(ask: str, found: Any) -> dict[str, Any]:
    """What the adapter read, as samples name it."""
    if isinstance(found, Listing):
        return {"extensions": as_json(found.extensions), "unreadable": sorted(found.unreadable)}
    return {"names": sorted(found) if found is not None else None} if ask == "extensions" else {ask: as_json(found)}


def _suffix(body: bytes) -> str:
    return {b"{": ".json", b"[": ".json", b"<": ".xml"}.get(body.lstrip(b"\xef\xbb\xbf \r\n\t")[:1], ".txt")


def _hidden(one: Recorded, disguise: Disguise, secrets: Iterable[str]) -> Recorded:
    """The same answers, without numbers, names and secrets."""

    def replaced(body: bytes) -> bytes:
        text, encoding = _text(body)
        for secret in secrets:
            text = text.replace(secret, "***")
        return disguise.document(text).encode(encoding, "surrogateescape")

    replies = [
        replace(reply, body=replaced(reply.body), headers=_headers(reply.headers, disguise)) for reply in one.replies
    ]
    return Recorded(one.ask, replies, bytearray(_frames(bytes(one.raw), replaced)))


def _frames(raw: bytes, replaced: Callable[[bytes], bytes]) -> bytes:
    """What came on a connection: the parts whose length is told before them are replaced each by itself."""
    found = LENGTH.search(raw)
    if found is None:
        return replaced(raw)
    end = found.end() + int(found[2])
    body = replaced(raw[found.end() : end])
    head = raw[: found.start()] + found[1] + str(len(body)).encode() + found[3]
    return head + body + _frames(raw[end:], replaced) if raw[end:] else head + body


def _headers(headers: Mapping[str, str], disguise: Disguise) -> dict[str, str]:
    kept = {name: headers[name] for name in HEADERS if name in headers}
    if "set-cookie" in kept:
        name, _, rest = kept["set-cookie"].partition("=")
        value, semicolon, more = rest.partition(";")
        kept["set-cookie"] = f"{name}={disguise.value(value)}{semicolon}{more}"
    return kept


def _text(body: bytes) -> tuple[str, str]:
    """The text, and the encoding that gives the same bytes again."""
    encoding = "utf-16" if body[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-16-le" if body[1:2] == b"\0" else "utf-8"
    return body.decode(encoding, "surrogateescape" if encoding == "utf-8" else "replace"), encoding


def _private(account: PbxAccount, found: Iterable[Any]) -> Iterator[str]:
    """Every text that an answer was read as: numbers, names, ids, custom data; and where the phone system is."""
    yield urlsplit(account.base_url).hostname or ""
    yield from (str(getattr(account, name, "") or "") for name in ("username",))
    for one in found:
        if isinstance(one, Listing):
            yield from (*one.extensions, *one.names.values(), *_texts(as_json(one.details)))
            yield from (text for calls in one.extensions.values() for call in calls for text in _of_call(as_json(call)))
        elif isinstance(one, frozenset):
            yield from one
        elif not isinstance(one, PbxError):
            yield from _texts(as_json(one))


def _of_call(call: dict[str, Any]) -> Iterator[str]:
    """Of a call all but what kind of call it is and when it was."""
    words = ("state", "direction", "pbx", "started_at", "answered_at", "conference", "parked", "held_by_other")
    caller = {name: value for name, value in call["caller"].items() if name != "kind"}
    yield from _texts({**{name: value for name, value in call.items() if name not in words}, "caller": caller})


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from (text for name, inner in value.items() if name not in IDS for text in _texts(inner))
    elif isinstance(value, list):
        yield from (text for inner in value for text in _texts(inner))


def _secrets(account: PbxAccount) -> list[str]:
    return [value.reveal() for value in dict(account).values() if isinstance(value, Secret)]


def _account(account: PbxAccount, disguise: Disguise) -> dict[str, Any]:
    """The make's own keys that change how answers are read. Names of variables are no names of people."""
    keys = {name: value for name, value in account.model_dump().items() if name not in SHARED}
    public = {name: value for name, value in keys.items() if not isinstance(value, Secret) and not OWN.search(name)}
    return {name: value if _is_plain(account, name) else _changed(value, disguise) for name, value in public.items()}


def _is_plain(account: PbxAccount, name: str) -> bool:
    """Whether it is one of a few words, or the name of a variable: nothing of anybody's."""
    is_choice = get_origin(type(account).model_fields[name].annotation) is Literal
    return is_choice or name in ("timezone", "region", "technologies") or "variable" in name


def _changed(value: Any, disguise: Disguise) -> Any:
    if isinstance(value, str):
        return disguise.value(value)
    return [_changed(one, disguise) for one in value] if isinstance(value, list | tuple) else value


def _check(files: Mapping[str, bytes], private: Iterable[str], words: frozenset[str]) -> None:
    texts = [_text(body)[0] for body in files.values()]
    for one in private:
        is_word = set(re.findall(r"[^\W_\d]+", one)) <= words and not re.search(r"\d", one)
        if len(one) >= LONG_ENOUGH and not is_word and any(one in text for text in texts):
            raise NotHidden
