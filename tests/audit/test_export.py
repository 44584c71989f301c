"""The log as a file."""

import csv
import io
import json

import pytest
from redis import Redis

from bridge.audit import export
from bridge.audit.archive import Archive
from bridge.audit.export import cell
from bridge.audit.search import Search
from bridge.core.http_types import Secret
from bridge.store import keys
from bridge.store.client import open_async
from bridge.store.tokens import Role
from tests.audit import entries
from tests.stage import Stage

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "text", ["=1+1", "+972522000007", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "＝1", '=HYPERLINK("http://x")']
)
def test_no_cell_is_a_formula(text: str) -> None:
    assert cell(text).startswith("'")
    assert cell(text).replace("'", "") == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x;=1+1", "x;'=1+1"),
        ("x; +1;-2", "x; '+1;'-2"),
        ("x\n@SUM(A1)", "x\n'@SUM(A1)"),
        ("x\t＝1", "x\t'＝1"),
        ("=1;=2", "'=1;'=2"),
        ("a; b", "a; b"),
    ],
)
def test_no_cell_is_a_formula_where_lists_have_semicolons(text: str, told: str) -> None:
    assert cell(text) == told


@pytest.mark.parametrize("text", ["0522000007", "", "a=b", "דנה", "41.7", 'say "no"'])
def test_other_cells_are_as_they_are(text: str) -> None:
    assert cell(text) == text


async def test_both_forms_have_all_entries(archive: Archive, redis_url: Secret) -> None:
    with Redis.from_url(redis_url.reveal()) as direct:
        for _, fields in entries.some(40):
            direct.xadd(keys.AUDIT, fields)
    redis = open_async(redis_url)
    wanted = Search.read({}, [], entries.START)
    told = {
        form: "".join([text async for text, _ in export.texts(archive, redis, wanted, form)])
        for form in ("csv", "jsonl")
    }
    await redis.aclose()
    lines = [json.loads(line) for line in told["jsonl"].splitlines()]
    rows = list(csv.DictReader(io.StringIO(told["csv"].removeprefix(export.BOM))))
    assert [line["click_id"] for line in lines] == [row["click_id"] for row in rows]
    assert len(rows) == 40
    assert rows[0]["agent"] == lines[0]["agent"] == "Agent 39 כהן"
    assert rows[0]["deliveries"] == (
        "acme delivered 2026-11-01T08:00:39.080Z; desktop pending seen 2026-11-01T08:00:39.900Z"
    )


async def test_over_http(stage: Stage) -> None:
    stage.talk(number="+972541112233")
    for _ in range(3):
        await stage.click()
    supervisor = await stage.token(Role.SUPERVISOR)
    told = await stage.get("/api/audit/export?format=csv&outcome=found", supervisor)
    assert told.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in told.headers["content-disposition"]
    assert told.text.count("'+972541112233") == 3
    told = await stage.get("/api/audit/export?format=jsonl&outcome=pbx-refused", supervisor)
    assert (told.status_code, told.text) == (200, "")
    for wrong in ("format=xls", "colour=red", "limit=3"):
        assert (await stage.get(f"/api/audit/export?{wrong}", supervisor)).status_code == 400
    assert (await stage.get("/api/audit/export", await stage.token(Role.AGENT, "dana@acme.example"))).status_code == 403


async def test_memory_does_not_grow_with_the_entries(
    archive: Archive, redis_url: Secret, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No piece is larger than a batch, whatever there is."""
    monkeypatch.setattr(export, "BATCH", 10)
    archive.insert(list(entries.some(35)))
    redis = open_async(redis_url)
    sizes = [lines async for _, lines in export.texts(archive, redis, Search.read({}, [], entries.START), "jsonl")]
    await redis.aclose()
    assert sizes == [10, 10, 10, 5]


async def test_there_is_a_media_type_for_each_form() -> None:
    assert set(export.MEDIA_TYPES) == set(export.FORMATS)
