"""`./dev faults`: the crash matrix at length, as a table, the same for CRMs with memory, and what a dead CRM costs a
healthy one.

Ends with 1 when anything was lost or doubled.
"""

import argparse
import asyncio
import random
import sys
import time
from dataclasses import dataclass, field

from bridge.crm.contract import LogsCalls
from bridge.crm.registry import find, packages, simulator
from tests.faults import black_hole, matrix, memory
from tests.faults.breaking import Fault
from tests.faults.matrix import CELLS, Cell, Row
from tests.faults.world import World, open_world

POPUPS, SECONDS, POPUPS_PER_ROUND = 10_800, 1400.0, 10
HOLES, CALLS = 3, 10


@dataclass
class Run:
    """One run of the whole matrix: each fault in a world of its own, all at the same time."""

    popups: int
    seconds: float
    seed: int
    started: float = field(default_factory=time.monotonic)
    rows: dict[Cell, Row] = field(default_factory=lambda: {cell: Row() for cell in CELLS})
    wrong: list[str] = field(default_factory=list)

    async def go(self) -> None:
        """Every cell, again and again."""
        async with asyncio.TaskGroup() as worlds:
            for fault in Fault:
                worlds.create_task(self._break(fault))

    async def _break(self, fault: Fault) -> None:
        chance = random.Random(f"{self.seed} {fault}")
        cells = [cell for cell in CELLS if cell.fault is fault]
        async with open_world() as world:
            while waiting := [cell for cell in cells if self._goes_on(self.rows[cell])]:
                for cell in waiting:
                    await self._round(world, cell, chance)
                print(f"{fault}: {matrix.total(self.rows[cell] for cell in cells)}", file=sys.stderr, flush=True)
            if late := matrix.later(world, matrix.total(self.rows[cell] for cell in cells)):
                self.wrong.append(f"{fault}: {late}")

    def _goes_on(self, row: Row) -> bool:
        in_time = time.monotonic() - self.started < self.seconds
        return not row.rounds or (in_time and row.sent < self.popups / len(CELLS))

    async def _round(self, world: World, cell: Cell, chance: random.Random) -> None:
        count = max(1, min(POPUPS_PER_ROUND, self.popups // len(CELLS)))
        row = await matrix.run(world, cell, count, chance)
        self.rows[cell] += row
        if not row.good:
            print(f"{cell}: {row}\n{world.tails()}", file=sys.stderr, flush=True)


def _keeps_calls(kind: str) -> bool:
    """Whether this make has a button, and a history that keeps calls."""
    return isinstance(find(kind), LogsCalls) and simulator(kind).press is not None


async def remember(calls: int) -> dict[tuple[str, memory.Between], memory.Row]:
    """Every make that keeps calls, through everything that may happen to it."""
    rows = {}
    for kind in (name for name in packages() if _keeps_calls(name)):
        async with memory.open_office(kind) as office:
            for between in memory.Between:
                if office.has(between):
                    rows[kind, between] = await office.run(between, calls)
                    print(f"{kind}, {between}: {rows[kind, between]}", file=sys.stderr, flush=True)
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(prog="./dev faults", description=__doc__)
    parser.add_argument("--popups", type=int, default=POPUPS, help="over all cells (default %(default)s)")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="no new round after these (default %(default)s)")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    asked = parser.parse_args()
    run = Run(asked.popups, asked.seconds, asked.seed)
    asyncio.run(run.go())
    print(matrix.markdown(run.rows))
    whole = matrix.total(run.rows.values())
    print(
        f"\n{len(CELLS)} cells, {whole.rounds} faults, {whole.sent} popups sent, {whole.lost} lost,"
        f" {whole.doubled} doubled, {whole.repeats} pushed again with the same id,"
        f" slowest recovery {whole.slowest:.1f} s; {time.monotonic() - run.started:.0f} s, seed {run.seed}"
    )
    for wrong in run.wrong:
        print(f"\n**{wrong}**")
    remembered = asyncio.run(remember(CALLS))
    print(f"\n{memory.markdown(remembered)}")
    print(f"\n{black_hole.told([asyncio.run(black_hole.measure()) for _ in range(HOLES)])}")
    return 0 if whole.good and not run.wrong and not any(row.why for row in remembered.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
