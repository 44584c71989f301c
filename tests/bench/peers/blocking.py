"""A handler that calls RQ's own `enqueue`, as its documentation has it: it waits for Redis, the event loop with it.

`uvicorn tests.bench.peers.blocking:app`. Nothing in here imports popbridge.
"""

import os

import rq
from redis import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route

queue = rq.Queue(connection=Redis.from_url(os.environ.get("BENCH_REDIS", "redis://127.0.0.1")))


async def click(request: Request) -> JSONResponse:
    queue.enqueue("jobs.deliver", (await request.body()).decode())
    return JSONResponse({"outcome": "found"})


async def alive(_: Request) -> PlainTextResponse:
    return PlainTextResponse("alive")


app = Starlette(routes=[Route("/clicks/{crm}", click, methods=["POST"]), Route("/livez", alive)])
