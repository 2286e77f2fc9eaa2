"""Fill the tables of README and docs from the tables of finished runs.

    python benchmarks/fill_figures.py --results results --commit 1a2b3c4 --labels 2021

writes every docs/figures/NAME.csv anew that has a NAME.yaml beside it, which says where the figures
of each row stand: rows whose tables `--results` has are filled, others are left as they are, and
named. Then `make docs` copies the tables into the pages.
"""

import argparse
import re
from pathlib import Path
from typing import Any

from pyscorer.contract.files import read_yaml
from pyscorer.contract.tables import number, read_rows, write_csv
from pyscorer.errors import InputError, attempt

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
EVERY_ROW = "every row"
Row = dict[str, str]


def one_row(table: Path, where: dict[str, str]) -> Row:
    """The one row of a table that `where` picks."""
    rows = [row for _, row in read_rows(table, list(where))]
    found = [row for row in rows if all(row[name] == value for name, value in where.items())]
    if len(found) != 1:
        raise InputError(f"{table}: {len(found)} rows with {where}, not one")
    return found[0]


def numbers(row: Row) -> dict[str, float]:
    """The cells of a row that are numbers."""
    cells = {name: attempt(number, text) for name, text in row.items()}
    return {name: cell for name, cell in cells.items() if not isinstance(cell, Exception)}


def tables(source: dict[str, Any], results: Path) -> set[Path]:
    """The tables that a row is filled from."""
    files = [source["row"][0]] if "row" in source else []
    files += [place[0] for place in source.get("cells", {}).values()]
    return {results / file for file in files}


def filled(row: Row, source: dict[str, Any], results: Path, commit: str, labels: str) -> Row:
    """`row` with the figures of a run and, if it says what it is of, its commit and its labels."""
    cells: dict[str, float] = {}
    if "row" in source:
        file, where = source["row"]
        cells |= numbers(one_row(results / file, where))
    for name, (file, column, where) in source.get("cells", {}).items():
        cells[name] = number(one_row(results / file, where)[column])
    new = {column: source[column].format(**cells) for column in row if column in source}
    if "of" in row:
        new["of"] = re.sub("commit [0-9a-f]+", f"commit {commit}", row["of"])
        new["of"] = re.sub(r"labels \d+", f"labels {labels}", new["of"])
    return row | new


def fill(table: Path, results: Path, commit: str, labels: str) -> list[str]:
    """Write a table anew by the YAML file beside it.

    That maps a row, by its first cell, to `row: [file, {column: value, ...}]`, a row of a table of
    the run, to `cells`, each [file, column, {column: value, ...}], or both, and to the texts of
    columns with the cells as fields. What it says of "every row" holds where a row says nothing.
    Returns the rows that were not filled. Raises InputError where a place has no row, or several.
    """
    sources = read_yaml(table.with_suffix(".yaml"))
    common = sources.pop(EVERY_ROW, {})
    rows = [row for _, row in read_rows(table, delimiters=",")]
    left = []
    for at, row in enumerate(rows):
        name = next(iter(row.values()))
        source = sources.get(name) and common | sources[name]
        if source and all(file.exists() for file in tables(source, results)):
            rows[at] = filled(row, source, results, commit, labels)
        else:
            left.append(name)
    write_csv(table, [*rows[0]], (row.values() for row in rows))
    return left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, required=True, help="results_root of the runs")
    parser.add_argument("--commit", required=True, help="that they were made at")
    parser.add_argument("--labels", required=True, help="revision of speechocean762's labels")
    given = parser.parse_args()
    for source in sorted(FIGURES.glob("*.yaml")):
        table = source.with_suffix(".csv")
        for name in fill(table, given.results, given.commit, given.labels):
            print(f"{table.name}: left as it was, no run of it: {name}")


if __name__ == "__main__":
    main()
