"""Slack: a message that is written once, changed, and continued in its thread; nothing in it is markup."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from bridge.core.contact import Contact, ContactRecord, ContactStatus
from bridge.core.delivery import CallEnd, CallOutcome, DeliveryEvent, Event
from bridge.core.errors import RateLimited, RequestFailed
from bridge.core.finding import Grade
from bridge.core.http_types import Secret
from bridge.crm.contract import Delivered, Duplicate, Recipient, RecipientUnknown, Rejected, Result
from bridge.crm.registry import find
from bridge.crm.simulation import SimulatedAgent
from bridge.crm.slack import simulator
from bridge.crm.slack.account import Account
from bridge.crm.slack.messages import escaped
from bridge.crm.slack.simulated import Message
from tests.contract.session import SimulatorSession
from tests.unit.nouns import NOTE, POPUP

SECRET, URL = Secret("made-up-secret-0123456789"), "http://crm.example/slack"
DANA = SimulatedAgent("dana@acme.example", "Dana Cohen", "U71")
NOW = datetime.now(UTC)
FOUND = Contact(
    ContactStatus.ONE,
    "acme",
    (ContactRecord("Contact", "42", "Rivka <!channel> *S*", "A & B", "https://crm.example/42?a=1|2>", "", {}),),
    ms=80.0,
)


class Workspace:
    """The simulated workspace, and an account that leads to it."""

    def __init__(self, **keys: object) -> None:
        self.fake = simulator.SIMULATED.build(URL, SECRET, [DANA], [])
        section = simulator.section_of_webhook if keys.pop("by_webhook", False) else simulator.SIMULATED.section
        self.account = Account.model_validate({"kind": "slack", **section(URL, SECRET), **keys})
        app = Starlette(routes=[Mount("/slack", self.fake.app())])
        self.session = SimulatorSession(find("slack"), self.account, app, NOW)

    def deliver(self, event: DeliveryEvent, agent_id: str | None = "U71") -> Result:
        recipient = Recipient(DANA.crm_user, DANA.name, agent_id)
        adapter: Any = find("slack")
        result: Result = asyncio.run(adapter.deliver(self.account, self.session, event, recipient))
        return result

    def probe(self) -> Any:
        adapter: Any = find("slack")
        return asyncio.run(adapter.probe(self.account, self.session))

    @property
    def messages(self) -> list[Message]:
        return self.fake.workspace.messages  # type: ignore[attr-defined, no-any-return]


def popup(contact: Contact | None = None, delivery_id: str = "dlv_1") -> DeliveryEvent:
    return DeliveryEvent(Event.POPUP, delivery_id, NOW, replace(POPUP, contact=contact))


def test_the_contact_comes_into_the_message_that_is_there() -> None:
    slack = Workspace()
    asked = Contact(ContactStatus.UNKNOWN, "acme")
    assert isinstance(slack.deliver(popup(asked)), Delivered)
    assert "Looking up the caller…" in str(slack.messages[0].content)
    assert isinstance(slack.deliver(popup(FOUND)), Delivered)
    (message,) = slack.messages
    assert "Rivka" in message.content["text"]
    assert "A & B" in str(message.content["blocks"])
    assert message.channel == "DU71"


def test_what_callers_and_crms_write_is_no_markup() -> None:
    """The simulator refuses what Slack would take for a mention or a link that was not meant."""
    slack = Workspace()
    slack.deliver(popup(FOUND))
    assert slack.messages[0].content["text"].startswith("Incoming call: Rivka &lt;!channel&gt; *S*")
    link = slack.messages[0].content["blocks"][-1]["text"]["text"]
    assert link == "<https://crm.example/42?a=1%7C2%3E|Open in the CRM>"
    assert escaped("<@U1> & \ud83d") == "&lt;@U1&gt; &amp; ?"


def test_an_address_that_is_none_of_the_web_is_no_link() -> None:
    slack = Workspace()
    record = replace(FOUND.records[0], url="javascript:alert(1)")
    slack.deliver(popup(replace(FOUND, records=(record,))))
    assert "mrkdwn" not in str(slack.messages[0].content)


def test_after_a_lost_answer_the_message_that_is_there_is_found() -> None:
    slack = Workspace()
    slack.fake.faults.lost_answers = 1
    with pytest.raises(RequestFailed):
        slack.deliver(popup())
    assert isinstance(slack.deliver(popup()), Duplicate)
    assert len(slack.messages) == 1


def test_without_the_right_to_read_it_is_rather_shown_twice_than_not_at_all() -> None:
    slack = Workspace()
    slack.fake.faults.scopes = ("chat:write", "im:write")
    slack.fake.faults.lost_answers = 1
    with pytest.raises(RequestFailed):
        slack.deliver(popup())
    assert isinstance(slack.deliver(popup()), Delivered)
    assert {one.payload["popup"] for one in slack.messages} == {"pop_1"}


def test_what_comes_later_stands_in_the_thread_of_its_call() -> None:
    slack = Workspace()
    slack.deliver(popup())
    end = CallEnd(
        pbx="main", ivrid=POPUP.call.ivrid, original_ivrid=None, agent=POPUP.agent, caller=POPUP.call.caller, did="",
        direction=POPUP.call.direction, started_at=NOW, answered_at=NOW, ended_at=NOW + timedelta(seconds=65),
        talk_seconds=65, recording=None, outcome=CallOutcome.ANSWERED,
    )  # fmt: skip
    slack.deliver(DeliveryEvent(Event.NOTE, "dlv_2", NOW, NOTE))
    slack.deliver(DeliveryEvent(Event.ENDED, "dlv_3", NOW, end))
    first, *below = slack.messages
    assert [one.thread for one in below] == [first.ts] * 2
    assert [one.content["text"] for one in below] == [
        "Note by Dana Cohen: wants a quote (follow-up)",
        "Call ended: רות לוי, 0722776772; answered, 1:05 min of talk",
    ]


def test_a_channel_takes_one_message_per_second() -> None:
    slack = Workspace(channel="C0POPBRIDGE")
    for number in range(4):
        slack.deliver(popup(delivery_id=f"dlv_{number}"), None)
        slack.session.memory.remembered.clear()
    with pytest.raises(RateLimited) as limited:
        slack.deliver(popup(delivery_id="dlv_5"), None)
    assert limited.value.after == 1.0


def test_a_channel_that_the_app_is_not_in_is_named() -> None:
    result = Workspace(channel="C0ELSEWHERE").deliver(popup(), None)
    assert isinstance(result, Rejected)
    assert "channel_not_found" in str(result.reason)


def test_an_agent_whom_slack_does_not_know_gets_none() -> None:
    assert isinstance(Workspace().deliver(popup(), None), RecipientUnknown)


def test_a_webhook_writes_to_its_channel_and_changes_nothing() -> None:
    slack = Workspace(by_webhook=True)
    slack.deliver(popup(Contact(ContactStatus.UNKNOWN, "acme")), None)
    (message,) = slack.messages
    assert "For: Dana Cohen" in str(message.content)
    assert "Looking up" not in str(message.content)


BROKEN: list[tuple[Callable[[Workspace], object], str]] = [
    (lambda slack: setattr(slack.fake.faults, "scopes", ("chat:write",)), "im:write, users:read.email"),
    (lambda slack: setattr(slack.fake, "token", Secret("another")), "invalid_auth"),
    (lambda slack: setattr(slack.fake.faults, "status", 503), "HTTP 503"),
]


@pytest.mark.parametrize(("breaks", "told"), BROKEN)
def test_the_doctor_says_what_the_token_lacks(breaks: Callable[[Workspace], object], told: str) -> None:
    slack = Workspace()
    assert [one.grade for one in slack.probe()] == [Grade.OK]
    breaks(slack)
    (finding,) = slack.probe()
    assert finding.grade is Grade.FAIL
    assert told in finding.message
    assert finding.fix


def test_the_doctor_tries_a_webhook_without_sending_anything() -> None:
    slack = Workspace(by_webhook=True)
    assert [one.grade for one in slack.probe()] == [Grade.OK]
    slack.fake.hook = "another"  # type: ignore[attr-defined]
    assert [one.grade for one in slack.probe()] == [Grade.FAIL]
    assert slack.messages == []


@pytest.mark.parametrize(
    ("keys", "key"),
    [
        ({}, "bot_token"),
        ({"bot_token": "xoxb-1", "webhook_url": "https://hooks.slack.example/services/1"}, "webhook_url"),
        ({"webhook_url": "services/1"}, "webhook_url"),
        ({"webhook_url": "https://hooks.slack.example/services/1", "channel": "C123"}, "channel"),
        ({"bot_token": "xoxb-1", "channel": "#sales"}, "channel"),
    ],
)
def test_settings_that_cannot_work_are_told(keys: dict[str, object], key: str) -> None:
    account = Account.model_validate({"kind": "slack", **keys})
    assert key in [name for name, _ in account.problems()]


def test_the_address_of_a_webhook_is_told_by_its_host_alone() -> None:
    account = Workspace(by_webhook=True).account
    assert list(account.addresses()) == ["http://crm.example/"]
