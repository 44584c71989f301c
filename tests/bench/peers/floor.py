"""The floor: a route that only answers. `uvicorn tests.bench.peers.floor:app`."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route


async def click(request: Request) -> JSONResponse:
    await request.body()
    return JSONResponse({"outcome": "found"})


app = Starlette(routes=[Route("/clicks/{crm}", click, methods=["POST"])])
