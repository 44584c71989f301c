"""The crash matrix: every fault at every seam, and what became of every popup that had been accepted."""

import asyncio
import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

from bridge.core.delivery import Delivery, DeliveryState
from tests.faults.breaking import BREAK, LINGERING, REPEATING, Fault
from tests.faults.seams import CLAIMED, Gate, Seam
from tests.faults.world import World

MARGIN_SECONDS = 5.0
"""Beyond the lease, until which every popup must have ended."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One fault at one seam."""

    seam: Seam
    fault: Fault

    def __str__(self) -> str:
        return f"{self.fault} {self.seam}"


CELLS = [Cell(seam, fault) for fault, seam in product(Fault, Seam)]


@dataclass(frozen=True, slots=True)
class Broken:
    """What broke and from when to when, on the clock on the wall."""

    fault: Fault
    began: float
    over: float

    def explains_repeat(self, first_push: float, ended_at: float) -> bool:
        """Whether a delivery pushed first and ended at these times may have been pushed once more because of it."""
        if self.fault not in REPEATING or ended_at < self.began:
            return False
        return first_push <= self.over or self.fault in LINGERING


@dataclass(slots=True)
class Row:
    """What became of the popups of one cell."""

    rounds: int = 0
    sent: int = 0
    lost: int = 0
    doubled: int = 0
    repeats: int = 0
    slowest: float = 0.0
    why: str = ""

    def __iadd__(self, other: "Row") -> "Row":
        self.rounds += other.rounds
        self.sent += other.sent
        self.lost += other.lost
        self.doubled += other.doubled
        self.repeats += other.repeats
        self.slowest = max(self.slowest, other.slowest)
        self.why = self.why or other.why
        return self

    @property
    def good(self) -> bool:
        """Whether nothing was lost and nothing doubled."""
        return not self.why

    def __str__(self) -> str:
        """Sent, lost, pushed again, slowest recovery; and what should not be."""
        text = f"{self.sent} / {self.lost} / {self.repeats} / {self.slowest:.1f} s"
        return text if self.good else f"**{text} / {self.doubled} doubled: {self.why}**"


async def run(world: World, cell: Cell, popups: int, chance: random.Random) -> Row:
    """One round of one cell: popups on their way, the fault at the seam, then every popup accounted for."""
    await world.ready()
    before = set(world.accepted)
    skipped = 0 if cell.seam is Seam.AFTER_POP else chance.randrange(1 + popups // 3)  # one pop may take them all
    world.gate = gate = Gate(cell.seam, skipped)
    try:
        clicked = await asyncio.gather(*(world.click() for _ in range(popups)))
        held = world.workers[await gate.gathered(popups // 2)]
        if cell.seam in CLAIMED:
            await world.queue_again(clicked)
        began = time.time()
        await BREAK[cell.fault](world, gate, held)
        over = time.time()
    finally:
        gate.open()
    sent = [delivery for delivery in world.accepted if delivery not in before]
    found = await world.ended(sent, over + bound(world))
    for worker in world.workers:
        worker.heal()
    return judge(world, sent, found, Broken(cell.fault, began, over))


def judge(world: World, sent: Sequence[str], found: Iterable[Delivery], broken: Broken) -> Row:
    """What became of the deliveries `sent`, of which `found` is known."""
    row = Row(rounds=1, sent=len(sent))
    known, ends = {each.delivery_id: each for each in found}, world.redis_server.ends()
    for delivery_id in sent:
        arrivals = world.crm.arrivals.get(delivery_id, [])
        delivery = known.get(delivery_id)
        if problem := _lost(delivery, arrivals, broken.over + bound(world)):
            row.lost += 1
        else:
            assert delivery is not None
            problem = _doubled(world, delivery, arrivals, ends.get(delivery_id, 0))
            problem = problem or _repeated(delivery, arrivals, broken)
            row.doubled += bool(problem)
            row.slowest = max(row.slowest, delivery.ended_at.timestamp() - broken.over if delivery.ended_at else 0.0)
        row.repeats += max(0, len(arrivals) - 1)
        row.why = row.why or (f"{delivery_id}: {problem}" if problem else "")
    return row


def bound(world: World) -> float:
    """How many seconds after a fault every popup must have ended."""
    return world.lease_seconds + MARGIN_SECONDS


def _lost(delivery: Delivery | None, arrivals: Sequence[float], latest: float) -> str:
    """Why the delivery counts as lost. The CRM takes everything, so nothing but delivered, and in time, will do."""
    if delivery is None:
        return "there is no record of it"
    if delivery.state is not DeliveryState.DELIVERED:
        return f"it is {delivery.state}"
    assert delivery.ended_at is not None
    if (late := delivery.ended_at.timestamp() - latest) > 0:
        return f"it ended {late:.1f} s too late"
    return "" if arrivals else "it is called delivered and the CRM never saw it"


def _doubled(world: World, delivery: Delivery, arrivals: Sequence[float], ends: int) -> str:
    """Why the delivery counts as doubled."""
    ids = world.crm.ids_of[delivery.popup_id]
    if ids != {delivery.delivery_id}:
        return f"the CRM saw it as {sorted(ids)}"
    return "" if ends == 1 else f"its end was written {ends} times"


def _repeated(delivery: Delivery, arrivals: Sequence[float], broken: Broken) -> str:
    """Why a repeat has no cause. Its causes: a try that is recorded as failed, or the fault while it was on its way."""
    assert delivery.ended_at is not None
    failed = sum(1 for attempt in delivery.attempts if attempt.error is not None)
    explained = failed + broken.explains_repeat(arrivals[0], delivery.ended_at.timestamp())
    unexplained = len(arrivals) - 1 - explained
    return f"the CRM saw it {unexplained} times more than the fault explains" if unexplained > 0 else ""


def later(world: World, total: Row) -> str:
    """What a world shows that came after its rounds were judged."""
    arrived = sum(len(arrivals) for arrivals in world.crm.arrivals.values())
    if arrived != total.sent + total.repeats:
        return f"{arrived - total.sent - total.repeats} pushes came after their delivery had ended"
    doubled = [delivery for delivery, count in world.redis_server.ends().items() if count != 1]
    return f"the ends of {doubled} were written again later" if doubled else ""


def total(rows: Iterable[Row]) -> Row:
    """All of them together."""
    summed = Row()
    for row in rows:
        summed += row
    return summed


def markdown(rows: Mapping[Cell, Row]) -> str:
    """The matrix as a table."""
    lines = ["| sent / lost / pushed again / slowest recovery | " + " | ".join(Fault) + " |", "| --- " * 7 + "|"]
    for seam in Seam:
        lines.append(f"| {seam} | " + " | ".join(str(rows[Cell(seam, fault)]) for fault in Fault) + " |")
    sums = [total(row for cell, row in rows.items() if cell.fault is fault) for fault in Fault]
    return "\n".join([*lines, "| all | " + " | ".join(map(str, sums)) + " |"])
