"""Every route × every role: who is let in. `pytest -s` prints the table."""

import re

import pytest

from bridge.store.tokens import Role
from bridge.web.api.operations import all_operations
from tests.stage import DANA, TOKEN, Stage

pytestmark = pytest.mark.anyio

MAY = {
    "all": {"nobody", "agent", "supervisor", "admin", "button"},
    "button": {"button"},
    "agent": {"agent"},
    "token": {"agent", "supervisor", "admin"},
    "supervisor": {"supervisor", "admin"},
    "admin": {"admin"},
}
ENDLESS = {one.path for one in all_operations() if ("text/event-stream",) in one.answers.values()}
"""Streams: their status is all that is waited for."""


async def test_each_route_lets_in_whom_it_is_for_and_nobody_else(stage: Stage) -> None:
    rows, wrong = [], []
    for one in all_operations():
        row = []
        for role in ("nobody", "button", "agent", "supervisor", "admin"):
            status = await ask(stage, one.method, one.path, await headers(stage, role))
            let_in = status not in (401, 403)
            row.append(f"{status:>10}")
            if let_in != (role in MAY[one.who]):
                wrong.append(f"{one.method} {one.path} as {role}: {status}")
        rows.append(f"{one.method:<7}{one.path:<44}{''.join(row)}")
    print("\n" + "\n".join([" " * 51 + "    nobody    button     agent supervisor   admin", *rows]))
    assert wrong == []


async def headers(stage: Stage, role: str) -> dict[str, str]:
    """A token of its own for each question, so that one that signs out harms no other."""
    if role == "nobody":
        return {}
    if role == "button":
        return {"Authorization": f"Bearer {TOKEN.reveal()}"}
    return await stage.token(Role(role), DANA if role == "agent" else None)


async def ask(stage: Stage, method: str, path: str, sent: dict[str, str]) -> int:
    """The status of a question that nothing but the role can be wrong with in a way that looks like 401 or 403."""
    url = stage.bridge_url + re.sub(r"{crm}", "acme", re.sub(r"{(?!crm)\w+}", "unknown", path))
    body = {"json": {}} if method in ("post", "put") else {}
    if method == "get" and path == "/clicks/{crm}":
        url += "?agent=x&token=" + sent.get("Authorization", "").removeprefix("Bearer ")
    async with stage.http.stream(method.upper(), url, headers=sent, **body) as response:
        if path not in ENDLESS:
            await response.aread()
        return response.status_code
