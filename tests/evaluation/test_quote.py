"""Tables in a document are those of a run."""

from pathlib import Path

import pytest

from pyscorer.errors import InputError
from pyscorer.evaluation.quote import quote

DOCUMENT = (
    "# Title\n<!-- copy of a/t.md -->\nold\n<!-- end -->\nkept\n"
    "<!-- copy of u.md -->\n<!-- end -->\n"
)


def test_each_part_becomes_the_file_that_it_names(tmp_path: Path) -> None:
    document = tmp_path / "doc.md"
    document.write_text(DOCUMENT)
    (tmp_path / "a").mkdir()
    (tmp_path / "a/t.md").write_text(r"| 0.5 \1 |" + "\n\n")
    (tmp_path / "u.md").write_text("two\n")
    quote(tmp_path, document)
    once = document.read_text()
    assert once == (
        "# Title\n<!-- copy of a/t.md -->\n\n| 0.5 \\1 |\n\n<!-- end -->\nkept\n"
        "<!-- copy of u.md -->\n\ntwo\n\n<!-- end -->\n"
    )
    quote(tmp_path, document)
    assert document.read_text() == once


def test_a_missing_file_leaves_the_document_as_it_was(tmp_path: Path) -> None:
    document = tmp_path / "doc.md"
    document.write_text(DOCUMENT)
    with pytest.raises(InputError, match="finish the run"):
        quote(tmp_path, document)
    assert document.read_text() == DOCUMENT
    document.write_text("no tables\n")
    with pytest.raises(InputError, match="no lines"):
        quote(tmp_path, document)
    with pytest.raises(InputError, match="no such document"):
        quote(tmp_path, tmp_path / "none.md")


def test_what_another_run_wrote_is_left_where_that_run_is_not_there(tmp_path: Path) -> None:
    document = tmp_path / "doc.md"
    document.write_text(DOCUMENT)
    (tmp_path / "u.md").write_text("two\n")
    quote(tmp_path, document)
    assert document.read_text() == DOCUMENT.replace("u.md -->\n", "u.md -->\n\ntwo\n\n")
    only = "<!-- copy of a/t.md -->\nold\n<!-- end -->\n"
    document.write_text(only)
    with pytest.raises(InputError, match="none of the runs"):
        quote(tmp_path, document)
    assert document.read_text() == only


def test_csv_becomes_a_table(tmp_path: Path) -> None:
    document = tmp_path / "doc.md"
    document.write_text("<!-- copy of t.csv -->\n<!-- end -->\n")
    (tmp_path / "t.csv").write_text('system,PCC\n"[deep, own](a.md)",0.652 ± 0.011\n')
    quote(tmp_path, document)
    table = "| system | PCC |\n| --- | --- |\n| [deep, own](a.md) | 0.652 ± 0.011 |"
    assert document.read_text() == f"<!-- copy of t.csv -->\n\n{table}\n\n<!-- end -->\n"
