"""A CSV as spreadsheets save it, to rows by column: every mistake with the line where it begins; pure."""

import csv
import re
from collections.abc import Iterator, Sequence
from itertools import islice

from bridge.core.reasons import Reason, reason
from bridge.core.text import trimmed

DELIMITERS = ",;\t|"
SEPARATOR = re.compile(r"\"?sep=(.?)\1*\"?", re.I)
"""What Excel writes first, and what becomes of it where it is saved again."""
LONGEST_CELL_LINES = 20
"""A cell in quotation marks may have so many lines; more are a mark that is missing."""
LEAST_OF_A_ROW = 3
"""A line with so many delimiters is a row of its own, not the rest of a cell."""
MISSING_MARK = Reason("csv-missing-mark")

Row = tuple[int, dict[str, str]]
"""The number of the line that a row begins in, and its cells by column."""


class Mistakes:
    """What is wrong in the file called `source`, up to a number that somebody reads."""

    MOST = 100

    def __init__(self, source: str) -> None:
        self._source = source
        self._told: list[Reason] = []
        self._count = 0

    def add(self, line: int, why: Reason) -> None:
        """One mistake, in that line."""
        self._count += 1
        if self._count <= self.MOST:
            self._told.append(reason("csv-line", source=self._source, line=line, reason=why))

    @property
    def told(self) -> list[Reason]:
        """One each; the last one says how many more there are."""
        more = self._count - self.MOST
        return [*self._told, reason("csv-more", source=self._source, more=more)] if more > 0 else self._told


def rows(lines: Sequence[str], needed: Sequence[str], optional: Sequence[str], mistakes: Mistakes) -> Iterator[Row]:
    """The rows that are not empty, by the header's columns in any case and order; columns of other names are ignored.

    `needed` columns must be in the header. What is wrong with a row is added to `mistakes`.
    """
    start, delimiter = _beginning(lines)
    found = _records(lines, start, delimiter, mistakes)
    line, names = next(found, (start + 1, []))
    columns = [_column(name) for name in names]
    for name in (*needed, *optional):
        if columns.count(name) > 1 or (name in needed and name not in columns):
            code = "csv-header-twice" if name in columns else "csv-header-missing"
            mistakes.add(line, Reason(code, {"columns": ",".join(needed), "name": name}))
            return
    places = {name: columns.index(name) for name in (*needed, *optional) if name in columns}
    least = max(places[name] for name in needed[:-1])
    for line, cells in found:
        row = {name: trimmed(cells[place]) if place < len(cells) else "" for name, place in places.items()}
        if (len(cells) <= least and any(map(trimmed, cells))) or any(map(trimmed, cells[len(columns) :])):
            mistakes.add(line, reason("csv-cells", number=len(columns)))
        elif any(row.values()):
            yield line, row


def _beginning(lines: Sequence[str]) -> tuple[int, str]:
    """The index of the header, after blank lines and Excel's `sep=;`, and what separates its cells."""
    for index, line in enumerate(lines):
        head = trimmed(line)
        if told := SEPARATOR.fullmatch(head):
            return index + 1 + _blanks(lines[index + 1 :]), told[1] or "\t"
        if head:
            return index, max(DELIMITERS, key=head.count)
    return len(lines), ","


def _blanks(lines: Sequence[str]) -> int:
    return next((index for index, line in enumerate(lines) if trimmed(line)), len(lines))


def _column(name: str) -> str:
    return trimmed(name).casefold().replace(" ", "_").replace("-", "_")


def _records(lines: Sequence[str], start: int, delimiter: str, mistakes: Mistakes) -> Iterator[tuple[int, list[str]]]:
    """The cells of each record. Behind one whose quotation marks are wrong, reading goes on with the next line."""
    index = start
    while index < len(lines):
        line, used = lines[index], 1
        if '"' not in line:
            yield index + 1, line.rstrip("\r\n").split(delimiter)
        else:
            record = csv.reader(
                islice(lines, index, index + LONGEST_CELL_LINES),
                delimiter=delimiter,
                skipinitialspace=True,
                strict=True,
            )
            try:
                cells = next(record)
            except csv.Error:
                cells = []
            swallowed = lines[index + 1 : index + record.line_num]
            if not cells or any(one.count(delimiter) >= LEAST_OF_A_ROW for one in swallowed):
                mistakes.add(index + 1, MISSING_MARK)
            else:
                used = record.line_num
                yield index + 1, cells
        index += used
