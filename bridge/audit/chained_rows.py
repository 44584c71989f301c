"""The rows of all chained tables as one sequence, in the order of the chain."""

import heapq
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, func, select

from bridge.audit.schema import CHAINED

Row = Mapping[str, Any]


def with_following(connection: Connection, low: int, high: int) -> Iterator[tuple[Table, Row, Row | None]]:
    """Each row numbered from `low` to `high` with its table and the row that follows it."""
    held: tuple[Table, Row] | None = None
    for table, row in _merged(connection, low, high):
        if held is not None:
            yield *held, row
        held = table, row
    if held is not None:
        yield *held, None


def _merged(connection: Connection, low: int, high: int) -> Iterable[tuple[Table, Row]]:
    return heapq.merge(*(_rows(connection, table, low, high) for table in CHAINED), key=lambda one: int(one[1]["seq"]))


def _rows(connection: Connection, table: Table, low: int, high: int) -> Iterator[tuple[Table, Row]]:
    names = [column.name for column in table.columns]
    binary = [column.name for column in table.columns if isinstance(column.type, LargeBinary)]
    ordered = select(table).where(table.c.seq.between(low, high)).order_by(table.c.seq)
    for values in connection.execute(ordered, execution_options={"yield_per": 1000}):
        row = dict(zip(names, values, strict=True))
        for name in binary:  # SQLite accepts text in a binary column
            row[name] = row[name] if isinstance(row[name], bytes | None) else b""
        yield table, row


def first_since(connection: Connection, time: str) -> int | None:
    """The number of the first row that is not older than `time`."""
    return min(_edges(connection, func.min, lambda table: table.c.time >= time), default=None)


def last_before(connection: Connection, time: str) -> int | None:
    """The number of the last row that is older than `time`."""
    return max(_edges(connection, func.max, lambda table: table.c.time < time), default=None)


def _edges(connection: Connection, edge: Any, condition: Callable[[Table], Any]) -> Iterator[int]:
    for table in CHAINED:
        found = connection.execute(select(edge(table.c.seq)).where(condition(table))).scalar_one()
        if found is not None:
            yield int(found)
