"""The faults: what is done to a world while the gate holds deliveries at a seam. Each opens the gate."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from enum import StrEnum

from tests.faults.seams import Gate, Seam, is_pop, is_write
from tests.faults.world import STOP_SECONDS, WorkerSlot, World
from tests.stage import until

UNREACHABLE_SECONDS = 5.0
LOSE_SECONDS = 5.0


class Fault(StrEnum):
    """What breaks."""

    SIGKILL = "SIGKILL"
    SIGTERM = "SIGTERM"
    REDIS_RESTART = "Redis killed and started"
    REDIS_UNREACHABLE = "Redis unreachable for 5 s"
    WRITE_REPLY_LOST = "EXEC or EVAL reply lost"
    POP_REPLY_LOST = "pop reply lost"


REPEATING = (Fault.SIGKILL, Fault.REDIS_RESTART, Fault.REDIS_UNREACHABLE)
"""After these nobody can know whether a push that was on its way arrived, so it is sent again."""
LINGERING = (Fault.REDIS_RESTART, Fault.REDIS_UNREACHABLE)
"""These leave dead connections in the workers' pools, which are found dead when they are used next: perhaps only to
record a push that was made after the fault."""


async def kill_worker(world: World, gate: Gate, worker: WorkerSlot) -> None:
    """The worker dies; what it had sent does not arrive any more."""
    starts = worker.starts
    worker.signal(signal.SIGKILL)
    await _started_again(worker, starts)
    gate.open(passes=False)


async def stop_worker(world: World, gate: Gate, worker: WorkerSlot) -> None:
    """The worker is told to stop, ends what it has, and goes in order."""
    starts = worker.starts
    worker.signal(signal.SIGTERM)
    gate.open()
    await _started_again(worker, starts)
    assert worker.exit_code == 0, f"the worker ended with {worker.exit_code}"


async def _started_again(worker: WorkerSlot, starts: int) -> None:
    async def started() -> bool:
        return worker.starts > starts

    await until(started, STOP_SECONDS)


async def restart_redis(world: World, gate: Gate, worker: WorkerSlot) -> None:
    """Redis dies and is there again at once."""
    await world.redis_server.kill()
    await world.redis_server.start()
    gate.open()


async def cut_workers_off(world: World, gate: Gate, worker: WorkerSlot) -> None:
    """No worker reaches Redis for a while."""
    for each in world.workers:
        each.line.down = True
        each.line.cut()
    gate.open(passes=False)
    await asyncio.sleep(UNREACHABLE_SECONDS)
    for each in world.workers:
        each.line.down = False


async def lose_write_replies(world: World, gate: Gate, worker: WorkerSlot) -> None:
    """As many replies to the worker's writes are lost as deliveries are held; the writes themselves are done."""
    worker.losing, worker.to_lose = is_write, gate.held
    gate.open()
    await _one_lost([worker])


async def lose_pop_reply(world: World, gate: Gate, worker: WorkerSlot) -> None:
    """A pop's reply is lost: the worker never hears of the popups in it. Where none is held, new popups come by."""
    for each in world.workers:
        each.losing, each.to_lose = is_pop, 1
    if gate.seam is Seam.AFTER_POP:
        gate.open()
        await _one_lost([worker])
    else:
        await asyncio.gather(_one_lost(world.workers), *(world.click() for _ in range(2)))
        gate.open()
    for each in world.workers:
        each.to_lose = 0


async def _one_lost(workers: list[WorkerSlot]) -> None:
    async def lost() -> bool:
        return any(worker.lost for worker in workers)

    await until(lost, LOSE_SECONDS)


BREAK: dict[Fault, Callable[[World, Gate, WorkerSlot], Awaitable[None]]] = {
    Fault.SIGKILL: kill_worker,
    Fault.SIGTERM: stop_worker,
    Fault.REDIS_RESTART: restart_redis,
    Fault.REDIS_UNREACHABLE: cut_workers_off,
    Fault.WRITE_REPLY_LOST: lose_write_replies,
    Fault.POP_REPLY_LOST: lose_pop_reply,
}
