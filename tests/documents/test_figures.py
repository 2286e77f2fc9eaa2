"""README's figures are those of docs/figures, which say what they are of and whence."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from markdown_pages import DOCS, ROOT
from reached import fill

from pyscorer.contract.tables import read_rows
from pyscorer.errors import InputError
from pyscorer.evaluation.quote import quote

FIGURES = ROOT / "docs" / "figures"
ROWS = [row for _, row in read_rows(FIGURES / "reached.csv", delimiters=",")]


def test_documents_show_the_tables_that_lie_beside_them(tmp_path: Path):
    """Others are those of runs: `quote` leaves them where the run is not at hand."""
    for page in (ROOT / "README.md", *DOCS):
        if re.search(r"<!-- copy of figures/", page.read_text(encoding="utf-8")):
            copied = Path(shutil.copy(page, tmp_path))
            quote(ROOT / "docs", copied)
            assert copied.read_text() == page.read_text(), f"{page.name}: run make docs"
    assert (tmp_path / "README.md").exists()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["what"])
def test_a_figure_says_its_labels_its_commit_and_its_seeds(row: dict[str, str]):
    assert re.fullmatch(r"(labels 20\d\d, )?commit [0-9a-f]{7,}, \d+ seeds?", row["of"])
    assert all(row.values())


def test_sources_are_of_rows_that_are_there():
    assert not yaml.safe_load((FIGURES / "reached.yaml").read_text()).keys() - {
        row["what"] for row in ROWS
    }


def test_figures_come_from_the_tables_of_runs(tmp_path: Path):
    figures, results = tmp_path / "figures", tmp_path / "results"
    figures.mkdir()
    (results / "run").mkdir(parents=True)
    cells = {"pcc": ["run/t.csv", "pcc", {"scorer": "deep"}]}
    sources = {"ours": {"cells": cells, "reached": "{pcc:.2f}"}}
    (figures / "reached.yaml").write_text(yaml.safe_dump(sources))
    table = 'what,reached,of\n{0}\nother,0.9,"labels 2020, commit 0000000, 5 seeds"\n'
    before = 'ours,0.1,"labels 2020, commit 0000000, 5 seeds"'
    (figures / "reached.csv").write_text(table.format(before))

    assert fill(figures, results, "1a2b3c4", "2021") == ["ours", "other"], "no run is there"
    assert (figures / "reached.csv").read_text() == table.format(before)
    (results / "run" / "t.csv").write_text("scorer,pcc\ndeep,0.6525\ntrees,0.7\n")
    assert fill(figures, results, "1a2b3c4", "2021") == ["other"]
    after = 'ours,0.65,"labels 2021, commit 1a2b3c4, 5 seeds"'
    assert (figures / "reached.csv").read_text() == table.format(after)
    (results / "run" / "t.csv").write_text("scorer,pcc\ntrees,0.7\n")
    with pytest.raises(InputError, match=r"0 rows with .*deep.*, not one"):
        fill(figures, results, "1a2b3c4", "2021")
