"""Tables in: CSV and TSV as spreadsheets, other programs and our own stages write them."""

import csv
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NoReturn

import numpy as np
import pandas as pd

from pyscorer.contract.files import opened_text, shown
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
    one that Excel's first line `sep=;` names. Byte-order marks, quoted cells, blanks around the
    header's names, empty columns at the end of the header and lines without content (but for
    delimiters) are no fault.

    Raises InputError naming the line for missing or repeated columns, a row with more or fewer
    cells than the header, wrong quoting, NUL bytes and undecodable text. With `wrong`, it is told
    of rows with other numbers of cells, which are then passed over.
    """
    with opened_text(path, newline="") as stream:
        lines = _numbered(stream, path)
        first = next(lines, "")
        skipped = first.lower().startswith("sep=") and len(first.strip()) == 5
        if skipped:
            delimiters, first = first[4], next(lines, "")
        if not first.strip():
            raise InputError(f"{path}: no header line: the columns {_listed(needed)} are expected")
        delimiter, header = _header(path, first, needed, delimiters)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        before = 1 + skipped
        while True:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                _misquoted(path, before + reader.line_num, error)
            if not any(cells):
                continue
            number = before + reader.line_num
            if len(cells) == len(header):
                yield number, dict(zip(header, cells, strict=True))
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
    readings = [(d, next(csv.reader([line], delimiter=d))) for d in delimiters]
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


def read_frame(
    path: Path, needed: Sequence[str], text: Sequence[str] = (), gaps: Sequence[str] = ()
) -> pd.DataFrame:
    """A table with the columns `needed`, which hold numbers unless they are in `text`.

    Text stays as it is ("NA" can be a word); an empty cell of a column in `gaps` is NaN. Raises
    InputError naming the line for what `read_rows` refuses, and for cells that are no numbers.
    """
    names: set[str] = set()
    for _, row in read_rows(path, needed, ","):
        names = names or set(row)
    try:
        with opened_text(path) as stream:
            table = pd.read_csv(
                stream,
                dtype={name: str for name in text},
                keep_default_na=False,
                na_values={name: [""] for name in gaps},
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
    for number, row in read_rows(path, [name], ","):
        if gaps and not row[name]:
            continue
        try:
            whole = np.isfinite(float(row[name]))
        except ValueError:
            whole = False
        if not whole:
            raise InputError(f"{path}:{number}: {name} is {shown(row[name])!r}, not a number")
    raise InputError(f"{path}: column {name} is not of numbers alone")
