"""The job as RQ's users write it. Imported before the fork, as RQ's documentation advises."""

import httpx

from tests.bench.peers.push import TIMEOUT_SECONDS, push_and_wait

CLIENT = httpx.Client(timeout=TIMEOUT_SECONDS)


def deliver(target: str, message_id: str, body: str) -> None:
    push_and_wait(CLIENT, target, message_id, body)
