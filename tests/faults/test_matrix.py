"""The crash matrix in short: every cell once. `./dev faults` runs it at length."""

import asyncio
import random
from collections.abc import Sequence

import pytest

from tests.faults import matrix
from tests.faults.breaking import Fault
from tests.faults.matrix import CELLS, Cell, Row
from tests.faults.world import open_world

pytestmark = pytest.mark.anyio

POPUPS = 6


@pytest.mark.parametrize("fault", list(Fault), ids=lambda fault: fault.name.lower())
async def test_nothing_is_lost_and_nothing_doubled_at_any_seam(fault: Fault) -> None:
    cells = [cell for cell in CELLS if cell.fault is fault]
    async with asyncio.TaskGroup() as worlds:
        for start in range(2):
            worlds.create_task(in_a_world(cells[start::2]))


async def in_a_world(cells: Sequence[Cell]) -> None:
    total, chance = Row(), random.Random(str(cells[0]))
    async with open_world() as world:
        for cell in cells:
            row = await matrix.run(world, cell, POPUPS, chance)
            assert row.good, f"{cell}: {row}\n{world.tails()}"
            total += row
        assert not matrix.later(world, total)
