"""What is kept of an answer that refuses a delivery: its beginning, without secrets and numbers."""

from typing import cast

import pytest

from bridge.core.http_types import Reply, Request, Secret
from bridge.core.session import Session
from bridge.delivery.watched import LONGEST, Watched

pytestmark = pytest.mark.anyio
SECRET = Secret("key-12345678")


class Answers:
    """A session whose requests are all answered so."""

    def __init__(self, status: int, body: bytes) -> None:
        self.reply = Reply(status, {}, body, 1.0)

    async def send(self, request: Request, repeatable: bool = False, wants_body: bool = True) -> Reply:
        return self.reply


async def said(status: int, body: bytes) -> str:
    session = Watched(cast(Session, Answers(status, body)), lambda: [SECRET])
    await session.send(Request("POST", "https://crm.example"))
    assert session.status == status
    return session.said


@pytest.mark.parametrize(
    ("body", "kept"),
    [
        ("no contact has 072-277 6772", "no contact has •••"),
        ('{"phone":"+972722776772","id":42}', '{"phone":"•••","id":42}'),
        (f"the key {SECRET.reveal()} is wrong", "the key *** is wrong"),
        ("<html>\n\x1b[31m nothing\u202e", "<html>  [31m nothing"),
        ("x" * 5000, "x" * LONGEST),
        ("", ""),
    ],
)
async def test_what_refuses_is_kept_without_secrets_and_numbers(body: str, kept: str) -> None:
    assert " ".join((await said(422, body.encode())).split()) == " ".join(kept.split())


async def test_what_was_taken_says_nothing() -> None:
    assert await said(200, b"taken") == ""
    assert await said(500, b"\xff\xfe") != ""
