"""A process that calls the vendor: `python -m tests.egress.caller REDIS VENDOR CALLS LATE TIMEOUT`; prints statuses."""

import asyncio
import json
import sys

from bridge.core.errors import PopbridgeError
from bridge.core.http_types import Request, Secret
from bridge.egress.client import open_client
from bridge.store.client import open_async
from tests.egress.oauth import Account, open_session


async def _call(redis_url: str, vendor: str, calls: int, late: float, timeout: float) -> list[int | str]:
    redis = open_async(Secret(redis_url))
    try:
        async with open_client() as client:
            session = open_session(client, redis, Account(vendor), late, timeout)
            print("asking", flush=True)
            requests = (session.send_authorized(Request("GET", f"{vendor}/api")) for _ in range(calls))
            done = await asyncio.gather(*requests, return_exceptions=True)
    finally:
        await redis.aclose()
    return [str(one) if isinstance(one, PopbridgeError) else one.status for one in done]  # type: ignore[union-attr]


if __name__ == "__main__":
    redis_url, vendor, calls, late, timeout = sys.argv[1:]
    print(json.dumps(asyncio.run(_call(redis_url, vendor, int(calls), float(late), float(timeout)))), flush=True)
