"""The floor: routes that only answer. `uvicorn tests.bench.peers.floor:app`."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse
from starlette.routing import Route


async def click(request: Request) -> JSONResponse:
    await request.body()
    return JSONResponse({"outcome": "found"})


async def alive(_: Request) -> PlainTextResponse:
    return PlainTextResponse("alive")


app = Starlette(routes=[Route("/clicks/{crm}", click, methods=["POST"]), Route("/livez", alive)])
