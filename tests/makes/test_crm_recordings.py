"""Every recording of a real CRM is used: its answer is a sample that the adapter reads, its request is what the adapter
sends; or it says here why neither is the adapter's. A recording that is added and does nothing is a failure."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.contract import samples
from tests.contract.samples import CRM

RECORDINGS = Path(__file__).parent / "recordings"
KINDS = sorted(folder.name for folder in RECORDINGS.iterdir())
BROWSER = "what the agent's own browser asks"
ADMIN = "what an administrator sets up"
CALLER = "records that were made for the recordings"
NOT_THE_ADAPTERS = {
    "espocrm": {
        "agent_notReadCount": BROWSER,
        "agent_popups_with_reminder": BROWSER,
        "agent_popups_without_reminder_setting": BROWSER,
        "agent_reads_notifications": BROWSER,
        "agent_reads_notifications_after_notes": BROWSER,
        "agent_sets_default_reminders": BROWSER,
        "create_notification_as_admin": "the bridge is no administrator; the same as its own user is a sample",
        "role_messagePermission_all": ADMIN,
        "setup_agent_dana": ADMIN,
        "setup_agent_omer": ADMIN,
        "setup_api_user": ADMIN,
        "setup_role_of_the_bridge": ADMIN,
        "webhook_create_Call_create": ADMIN,
        "webhook_create_Contact_update": ADMIN,
        "webhook_create_by_api_user_Call_create": ADMIN,
        "webhook_create_by_api_user_Contact_update": ADMIN,
    },
    "odoo": {
        "agent_runs_url_action_by_rpc": BROWSER,
        "agent_runs_webhook_action_by_rpc": BROWSER,
        "agent_runs_webhook_action_to_popbridge": BROWSER,
        "company_country_IL": ADMIN,
        "create_agent_user": ADMIN,
        "create_bridge_user": ADMIN,
        "create_partner_anna": CALLER,
        "create_partner_mobile": CALLER,
        "create_partner_rivka": CALLER,
        "create_partner_yael": CALLER,
        "server_action_url": ADMIN,
        "server_action_webhook": ADMIN,
        "server_action_webhook_catcher": ADMIN,
        "version": "the adapter needs no version: it asks for fields that both have",
    },
}
ALSO_SENT = {"create_activity_call_with_email": {"note"}}
"""Fields that the adapter sends beside those of the recording."""
NOT_SENT = {"message_post_with_email": {"partner_ids"}}
"""Fields of the recording that the adapter leaves out: nobody has to be told by e-mail of a call in the history."""


def recording(kind: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDINGS / kind / f"{name}.json").read_text(encoding="utf-8"))
    return found


def names(kind: str) -> list[str]:
    return sorted(file.stem for file in (RECORDINGS / kind).glob("*.json"))


def sample(kind: str, name: str) -> Path:
    return samples.folder(CRM, kind) / "samples" / name


@pytest.mark.parametrize("kind", KINDS)
def test_each_recording_is_read_or_says_why_not(kind: str) -> None:
    read = {name for name in names(kind) if sample(kind, f"{name}.json").exists()}
    excused = set(NOT_THE_ADAPTERS[kind])
    assert read & excused == set()
    assert set(names(kind)) - read - excused == set(), "recordings that nothing reads"
    assert excused - set(names(kind)) == set(), "excuses for what is not recorded"


@pytest.mark.parametrize("kind", KINDS)
def test_no_sample_calls_itself_recorded_that_is_not(kind: str) -> None:
    folder = samples.folder(CRM, kind) / "samples"
    expected = {
        file.name.removesuffix(samples.EXPECTED): json.loads(file.read_text(encoding="utf-8"))
        for file in folder.glob(f"*{samples.EXPECTED}")
    }
    called = {one.get("of", name) for name, one in expected.items() if one.get("from") == "recorded"}
    assert called - set(names(kind)) == set()


def answers() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for name in names(kind):
            if "answer" in recording(kind, name) and sample(kind, f"{name}.json").exists():
                yield kind, name


@pytest.mark.parametrize(("kind", "name"), list(answers()))
def test_a_sample_is_the_recorded_answer(kind: str, name: str) -> None:
    answer = recording(kind, name)["answer"]
    body = sample(kind, f"{name}.json").read_text(encoding="utf-8")
    assert (json.loads(body) if not isinstance(answer["body"], str) else body) == answer["body"]
    expected = json.loads(sample(kind, f"{name}{samples.EXPECTED}").read_text(encoding="utf-8"))
    assert expected.get("status", 200) == answer["status"]


def requests() -> Iterator[tuple[str, str]]:
    for kind in KINDS:
        for name in names(kind):
            if sample(kind, f"{name}{samples.REQUEST}").exists():
                yield kind, name


@pytest.mark.parametrize(("kind", "name"), list(requests()))
def test_a_request_is_the_recorded_one(kind: str, name: str) -> None:
    """Its method, its address, and the fields that it names; `test_crm_samples` sees that the adapter sends it."""
    recorded = recording(kind, name)["request"]
    sent = json.loads(sample(kind, f"{name}{samples.REQUEST}").read_text(encoding="utf-8"))["requests"]
    addresses = [(one["method"], _path(one["url"])) for one in sent]
    assert (recorded["method"], recorded["path"]) in addresses
    alike = [one for one in sent if _what(one.get("json")) == _what(recorded["body"])]
    assert alike, "the same question of the same thing"
    ours, theirs = _fields(alike[-1].get("json")), _fields(recorded["body"])
    assert ours - theirs == ALSO_SENT.get(name, set())
    assert theirs - ours == NOT_SENT.get(name, set())


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def _what(body: Any) -> list[Any]:
    """What a call by JSON-RPC asks of whom; nothing of another body."""
    if not isinstance(body, dict) or "params" not in body:
        return []
    arguments = body["params"]["args"]
    return [body["params"]["service"], body["params"]["method"], *(arguments[3:5] if len(arguments) > 3 else [])]


def _fields(body: Any) -> set[str]:
    """The names of the fields of a body, or of what a call by JSON-RPC writes."""
    if not isinstance(body, dict):
        return set()
    if "params" not in body:
        return set(body)
    values = [one for each in body["params"]["args"][5:] for one in (each if isinstance(each, list) else [each])]
    return {name for one in values if isinstance(one, dict) for name in one}


def test_there_are_recordings_of_both_ways() -> None:
    assert len(list(answers())) > 70
    assert {kind for kind, _ in requests()} == set(KINDS)
