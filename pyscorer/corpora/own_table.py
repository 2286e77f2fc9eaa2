"""Rows of a user's own tables, cell by cell, with every fault named by its line."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TypeVar

from pyscorer.contract.files import shown
from pyscorer.contract.scales import Range
from pyscorer.contract.tables import number, read_rows, whole
from pyscorer.corpora.manifest_parts import OwnSource
from pyscorer.errors import InputError

Value = TypeVar("Value")

SHOWN = 20
"""Faults that an error message lists."""
_GENDERS = {"m": "m", "male": "m", "man": "m", "f": "f", "female": "f", "woman": "f", "w": "f"}


@dataclass
class Faults:
    """What is wrong with a table, by line."""

    path: Path
    found: list[str] = field(default_factory=list)

    def add(self, line: int, fault: str) -> None:
        """A fault of a line."""
        self.found.append(f"{self.path}:{line}: {fault}")

    def stop(self) -> None:
        """Raise InputError if there is any, naming the first `SHOWN`."""
        if len(self.found) == 1:
            raise InputError(self.found[0])
        if self.found:
            lines = [f"  {fault}" for fault in self.found[:SHOWN]]
            more = len(self.found) - SHOWN
            lines += [f"  ... and {more} more"] if more > 0 else []
            raise InputError("\n".join([f"{self.path}: {len(self.found)} faults", *lines]))


@dataclass(frozen=True)
class TableRow:
    """A row, its cells by what the manifest says that the columns are."""

    line: int
    cells: dict[str, str]
    """Without columns that the manifest does not name."""
    faults: Faults

    def get(self, name: str) -> str:
        """The cell, empty where there is no such column."""
        return self.cells.get(name, "")

    def fault(self, fault: str) -> None:
        """A fault of this row."""
        self.faults.add(self.line, fault)

    def read(self, name: str, reading: Callable[[str], Value], default: Value) -> Value:
        """`reading` of a cell that is not empty; what it raises as ValueError is a fault."""
        if not (cell := self.get(name)):
            return default
        try:
            return reading(cell)
        except ValueError as error:
            self.fault(f"{name} {error}")
            return default

    def scores(self, ranges: Mapping[str, Range]) -> dict[str, float]:
        """Of every aspect of `ranges` the score, NaN of an empty cell."""
        return {
            aspect: self.read(f"score {aspect}", partial(in_range, scale=own), math.nan)
            for aspect, own in ranges.items()
        }


def named_rows(
    path: Path, columns: Mapping[str, str], faults: Faults, optional: Sequence[str] = ()
) -> Iterator[TableRow]:
    """Yield the rows of a table; `columns`: what it is -> name of the column.

    Those in `optional` need not be there. Raises InputError, after the last row, for what rows have
    as faults, and at once for columns that are missing.
    """
    needed = [name for key, name in columns.items() if key not in optional]
    for line, row in read_rows(path, list(dict.fromkeys(needed)), wrong=faults.add):
        cells = {key: row[name] for key, name in columns.items() if name in row}
        yield TableRow(line, cells, faults)


def audio_file(own: OwnSource, folder: Path, cell: str) -> Path:
    """The audio that a cell names."""
    return (folder / own.audio / cell.replace("\\", "/")).absolute()


def in_range(cell: str, scale: Range) -> float:
    """A score. Raises ValueError, of which the message is a predicate, outside of its range."""
    value, (low, high) = number(cell), scale
    if not low <= value <= high:
        raise ValueError(f"{shown(cell)} is out of range {low:g}..{high:g}")
    return value


def identifier(cell: str) -> str:
    """An id as Kaldi's files can hold it: blanks become underscores."""
    return "_".join(cell.split())


def years(cell: str) -> str:
    """An age. Raises ValueError for what are no whole years."""
    return str(whole(cell))


def gender(cell: str) -> str:
    """A gender: m or f as Kaldi writes them, or another word. Raises ValueError for several."""
    if len(cell.split()) > 1:
        raise ValueError(f"is {shown(cell)!r}: m, f, another word, or an empty cell")
    return _GENDERS.get(cell.lower(), cell.lower())
