"""README's figures are those of docs/figures, which say what they are of and whence."""

import re
import shutil
from pathlib import Path

import pytest
import yaml
from fill_figures import EVERY_ROW, fill
from markdown_pages import DOCS, ROOT

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


@pytest.mark.parametrize("sources", sorted(FIGURES.glob("*.yaml")), ids=lambda path: path.stem)
def test_sources_are_of_rows_that_are_there(sources: Path):
    rows = [row for _, row in read_rows(sources.with_suffix(".csv"), delimiters=",")]
    known = {next(iter(row.values())) for row in rows}
    assert not yaml.safe_load(sources.read_text()).keys() - known - {EVERY_ROW}


def test_figures_come_from_the_tables_of_runs(tmp_path: Path):
    table, results = tmp_path / "reached.csv", tmp_path / "results"
    (results / "run").mkdir(parents=True)
    cells = {"pcc": ["run/t.csv", "pcc", {"scorer": "deep"}]}
    sources = {"ours": {"cells": cells, "reached": "{pcc:.2f}"}}
    table.with_suffix(".yaml").write_text(yaml.safe_dump(sources))
    text = 'what,reached,of\n{0}\nother,0.9,"labels 2020, commit 0000000, 5 seeds"\n'
    before = 'ours,0.1,"labels 2020, commit 0000000, 5 seeds"'
    table.write_text(text.format(before))

    assert fill(table, results, "1a2b3c4", "2021") == ["ours", "other"], "no run is there"
    assert table.read_text() == text.format(before)
    (results / "run" / "t.csv").write_text("scorer,pcc\ndeep,0.6525\ntrees,0.7\n")
    assert fill(table, results, "1a2b3c4", "2021") == ["other"]
    after = 'ours,0.65,"labels 2021, commit 1a2b3c4, 5 seeds"'
    assert table.read_text() == text.format(after)
    (results / "run" / "t.csv").write_text("scorer,pcc\ntrees,0.7\n")
    with pytest.raises(InputError, match=r"0 rows with .*deep.*, not one"):
        fill(table, results, "1a2b3c4", "2021")


def test_rows_of_one_shape_share_the_texts_of_their_columns(tmp_path: Path):
    """A row's own text goes before that of every row; all numbers of a run's row are at hand."""
    table = tmp_path / "systems.csv"
    table.write_text("system,AUC,members\ntext,,\nprompt,,\n")
    sources = {
        EVERY_ROW: {"AUC": "{auc:.3f} ± {auc_sd:.1f}", "members": "{n:.0f}"},
        "text": {"row": ["t.csv", {"model": "fbk1"}]},
        "prompt": {"row": ["t.csv", {"model": "match"}], "AUC": "{auc:.1f}", "members": ""},
    }
    table.with_suffix(".yaml").write_text(yaml.safe_dump(sources))
    (tmp_path / "t.csv").write_text("model,auc,auc_sd,n\nfbk1,0.77761,6e-1,2\nmatch,0.5,,\n")
    assert fill(table, tmp_path, "1a2b3c4", "2021") == []
    assert table.read_text() == "system,AUC,members\ntext,0.778 ± 0.6,2\nprompt,0.5,\n"
