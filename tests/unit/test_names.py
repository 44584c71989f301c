"""Keys of an installation: each command's keys, and nothing else in it, carry the prefix; none gets past it."""

import ast
import inspect
import re
from pathlib import Path

import pytest
from redis import Redis
from rq.defaults import RQ_KEY_PREFIX

from bridge.core.http_types import Secret
from bridge.store import client
from bridge.store.names import BOTH, EVERY, FIRST, NONE, Names

ROOT = Path(__file__).parents[2]
STAGING = Names("staging")


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("GET popbridge:click:clk_1", "GET staging:click:clk_1"),
        ("SET popbridge:a popbridge:b PX 5", "SET staging:a popbridge:b PX 5"),
        ("DEL popbridge:a rq:job:1", "DEL staging:a staging:rq:job:1"),
        ("EXISTS popbridge:a popbridge:b popbridge:c", "EXISTS staging:a staging:b staging:c"),
        ("WATCH popbridge:a rq:b", "WATCH staging:a staging:rq:b"),
        ("EVAL popbridge:x 2 popbridge:a rq:b popbridge:c", "EVAL popbridge:x 2 staging:a staging:rq:b popbridge:c"),
        ("EVALSHA 0a 0 popbridge:c", "EVALSHA 0a 0 popbridge:c"),
        ("BLMOVE rq:queue:popbridge rq:queue:popbridge LEFT LEFT 1",
         "BLMOVE staging:rq:queue:popbridge staging:rq:queue:popbridge LEFT LEFT 1"),
        ("PUBLISH popbridge:news popbridge:a", "PUBLISH staging:news popbridge:a"),
        ("SCAN 0 MATCH popbridge:* COUNT 10", "SCAN 0 MATCH staging:* COUNT 10"),
        ("SCAN 0 COUNT 10 MATCH rq:job:*", "SCAN 0 COUNT 10 MATCH staging:rq:job:*"),
        ("XADD popbridge:audit MAXLEN ~ 9 * kind rq:x", "XADD staging:audit MAXLEN ~ 9 * kind rq:x"),
        ("get popbridge:a", "get staging:a"),
        ("CONFIG GET popbridge:a", "CONFIG GET popbridge:a"),
        ("PING", "PING"),
    ],
)  # fmt: skip
def test_the_keys_of_a_command_and_nothing_else_carry_the_prefix(command: str, named: str) -> None:
    assert list(STAGING.words(command.split())) == named.split()
    assert list(Names().words(command.split())) == command.split(), "the default prefix changes nothing"


def test_keys_may_be_bytes_and_come_back_as_code_knows_them() -> None:
    assert STAGING.of(b"rq:worker:1") == b"staging:rq:worker:1"
    for key in ("popbridge:popup:pop_1", "rq:job:1"):
        assert STAGING.back(STAGING.of(key)) == key


def test_the_table_says_what_redis_itself_says(redis_url: Secret) -> None:
    with Redis.from_url(redis_url.reveal()) as direct:
        told = {name.upper(): one for name, one in direct.command().items()}
    tables = ((FIRST, (1, 1)), (EVERY, (1, -1)), (BOTH, (1, 2)), (NONE, (0, 0)))
    places = {name: place for table, place in tables for name in table.split()}
    wrong = {
        name
        for name, place in places.items()
        if name in told and (told[name]["first_key_pos"], told[name]["last_key_pos"]) != place
    }
    assert wrong == {"PUBLISH"}, "a channel is no key for Redis, but an installation's own"
    words = re.findall(r"(?:async )?def ([a-z]+)\(self", inspect.getsource(client))
    sent = {name.upper() for name in words if name.upper() in told}
    assert sent - set(places) - {"EVAL", "EVALSHA", "SUBSCRIBE", "PUBSUB", "SCAN"} == set(), "what this program sends"


@pytest.mark.parametrize(
    "command",
    ["GET other:key", "GET popbridge", "DEL popbridge:a other", "SCAN 0", "SORT popbridge:a", "FLUSHALL", "KEYS *"],
)
def test_what_would_get_past_the_prefix_is_refused(command: str) -> None:
    with pytest.raises(ValueError, match=r"outside the installation|not known|MATCH"):
        STAGING.words(command.split())


def test_rq_names_its_keys_as_the_prefix_expects() -> None:
    assert RQ_KEY_PREFIX == "rq"


def texts_in(file: Path) -> list[str]:
    """Every text of a module that is not a docstring."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]


def test_keys_are_built_in_one_module_and_connections_opened_in_one() -> None:
    """Whatever is built elsewhere, or sent by another client, would not carry the prefix."""
    key = re.compile(r"^(popbridge|rq):[a-z*]")
    owners = {"bridge/store/keys.py", "bridge/store/mentions.py"}  # the latter: patterns to scan for
    files = [*(ROOT / "bridge").rglob("*.py"), *(ROOT / "workers").rglob("*.py")]
    built = {str(file.relative_to(ROOT)) for file in files for text in texts_in(file) if key.match(text)}
    assert built <= owners
    opened = re.compile(r"(?<!class )\bRedis\((?!\))|from_url\(|Sentinel\(|ConnectionPool\(")
    assert {file.name for file in files if opened.search(file.read_text())} == {"connections.py"}
    bare = re.compile(r"(?<!def )\bopen_(?:async|sync|worker)\([^,()]*(?:\([^()]*\)[^,()]*)*\)")
    without = {file.name for file in files if bare.search(file.read_text())}
    assert without == {"embedded_server.py"}, "only what asks whether its own server lives needs no prefix"
    scripts = re.compile(r"redis\.call\([^)]*\b(ARGV\[\d+\]) \.\.")
    assert not [file for file in files if scripts.search(file.read_text())], "a key's beginning goes with the KEYS"
