"""Log lines: their fields, their two forms, and what never gets into them."""

import asyncio
import io
import json
import logging
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from bridge.config.models import Log
from bridge.core.errors import PbxRefused
from bridge.core.phone_numbers import masked
from bridge.core.reasons import Reason
from bridge.observability import logs

log = logging.getLogger("bridge.tried")
LookupResult = Callable[[], list[dict[str, Any]]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def errors(monkeypatch: pytest.MonkeyPatch) -> Iterator[io.StringIO]:
    """What stands on standard error, which is no terminal; logging is put back as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for handler in handlers:
        root.removeHandler(handler)
    written = io.StringIO()
    monkeypatch.setattr(logs, "sys", SimpleNamespace(stderr=written))
    yield written
    for handler in root.handlers[:]:
        root.removeHandler(handler)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def lines(text: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.getvalue().splitlines()]


def test_a_line_on_a_pipe_is_one_json_object(errors: io.StringIO) -> None:
    logs.start(Log(), "worker")
    log.warning("redis is away:\n%s", "TimeoutError")
    logs.event(log, "job", job="deliver", ms=1.5, none=None)
    first, second = lines(errors)
    assert list(first) == ["time", "level", "process", "logger", "message"]
    assert (first["level"], first["process"], first["logger"]) == ("warning", "worker", "bridge.tried")
    assert first["message"] == "redis is away:\nTimeoutError"
    assert first["time"].endswith("Z")
    assert {name: second[name] for name in ("message", "job", "ms")} == {"message": "job", "job": "deliver", "ms": 1.5}
    assert "none" not in second


def test_a_line_on_a_terminal_is_words_and_commands_no_terminal(
    errors: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = Terminal()
    monkeypatch.setattr(logs, "sys", SimpleNamespace(stderr=screen))
    logs.start(Log(), "web")
    logs.event(log, "click", crm="acme", caller="\x1b[2J\nfalse line עומר")
    (line,) = screen.getvalue().splitlines()
    assert line.split()[1:4] == ["info", "click", "crm=acme"]
    assert "\x1b" not in line


@pytest.mark.parametrize(("wanted", "is_json"), [("json", True), ("text", False)])
def test_the_form_can_be_set(errors: io.StringIO, wanted: Any, is_json: bool) -> None:
    logs.start(Log(format=wanted), "web")
    log.info("hello")
    assert errors.getvalue().startswith("{") is is_json


def test_the_level_can_be_set_again(errors: io.StringIO) -> None:
    logs.start(Log(level="error"), "web")
    log.warning("not told")
    logs.event(log, "click", outcome="found")
    logs.start(Log(level="debug"), "web")
    log.debug("told")
    assert [line["message"] for line in lines(errors)] == ["told"]


def test_each_task_follows_its_own_click(errors: io.StringIO) -> None:
    logs.start(Log(), "web")

    async def one(click_id: str) -> None:
        logs.follow(click_id)
        await asyncio.sleep(0)
        log.info(click_id)

    async def both() -> None:
        await asyncio.gather(one("clk_1"), one("clk_2"))
        log.info("none")

    asyncio.run(both())
    assert [line.get("click_id") for line in lines(errors)] == ["clk_1", "clk_2", None]


def test_a_failure_says_where_and_what_kind_but_not_what_was_quoted(errors: io.StringIO) -> None:
    logs.start(Log(), "web")
    for error in (ValueError("0722776772 is no name"), PbxRefused(Reason("the code is not accepted"))):
        try:
            raise error
        except Exception:
            log.exception("job failed")
    foreign, own = lines(errors)
    assert foreign["error"] == "ValueError"
    assert "test_logs.py" in foreign["trace"][0]
    assert own["error"] == "PbxRefused: the code is not accepted"
    assert "0722776772" not in errors.getvalue()


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        ("+972722776772", "+9727…72"), ("0722776772", "07227…72"), ("2776772", "27…72"), ("103", "internal"),
        ("*6759", "service"), ("", "withheld"), ("Anonymous", "withheld"), ("Dana Cohen", "text"),
    ],
)  # fmt: skip
def test_numbers_are_masked(number: str, shown: str) -> None:
    assert masked(number) == shown
