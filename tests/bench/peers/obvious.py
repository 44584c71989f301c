"""The script that most would write first: check the signature, ask, keep, queue, answer. It promises nothing.

`uvicorn tests.bench.peers.obvious:app`. Nothing in here imports popbridge.
"""

import json
import os
import secrets
from typing import Any

import httpx
import redis.asyncio as redis
from standardwebhooks import Webhook
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

webhook = Webhook(os.environ.get("BENCH_SECRET", "whsec_" + "Q2xpY2tTZWNyZXRDbGlja1NlY3JldENsaWNr"))
phone = httpx.AsyncClient(base_url=os.environ.get("BENCH_PHONE", "http://127.0.0.1:9"), timeout=5)
store: Any = redis.from_url(os.environ.get("BENCH_REDIS", "redis://127.0.0.1"))


async def click(request: Request) -> JSONResponse:
    asked = webhook.verify(await request.body(), dict(request.headers))
    extension = "SIP" + asked["agent"].partition("@")[0]
    told = await phone.get("/GetExtensionsCalls", params={"code": "ACCOUNTCODE77", "extension": extension})
    calls = [call for row in told.json()["EXTENSIONS"] if row["username"] == extension for call in row["calls"]]
    if not calls:
        return JSONResponse({"outcome": "no-active-call"})
    popup_id = secrets.token_hex(16)
    popup = json.dumps({"popup_id": popup_id, "agent": asked["agent"], "call": calls[0]})
    async with store.pipeline(transaction=True) as pipe:
        pipe.setex(f"popup:{popup_id}", 259200, popup)
        pipe.xadd("audit", {"line": popup})
        pipe.rpush("jobs", popup_id)
        await pipe.execute()
    return JSONResponse({"outcome": "found", "popup_id": popup_id, "call": calls[0]})


app = Starlette(routes=[Route("/clicks/{crm}", click, methods=["POST"])])
