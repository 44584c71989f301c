"""A click that names its record: who is calling is known at once, without a search, and fields stay hidden."""

from pathlib import Path
from typing import Any

import pytest

from bridge.core.http_types import Secret
from bridge.store.tokens import Role
from tests.stage import DANA, Stage, open_stage, working

pytestmark = pytest.mark.anyio
RIVKA = {
    "type": "contact", "id": "42", "url": "https://crm.acme.example/42", "name": "Rivka Shalom", "company": "Shalom",
    "details": {"open deals": "2", "notes": "private"}, "phones": ["052-234-0002"],
}  # fmt: skip


async def contact_after(stage: Stage, record: object) -> tuple[Any, Any]:
    """As the answer has it, and the API afterwards."""
    answer = (await stage.click({"agent": DANA, "record": record})).json()
    path = f"/api/popups/{answer['popup']['popup_id']}"
    kept = (await stage.get(path, await stage.token(Role.SUPERVISOR))).json()
    return answer["popup"]["contact"], kept["contact"]


async def test_the_record_of_a_click_is_the_contact(stage: Stage) -> None:
    stage.talk(number="0522340002")
    async with working(stage):
        at_first, kept = await contact_after(stage, RIVKA)
    assert at_first == kept
    assert (kept["status"], kept["from"], kept["crm"], kept["ms"]) == ("one", "click", "acme", None)
    assert kept["records"][0] == {
        "type": "contact", "id": "42", "name": "Rivka Shalom", "company": "Shalom", "owner": "",
        "url": "https://crm.acme.example/42", "details": {"open deals": "2", "notes": "private"},
    }  # fmt: skip


async def test_the_record_of_somebody_else_is_not_the_caller(stage: Stage) -> None:
    stage.talk(number="0587000005")
    _, kept = await contact_after(stage, RIVKA)
    assert (kept["status"], kept["records"]) == ("unasked", [])


@pytest.mark.parametrize(
    ("hide", "records"),
    [
        (["contact.company", "contact.details.notes"], [("", {"open deals": "2"})]),
        (["record"], []),
    ],
)
async def test_hidden_fields_stay_hidden(
    tmp_path: Path, redis_url: Secret, hide: list[str], records: list[Any]
) -> None:
    async with open_stage(tmp_path, redis_url, extra={"POPBRIDGE_CRM__ACME__HIDE": ",".join(hide)}) as stage:
        stage.talk(number="0522340002")
        at_first, kept = await contact_after(stage, RIVKA)
        assert at_first == kept
        assert [(one["company"], one["details"]) for one in kept["records"]] == records
        assert "private" not in str(kept)


async def test_the_page_that_was_open_is_not_the_caller_where_the_crm_can_be_asked(
    tmp_path: Path, redis_url: Secret
) -> None:
    """The button of a CRM names its record, whoever calls; the CRM is asked who it is."""
    async with open_stage(tmp_path, redis_url, crms={"sales": "odoo"}) as stage:
        stage.talk(number="0543450009")
        click = {"agent": DANA, "record": {"type": "res.partner", "id": "9", "name": "Rivka Shalom"}}
        token = stage.services.settings.crm["sales"].click_token.reveal()  # type: ignore[attr-defined]
        answer = await stage.http.post(f"{stage.bridge_url}/clicks/sales?token={token}", json=click)
        assert answer.json()["popup"]["contact"]["status"] == "unknown"
