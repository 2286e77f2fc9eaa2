"""Tables in: CSV and TSV as spreadsheets, other programs and our own stages write them; and out."""

import csv
import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pandas as pd

from pyscorer.contract.files import atomic_open, opened_text, shown
from pyscorer.errors import InputError

Row = tuple[int, dict[str, str]]
"""Number of the line that a row ends on, and its cells by column."""
Wrong = Callable[[int, str], None]
"""What is told the line and the fault of a row that is left out."""


def read_rows(
    path: Path,
    needed: Sequence[str] = (),
    delimiters: str = ",;\t",
    wrong: Wrong | None = None,
) -> Iterator[Row]:
    """Yield the rows of a table with a header line.

    The delimiter is the one of `delimiters` by which the header has the columns `needed`, or the
    one that Excel's first line `sep=;` names. Byte-order marks, quoted cells, blanks around cells,
    empty columns at the end of the header and lines without content (but for delimiters) are no
    fault.

    Raises InputError naming the line for missing or repeated columns, a row with more or fewer
    cells than the header, wrong quoting, NUL bytes and undecodable text. With `wrong`, it is told
    of rows with other numbers of cells, which are then passed over.
    """
    rows = _rows(path, needed, delimiters, wrong)
    _, header = next(rows)
    for number, cells in rows:
        yield number, dict(zip(header, cells, strict=True))


def write_csv(path: Path, header: Sequence[str], rows: Iterable[Iterable[Any]]) -> None:
    """Write a comma-separated table, streaming."""
    with atomic_open(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def column_names(path: Path) -> list[str]:
    """The columns of a comma-separated table. Raises InputError as `read_rows`."""
    return next(_rows(path, (), ",", None))[1]


def _rows(
    path: Path, needed: Sequence[str], delimiters: str, wrong: Wrong | None
) -> Iterator[tuple[int, list[str]]]:
    """Line number and cells of the header, then of the rows with as many cells."""
    with opened_text(path, newline="") as stream:
        lines = _numbered(stream, path)
        first = next(lines, "")
        before = 1
        if first.lower().startswith("sep=") and len(first.strip("\r\n")) == 5:
            delimiters, first, before = first[4], next(lines, ""), 2
        if not first.strip():
            raise InputError(f"{path}: no header line: the columns {_listed(needed)} are expected")
        delimiter, header = _header(path, first, needed, delimiters)
        yield before, header
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        while True:
            try:
                cells = [cell.strip() for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                _misquoted(path, before + reader.line_num, error)
            if not any(cells):
                continue
            number = before + reader.line_num
            if len(cells) == len(header):
                yield number, cells
                continue
            fault = f"{len(cells)} cells where the header has {len(header)}"
            if wrong is None:
                raise InputError(f"{path}:{number}: {fault}: mend the row")
            wrong(number, fault)


def _numbered(stream: Iterator[str], path: Path) -> Iterator[str]:
    for number, line in enumerate(stream, 1):
        if "\0" in line:
            raise InputError(f"{path}:{number}: not a table: it holds NUL bytes")
        yield line


def _header(path: Path, line: str, needed: Sequence[str], delimiters: str) -> tuple[str, list[str]]:
    """The delimiter and the names of the columns."""
    try:
        readings = [(d, next(csv.reader([line], delimiter=d))) for d in delimiters]
    except csv.Error as error:
        _misquoted(path, 1, error)
    found = [(d, [cell.strip().lstrip("\ufeff") for cell in cells]) for d, cells in readings]
    # The most columns of those needed, else the most columns.
    delimiter, header = max(found, key=lambda f: (len(set(f[1]) & set(needed)), len(f[1])))
    lacking = [name for name in needed if name not in header]
    if lacking:
        names = shown(", ".join(header), 200)
        raise InputError(f"{path}: no column {_listed(lacking)}; it has {names}")
    named = [name for name in header if name]
    if len(set(named)) < len(named):
        twice = next(name for name in named if named.count(name) > 1)
        raise InputError(f"{path}: column {shown(twice)} stands twice")
    return delimiter, header


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names)


def _misquoted(path: Path, line: int, error: csv.Error) -> NoReturn:
    raise InputError(
        f"{path}:{line}: wrong quoting ({error}): a cell in double quotes ends at its closing "
        "quote, and quotes inside are doubled"
    ) from None


_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?", re.ASCII)


def number(cell: str) -> float:
    """The number in a cell, whose decimals may follow a comma; whole ones are int.

    Raises ValueError, of which the message is a predicate, for all else, as nan, inf and 1_0.
    """
    if not _NUMBER.fullmatch(cell):
        raise ValueError(f"is {shown(cell)!r}, not a number")
    return int(cell) if cell.isdecimal() else float(cell.replace(",", "."))


def whole(cell: str) -> int:
    """The whole number from 0 on in a cell. Raises ValueError as `number`."""
    if not (cell.isascii() and cell.isdecimal() and len(cell) < 19):
        raise ValueError(f"is {shown(cell)!r}, not a whole number")
    return int(cell)


def read_frame(
    path: Path, needed: Sequence[str], text: Sequence[str] = (), gaps: Sequence[str] = ()
) -> pd.DataFrame:
    """A table with the columns `needed`, which hold numbers unless they are in `text`.

    Text stays as it is ("NA" can be a word); an empty cell, or nan, in a column of `gaps` is NaN.
    Raises InputError naming the line for what `read_rows` refuses, and for cells that are no
    numbers.
    """
    rows = _rows(path, needed, ",", None)
    line, header = next(rows)
    for _ in rows:
        pass  # counted here, as pandas shifts or fills what does not fit
    try:
        with opened_text(path) as stream:
            table = pd.read_csv(
                stream,
                skiprows=line - 1,
                header=0,
                names=[name or f"column {i}" for i, name in enumerate(header)],
                dtype={name: str for name in text},
                keep_default_na=False,
                na_values={name: ["", "nan"] for name in gaps},
                index_col=False,
            )
    except (ValueError, OverflowError) as error:
        raise InputError(f"{path}: not readable as a table: {shown(str(error), 300)}") from None
    for name in needed:
        if name not in text and len(table):
            _check_numbers(path, name, table[name], name in gaps)
    return table


def _check_numbers(path: Path, name: str, column: pd.Series, gaps: bool) -> None:
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        values = column.to_numpy(dtype=float)
        if np.isfinite(values).all() or (gaps and not np.isinf(values).any()):
            return
    for line, row in read_rows(path, [name], ","):
        cell = row[name]
        if gaps and cell in ("", "nan"):
            continue
        if "," in cell or not _NUMBER.fullmatch(cell) or math.isinf(number(cell)):
            raise InputError(f"{path}:{line}: {name} is {shown(cell)!r}, not a number")
    raise InputError(f"{path}: column {name} is not of numbers alone")
