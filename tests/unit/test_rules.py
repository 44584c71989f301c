"""`[[rules]]`: which rule decides about a call, and `popbridge rules test`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import ValidationError

from bridge.calls.rules import decide
from bridge.cli.main import main
from bridge.config.rules import Rule
from bridge.core.model import Caller, CallerKind, Trigger
from tests.unit.nouns import DANA, call

CALL = replace(
    call(did="0776707528", number="052-234-0002"),
    caller=Caller("052-234-0002", "+972522340002", kind=CallerKind.NUMBER),
    queue="sales",
)
FITTING: list[dict[str, Any]] = [
    {"pbx": "main"},
    *({"did": did} for did in ("0776707528", "+972776707528", "+97277*", "077*")),
    *({"caller": caller} for caller in ("0522340002", "+972522340002", "+97252*")),
    {"queue": "sales"},
    {"direction": "incoming"},
    {"crm": "acme"},
    {"agent": "DANA@acme.example"},
    {"trigger": "ringing"},
    {"pbx": "main", "queue": "sales", "trigger": "ringing"},
]
OTHER: list[dict[str, Any]] = [
    {"pbx": "other"},
    *({"did": did} for did in ("077670752", "*")),
    *({"caller": caller} for caller in ("withheld", "internal", "2340002", "+97250*")),
    {"queue": "sale"},
    {"direction": "outgoing"},
    {"crm": "acm"},
    {"agent": "omer@acme.example"},
    {"trigger": "answer"},
    {"pbx": "main", "queue": "support"},
]


def decided(**rule: Any) -> int:
    return decide([Rule(pop=False, **rule)], CALL, DANA, Trigger.RINGING, "IL").number


@pytest.mark.parametrize("rule", FITTING, ids=str)
def test_what_fits_decides(rule: dict[str, Any]) -> None:
    assert decided(**rule) == 1


@pytest.mark.parametrize("rule", OTHER, ids=str)
def test_what_does_not_fit_decides_nothing(rule: dict[str, Any]) -> None:
    assert decided(**rule) == 0


def test_the_first_that_fits_decides_alone() -> None:
    rules = [Rule(queue="support", pop=False), Rule(queue="sales", label="Sales"), Rule(pop=False)]
    decision = decide(rules, CALL, DANA, Trigger.RINGING, "IL")
    assert (decision.number, decision.pop, decision.label) == (2, True, "Sales")


def test_who_clicks_is_always_answered() -> None:
    decision = decide([Rule(caller="0522340002", pop=False)], CALL, DANA, Trigger.BUTTON, "IL")
    assert (decision.number, decision.pop) == (1, True)


def test_withheld_and_internal_callers_are_told_by_their_kind() -> None:
    for kind, name in ((CallerKind.WITHHELD, "withheld"), (CallerKind.INTERNAL, "internal")):
        theirs = replace(CALL, caller=Caller("101", kind=kind))
        assert decide([Rule(caller=name, pop=False)], theirs, DANA, Trigger.RINGING, "IL").number == 1


@pytest.mark.parametrize(
    "keys", [{}, {"queue": "sales"}, {"pop": False, "trigger": "button"}, {"pop": False, "kolor": "x"}]
)
def test_a_rule_that_changes_nothing_is_a_mistake(keys: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Rule(**keys)


SETTINGS = """
[pbx.main]
kind = "ozeki"
base_url = "http://127.0.0.1:9509"
username = "admin"
password = "x123"
region = "IL"
[crm.acme]
kind = "webhook"
click_token = "token-of-acme-0123456789"
[[rules]]
caller = "withheld"
pop = false
[[rules]]
did = "0776707528"
label = "Sales"
targets = ["desktop"]
"""


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--caller", "withheld"], "rule 1 of 2 decides: it does not pop up"),
        (["--caller", "withheld", "--trigger", "button"], "rule 1 of 2 decides: it pops up, to desktop"),
        (["--did", "077-670-7528"], "rule 2 of 2 decides: it pops up, to desktop, labelled 'Sales'"),
        (["--did", "03-1234567"], "no rule fits: it pops up, to desktop"),
    ],
)
def test_the_command_says_which_rule_decides(tmp_path: Path, words: list[str], said: str) -> None:
    file = tmp_path / "popbridge.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    result = CliRunner().invoke(main, ["--config", str(file), "rules", "test", *words])
    assert (result.exit_code, result.output.strip()) == (0, said)
