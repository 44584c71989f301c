"""Microsoft Teams: cards by a workflow; nothing in them is markup, and what Teams does not have is refused."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.contact import Contact, ContactRecord, ContactStatus
from bridge.core.delivery import DeliveryEvent, Event
from bridge.core.http_types import Secret
from bridge.crm.contract import Delivered, Recipient, Rejected, Result, Retry
from bridge.crm.registry import find
from bridge.crm.simulation import SimulatedAgent
from bridge.crm.teams import cards, simulator
from bridge.crm.teams.account import Account
from tests.contract.session import SimulatorSession
from tests.unit.nouns import NOTE, POPUP

SECRET, URL = Secret("made-up-secret-0123456789"), "http://crm.example/teams"
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "")
NOW = datetime.now(UTC)
BAD = "[call me](https://evil.example) **now** <at>all</at>"
FOUND = Contact(
    ContactStatus.ONE, "acme", (ContactRecord("Contact", "42", BAD, BAD, "https://crm.example/42", "", {BAD: BAD}),)
)


class Channel:
    """The simulated workflow, and an account that leads to it."""

    def __init__(self) -> None:
        self.fake: Any = simulator.SIMULATED.build(URL, SECRET, [DANA], [])
        self.account = Account.model_validate({"kind": "teams", **simulator.SIMULATED.section(URL, SECRET)})
        app = Starlette(routes=[Mount("/teams", self.fake.app())])
        self.session = SimulatorSession(find("teams"), self.account, app, NOW)

    def deliver(self, event: DeliveryEvent) -> Result:
        adapter: Any = find("teams")
        recipient = Recipient(DANA.crm_user, DANA.name)
        result: Result = asyncio.run(adapter.deliver(self.account, self.session, event, recipient))
        return result


def popup(contact: Contact | None = None) -> DeliveryEvent:
    return DeliveryEvent(Event.POPUP, "dlv_1", NOW, replace(POPUP, contact=contact))


def texts(value: object, inside: str = "") -> Iterator[tuple[str, str]]:
    """Every text of a card with the type of element that shows it."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, str(value.get("type", inside)) if name in ("text", "title", "value") else inside)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner, inside)
    elif isinstance(value, str) and inside:
        yield inside, value


def test_what_callers_and_crms_write_stands_where_teams_reads_no_markdown() -> None:
    note = replace(NOTE, text=BAD)
    events = (popup(FOUND), DeliveryEvent(Event.NOTE, "dlv_2", NOW, note))
    shown = [pair for event in events for pair in texts(cards.of(event, Recipient(BAD, BAD), "en"))]
    assert {kind for kind, text in shown if "evil" in text} == {"TextRun"}
    assert not any(kind in ("TextBlock", "Fact") for kind, _ in shown)


def test_a_card_names_its_agent_for_flows_that_post_to_them() -> None:
    channel = Channel()
    assert isinstance(channel.deliver(popup(FOUND)), Delivered)
    (one,) = channel.fake.posted
    assert one.recipient == DANA.crm_user
    assert one.card["actions"] == [
        {"type": "Action.OpenUrl", "title": "Open in the CRM", "url": "https://crm.example/42"}
    ]


def test_an_address_that_is_none_of_the_web_is_no_link() -> None:
    record = replace(FOUND.records[0], url="javascript:alert(1)")
    assert "actions" not in cards.of(popup(replace(FOUND, records=(record,))), Recipient("d", "D"), "en")


def test_the_largest_card_is_below_the_limit() -> None:
    long = "😀" * 5000
    record = ContactRecord("Contact", "1", long, long, "https://crm.example/" + "a" * 1900, long, {
        f"{number}{long}": long for number in range(50)
    })  # fmt: skip
    call = replace(POPUP.call, did_label=long, caller=replace(POPUP.call.caller, name=long, number=long))
    contact = Contact(ContactStatus.SEVERAL, "acme", (record,) * 10)
    channel = Channel()
    for one in (contact, replace(contact, status=ContactStatus.ONE, records=(record,))):
        event = DeliveryEvent(Event.POPUP, "dlv_1", NOW, replace(POPUP, call=call, contact=one))
        assert isinstance(channel.deliver(event), Delivered)


def test_above_four_cards_in_a_second_it_says_when_again() -> None:
    channel = Channel()
    for _ in range(4):
        assert isinstance(channel.deliver(popup()), Delivered)
    result = channel.deliver(popup())
    assert isinstance(result, Retry)
    assert result.after is not None
    assert result.after.total_seconds() == 2


@pytest.mark.parametrize(
    ("text", "reason"),
    [("Microsoft Teams endpoint returned HTTP error 429", "teams.limit"), ("HTTP error 403", "teams.not-working")],
)
def test_an_error_inside_a_200_is_none_of_success(text: str, reason: str) -> None:
    channel = Channel()
    channel.fake.faults.failed_in_200 = text
    result = channel.deliver(popup())
    assert isinstance(result, Retry)
    assert result.reason.code == reason


def test_an_address_with_another_signature_is_refused() -> None:
    channel = Channel()
    channel.fake.signature = "another"
    result = channel.deliver(popup())
    assert isinstance(result, Rejected)
    assert result.reason.code == "teams.signature"
    assert channel.fake.posted == []


@pytest.mark.parametrize(
    ("keys", "key", "told"),
    [
        ({}, "webhook_url", "is needed"),
        ({"bot_token": "xoxb-1"}, "bot_token", "use webhook_url"),
        ({"webhook_url": "workflows/1"}, "webhook_url", "must be the address"),
        ({"webhook_url": "https://acme.webhook.office.com/webhookb2/1"}, "webhook_url", "retired"),
        ({"webhook_url": "https://outlook.office.com/webhook/1"}, "webhook_url", "retired"),
    ],
)
def test_settings_that_cannot_work_are_told(keys: dict[str, object], key: str, told: str) -> None:
    account = Account.model_validate({"kind": "teams", **keys})
    assert told in str(dict(account.problems())[key])


def test_the_address_of_the_workflow_is_told_by_its_host_alone() -> None:
    assert list(Channel().account.addresses()) == ["http://crm.example/"]
