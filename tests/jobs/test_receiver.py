"""What receivers want beside the signature: their own headers, a name and password; and their address as written."""

import base64
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bridge.core.errors import SettingsError
from bridge.core.http_types import Secret
from bridge.delivery.deliver import deliver
from bridge.settings import load_settings
from tests.jobs.test_deliver import clicked
from tests.stage import open_stage, serving

SECRET_HEADER = "Bearer made-up-token-of-a-receiver"
BASIC = f"Basic {base64.b64encode(b'crm user:p@ss:word').decode()}"


async def pushed(folder: Path, redis_url: Secret, path: str, user: str = "", **extra: str) -> Request:
    """The request that a popup's receiver gets at its own address."""
    got: list[Request] = []

    async def take(request: Request) -> Response:
        got.append(request)
        return Response(status_code=204)

    async with serving(Starlette(routes=[Route("/{rest:path}", take, methods=["POST"])])) as address:
        at = address.replace("http://", f"http://{user}")
        settings = {f"POPBRIDGE_CRM__ACME__{name.upper()}": value for name, value in extra.items()}
        settings["POPBRIDGE_CRM__ACME__POPUP_URL"] = f"{at}{path}"
        async with open_stage(folder, redis_url, extra=settings) as stage:
            stage.talk()
            assert user.rstrip("@") not in str(stage.services.settings) or not user
            _, delivery_id = await clicked(stage)
            await deliver(delivery_id, stage.services)
    (request,) = got
    return request


@pytest.mark.anyio
@pytest.mark.parametrize("path", ["/popups/", "/popups", "/?next=/", "/a//b/", "/p?a=b%2Bc&d=%D7%93/", "/"])
async def test_the_address_is_asked_as_it_is_written(tmp_path: Path, redis_url: Secret, path: str) -> None:
    request = await pushed(tmp_path, redis_url, path)
    query = request.scope["query_string"].decode()
    assert request.scope["raw_path"].decode() + (f"?{query}" if query else "") == path


@pytest.mark.anyio
async def test_a_name_and_password_in_the_address_are_sent_as_basic(tmp_path: Path, redis_url: Secret) -> None:
    request = await pushed(tmp_path, redis_url, "/popups/", "crm%20user:p%40ss%3Aword@")
    assert request.headers["authorization"] == BASIC
    assert request.headers["webhook-signature"].startswith("v1,")


@pytest.mark.anyio
async def test_headers_of_the_receivers_own_come_from_a_file(tmp_path: Path, redis_url: Secret) -> None:
    file = tmp_path / "headers"
    file.write_text(f"\ufeffAuthorization: {SECRET_HEADER}\r\nX-Api-Key:  k1 \r\n\r\n", encoding="utf-8")
    request = await pushed(tmp_path, redis_url, "/", "ignored:x@", popup_headers_file=str(file))
    assert (request.headers["authorization"], request.headers["x-api-key"]) == (SECRET_HEADER, "k1")


@pytest.mark.parametrize(
    "headers",
    ["Host: x", "content-length: 5", "Transfer-Encoding: chunked", "webhook-signature: v1,x", "X Bad: 1", "no colon",
     "X-A: דנה", "X-A: 1\nx-a: 2", "Connection: Upgrade"],
)  # fmt: skip
def test_a_header_that_carries_or_signs_the_request_is_an_error_without_its_value(tmp_path: Path, headers: str) -> None:
    file = tmp_path / "popbridge.toml"
    file.write_text('[pbx.main]\nkind="voicenter"\ncode="ACCOUNTCODE77"\nregion="IL"\n[crm.acme]\nkind="webhook"\n')
    told: dict[str, Any] = {
        "CLICK_TOKEN": "a-token-of-acme-12", "POPUP_URL": "https://crm.acme.example/", "POPUP_HEADERS": headers,
        "POPUP_SECRETS": "whsec_UG9wdXBTZWNyZXRQb3B1cFNlY3JldFBvcHVw",
    }  # fmt: skip
    with pytest.raises(SettingsError) as wrong:
        load_settings(str(file), {f"POPBRIDGE_CRM__ACME__{name}": value for name, value in told.items()})
    assert all("popup_headers" in problem and headers not in problem for problem in wrong.value.problems)
