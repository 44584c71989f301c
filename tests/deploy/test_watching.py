"""Alerts and the board speak of metrics that there are, and every alert has its test and its section in the runbook."""

import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from bridge.core.http_types import Secret
from bridge.core.model import Outcome
from bridge.delivery.deliver import deliver
from bridge.store import counters, keys, listeners
from bridge.store.tokens import Role
from tests.deploy.test_files import DEPLOY, run, said, tool
from tests.stage import Stage, open_stage, simulated

PROMETHEUS = DEPLOY / "prometheus"
BOARD = json.loads((DEPLOY / "grafana" / "popbridge.json").read_text())
RULES = [rule for group in YAML(typ="safe").load(PROMETHEUS / "alerts.yml")["groups"] for rule in group["rules"]]
ALERTS = [rule for rule in RULES if "alert" in rule]
BOARDS = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
NAME = re.compile(r"(?<![:\w])popbridge_\w+")
MATCH = re.compile(r"(popbridge_\w+)\{([^}]*)\}")


def expressions() -> list[str]:
    return [*(rule["expr"] for rule in RULES), *BOARDS]


def test_promtool_takes_the_rules() -> None:
    done = run(tool("promtool", "prometheus"), "check", "rules", PROMETHEUS / "alerts.yml")
    assert done.returncode == 0, said(done)


def test_every_alert_fires_when_it_should_and_not_before() -> None:
    done = run(tool("promtool", "prometheus"), "test", "rules", PROMETHEUS / "alerts.test.yml")
    assert done.returncode == 0, said(done)


def test_promtool_takes_every_expression_of_the_board(tmp_path: Path) -> None:
    promtool, yaml = tool("promtool", "prometheus"), YAML()
    rules = [
        {"record": f"board:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(BOARDS)
    ]
    with (tmp_path / "board.yml").open("w") as file:
        yaml.dump({"groups": [{"name": "board", "rules": rules}]}, file)
    done = run(promtool, "check", "rules", tmp_path / "board.yml")
    assert done.returncode == 0, said(done)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_every_alert_is_described_in_the_runbook_and_tested(alert: dict[str, Any]) -> None:
    name, runbook = alert["alert"], (DEPLOY / "README.md").read_text(encoding="utf-8")
    assert f"\n### {name}\n" in runbook
    assert alert["annotations"]["runbook"] == f"deploy/README.md#{name.lower()}"
    cases = YAML(typ="safe").load(PROMETHEUS / "alerts.test.yml")["tests"]
    asked = [one for case in cases for one in case.get("alert_rule_test", []) if one["alertname"] == name]
    assert {bool(one.get("exp_alerts")) for one in asked} == {True, False}, "it is tested firing and silent"


@pytest.mark.anyio
async def test_every_metric_that_is_named_is_there(tmp_path: Path, redis_url: Secret) -> None:
    extra = {"POPBRIDGE_PBX__CLOUD__EVENTS": "push", "POPBRIDGE_PBX__CLOUD__EVENT_SECRET": "made-up-event-secret-0123"}
    office, cloud = (simulated(kind, Secret("made-up-secret-0123")) for kind in ("3cx", "ringcentral"))
    opened = open_stage(tmp_path, redis_url, office, {"cloud": cloud}, main_keys={"events": "connect"}, extra=extra)
    async with opened as stage:
        for pbx in ("main", "cloud"):
            await listeners.report(stage.redis, pbx, listeners.Status(time.time(), "one", "here", ""))
        await every_metric_that_is_named_is_there(stage)


async def every_metric_that_is_named_is_there(stage: Stage) -> None:
    stage.talk()
    answer = (await stage.click()).json()
    await stage.raw(b"{")
    popup = await stage.get(f"/api/popups/{answer['popup']['popup_id']}", await stage.token(Role.SUPERVISOR))
    for delivery in popup.json()["deliveries"]:
        await deliver(delivery["delivery_id"], stage.services)
    worker = {"at": time.time(), "in_flight": 0, "circuits": stage.services.targets.circuits()}
    await stage.redis.hset(keys.WORKERS, mapping={"one": json.dumps(worker)})
    await stage.redis.hincrby(keys.COUNTERS, counters.field("clicks_repeated", "acme"))
    await stage.redis.hincrby(keys.COUNTERS, counters.field("clicks_overload", "acme"))
    await stage.redis.hincrby(keys.COUNTERS, counters.field("recovered"))
    told = (await stage.get("/metrics")).text
    samples = {match[1]: match[2] or "" for match in re.finditer(r"(?m)^(popbridge_\w+)(\{.*?\})? ", told)}
    missing = {name for expression in expressions() for name in NAME.findall(expression)} - set(samples)
    assert missing == set()
    for expression in expressions():
        for name, matchers in MATCH.findall(expression):
            labels = re.findall(r"(\w+)=", matchers)
            assert [label for label in labels if f'{label}="' not in samples[name]] == []
            for wanted in re.findall(r'outcome=~"(pbx-[^"]+)"', matchers):
                assert any(re.fullmatch(wanted, str(outcome)) for outcome in Outcome)
