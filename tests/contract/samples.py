"""The samples that lie in every adapter's folder, and their format. A new adapter gets its tests by bringing them.

`samples/account.json`
    The keys of `[pbx.NAME]` or `[crm.NAME]`, all secrets invented.

Phone systems
    `NAME.SUFFIX` is the body of one answer, byte by byte, and `NAME.expected.json` what must come of it:

    - `from`: `recorded` (from a real system), `documented` (the vendor's own example) or `invented`
    - `before`: bodies of the answers before this one, where a question takes several requests ([]); each a name of
      another file of the folder, or an object with `status`, `headers` and `text` or `json`
    - `ask`: `calls` (if left out), `queues`, `people` or `extensions`; `extension` or `queue`: what was asked for (left
      out: all)
    - `raw` (false): the body is not HTTP's but what came on a connection that was dialled, from its first byte on
    - `status` (200), `headers` ({}), `now` (2026-11-22T10:00:00Z), `account` (keys that differ from account.json)
    - `extensions`: each listed extension with its calls, in the names of the popup (a call may leave out names: what it
      names must be so), and `unreadable` ([]); or `queues`; or `people`; or `names`, of the extensions there are; or
    - `error`: the class that is raised, `says`: texts that its text must contain

    `NAME.request.json` is a question: `ask`, `extension`, `queue` and `account` as above, `requests` (method, url,
    headers and `json` or `text` for the body) that it makes, and `secrets_in`, the one part of them in which secrets
    may stand.

CRMs
    `NAME.SUFFIX` is the body of one answer of the CRM, and `NAME.expected.json` what must come of it:

    - `of`: the recording of another name that it was taken from (tests/makes/recordings)
    - `from`, `status`, `headers`, `account`, `before` as above, `now` (2026-11-22T12:00:30Z)
    - `ask`: `deliver` (if left out), `find_contacts`, `log_call`, `find_agent`, `create_contact`; asked with:
      `number` (+972722776772), `name`, `crm_user`, `agent_id` (none), `ref`, `remembered` (what the session recalls)
    - `event` (call.popup) and `data`: the parts of the fixed popup, note or call that differ, in the names of the JSON
    - `result`: the class of a delivery's result, `reason` (its code) and `ref` where they count; or `records` (each
      record's fields that count), `more`; or `ref`; or `agent_id`; or `error`; and `says` for any of them

    `NAME.request.json` is asked in the same way, and `requests` is what is sent for it; `before` are the answers to it.

    A body with `content_type` is a click: `asked` is what is read in it, or `error` and `says`. It comes as `method`
    (POST) with `headers` and `query`, or with the account's `click_token`; `keyed` (false) where a repeat is known.
"""

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from hypothesis import strategies as st

import bridge.crm.registry
import bridge.pbx.registry
from bridge.config.models import Section
from bridge.core.http_types import Reply, Secret

EXPECTED, REQUEST, ACCOUNT = ".expected.json", ".request.json", "account.json"
VALUES = re.compile(rb"(?<=[:\[,])\s*(?:-?[0-9]+|\"[^\"]*\"|\{\}|\[\])")
"""Where a value stands in JSON, as far as it is no object or list with something in it."""


@dataclass(frozen=True)
class Sample:
    """One file of `samples/` with what is expected of it."""

    kind: str
    name: str
    body: bytes
    expected: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.kind}-{self.name}"

    @property
    def is_json(self) -> bool:
        """Whether its body is an object or a list, with a value in it."""
        return self.body[:1] in (b"{", b"[") and VALUES.search(self.body) is not None


def with_another_value(sample: Sample, data: st.DataObject) -> Sample:
    """The sample with one value of its JSON replaced by another one, of whatever type."""
    plain = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    place = data.draw(st.sampled_from(list(VALUES.finditer(sample.body))))
    value = data.draw(st.recursive(plain, _around))
    body = sample.body[: place.start()] + json.dumps(value).encode() + sample.body[place.end() :]
    return replace(sample, body=body)


def _around(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(values, max_size=3) | st.dictionaries(st.text(max_size=5), values, max_size=3)


def folder(group: ModuleType, kind: str) -> Path:
    """The folder of one adapter."""
    package: str = group.packages()[kind]
    return Path(str(group.__file__)).parent / package.rpartition(".")[2]


def _files(group: ModuleType, kind: str) -> list[Path]:
    return sorted((folder(group, kind) / "samples").iterdir())


def bodies(group: ModuleType) -> list[Sample]:
    """Every body of every adapter, with its expectation."""
    return [
        Sample(kind, file.stem, file.read_bytes(), _json(file.with_name(file.stem + EXPECTED)))
        for kind in group.kinds()
        for file in _files(group, kind)
        if not file.name.endswith((EXPECTED, REQUEST)) and file.name != ACCOUNT
    ]


def questions(group: ModuleType) -> list[Sample]:
    """Every request that is expected of an adapter."""
    return [
        Sample(kind, file.name.removesuffix(REQUEST), b"", _json(file))
        for kind in group.kinds()
        for file in _files(group, kind)
        if file.name.endswith(REQUEST)
    ]


def strays(group: ModuleType, kind: str) -> list[str]:
    """Files that belong to nothing: an expectation without its body, or a body without its expectation."""
    names = {file.name for file in _files(group, kind)}
    stems = {name.removesuffix(EXPECTED) for name in names if name.endswith(EXPECTED)}
    rest = {name for name in names if not name.endswith((EXPECTED, REQUEST)) and name != ACCOUNT}
    return sorted(stems ^ {Path(name).stem for name in rest})


def account(group: ModuleType, kind: str, **changed: object) -> Any:
    """The sample account of one adapter."""
    keys = _json(folder(group, kind) / "samples" / ACCOUNT) | changed
    made: Section = group.find(kind).account.model_validate(keys)
    return made


def reply(group: ModuleType, kind: str, before: Any) -> Reply:
    """An answer that comes before a sample's own: a file of the folder, or what it says itself."""
    if isinstance(before, str):
        return Reply(200, {}, (folder(group, kind) / "samples" / before).read_bytes(), 1.0)
    text = before["text"] if "text" in before else json.dumps(before["json"]) if "json" in before else ""
    return Reply(before.get("status", 200), before.get("headers", {}), text.encode(), 1.0)


def secrets_of(value: object) -> list[str]:
    """Every secret in an account."""
    if isinstance(value, Secret):
        return [value.reveal()]
    inner = dict(value).values() if isinstance(value, Section) else value if isinstance(value, tuple) else ()
    return [secret for item in inner for secret in secrets_of(item)]


def _json(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))


PBX, CRM = bridge.pbx.registry, bridge.crm.registry
