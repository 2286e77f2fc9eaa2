"""Fill README's table of figures from the tables of finished runs.

    python benchmarks/reached.py --results results --commit 1a2b3c4 --labels 2021

writes docs/figures/reached.csv: every row of which results/ has the tables, by
docs/figures/reached.yaml, which says where its figures stand; other rows are left as they are, and
named. Then `make docs` copies the table into README.
"""

import argparse
import csv
import re
from pathlib import Path
from typing import Any

from pyscorer.contract.files import atomic_open, read_yaml
from pyscorer.contract.tables import read_rows
from pyscorer.errors import InputError

FIGURES = Path(__file__).resolve().parents[1] / "docs" / "figures"
Row = dict[str, str]


def cell(results: Path, file: str, column: str, where: dict[str, str]) -> float:
    """The number of the one row of a table that `where` picks."""
    table = [row for _, row in read_rows(results / file, [column, *where])]
    found = [row for row in table if all(row[name] == value for name, value in where.items())]
    if len(found) != 1:
        raise InputError(f"{results / file}: {len(found)} rows with {where}, not one")
    return float(found[0][column])


def filled(row: Row, source: dict[str, Any], results: Path, commit: str, labels: str) -> Row:
    """`row` with the figures of a run, its commit and its labels."""
    cells = {name: cell(results, *place) for name, place in source["cells"].items()}
    texts = {column: text for column, text in source.items() if column != "cells"}
    of = re.sub("commit [0-9a-f]+", f"commit {commit}", row["of"])
    of = re.sub(r"labels \d+", f"labels {labels}", of)
    return row | {"of": of} | {column: text.format(**cells) for column, text in texts.items()}


def fill(figures: Path, results: Path, commit: str, labels: str) -> list[str]:
    """Write figures/reached.csv anew; return what it was not filled with a run of."""
    sources = read_yaml(figures / "reached.yaml")
    rows = [row for _, row in read_rows(figures / "reached.csv", delimiters=",")]
    left = []
    for at, row in enumerate(rows):
        source = sources.get(row["what"])
        files = {place[0] for place in source["cells"].values()} if source else set()
        if files and all((results / file).exists() for file in files):
            rows[at] = filled(row, source, results, commit, labels)
        else:
            left.append(row["what"])
    with atomic_open(figures / "reached.csv") as stream:
        table = csv.DictWriter(stream, rows[0], lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return left


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--results", type=Path, required=True, help="results_root of the runs")
    parser.add_argument("--commit", required=True, help="that they were made at")
    parser.add_argument("--labels", required=True, help="revision of speechocean762's labels")
    given = parser.parse_args()
    for what in fill(FIGURES, given.results, given.commit, given.labels):
        print(f"left as it was, no run of it: {what}")


if __name__ == "__main__":
    main()
