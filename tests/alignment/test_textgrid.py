"""TextGrids hold the alignment, whole."""

from pathlib import Path

import pytest
from praatio import textgrid

from pyscorer.alignment.textgrid import textgrids
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.errors import InputError

PHONES = [Segment("SIL", 0, 10), Segment("HH", 10, 8), Segment("AY", 18, 12), Segment("SIL", 30, 5)]
WORDS = [Segment("HI", 10, 20)]


@pytest.fixture
def ali(tmp_path: Path) -> Path:
    write_ctm(tmp_path / "ali/phones.ctm", [("u1", PHONES), ("u2", PHONES[1:3])])
    write_ctm(tmp_path / "ali/words.ctm", [("u1", WORDS), ("u2", WORDS)])
    return tmp_path / "ali"


def test_praat_reads_back_words_and_phones(ali: Path, tmp_path: Path) -> None:
    textgrids(ali, tmp_path / "out")
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == ["u1.TextGrid", "u2.TextGrid"]
    grid = textgrid.openTextgrid(str(tmp_path / "out/u1.TextGrid"), includeEmptyIntervals=True)
    assert grid.tierNames == ("words", "phones")
    assert [tuple(e) for e in grid.getTier("phones").entries] == [
        (0, 0.1, "SIL"),
        (0.1, 0.18, "HH"),
        (0.18, 0.3, "AY"),
        (0.3, 0.35, "SIL"),
    ]
    assert [tuple(e) for e in grid.getTier("words").entries] == [
        (0, 0.1, ""),
        (0.1, 0.3, "HI"),
        (0.3, 0.35, ""),
    ]


def test_words_of_another_alignment_are_refused(ali: Path, tmp_path: Path) -> None:
    write_ctm(ali / "words.ctm", [("u2", WORDS)])
    with pytest.raises(InputError, match=r"words.ctm: u2 where .*phones.ctm has u1"):
        textgrids(ali, tmp_path / "out")


def test_an_alignment_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere/phones.ctm: no such file"):
        textgrids(tmp_path / "nowhere", tmp_path / "out")
