"""TextGrids hold the alignment, whole."""

from pathlib import Path
from urllib.parse import unquote

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


def test_ids_that_are_paths_stay_in_the_folder(tmp_path: Path) -> None:
    keys = ["spk/u", "../../../out/outside", "/etc/x", "..", ".", "a\\b", "u", "U", "é", "e\u0301"]
    for name, segments in (("phones", PHONES), ("words", WORDS)):
        write_ctm(tmp_path / f"in/ali/{name}.ctm", [(key, segments) for key in keys])
    textgrids(tmp_path / "in/ali", tmp_path / "in/deep/out")
    files = [f for f in tmp_path.rglob("*") if f.is_file() and f.suffix != ".ctm"]
    assert {f.parent for f in files} == {tmp_path / "in/deep/out"}
    assert sorted(unquote(f.stem) for f in files) == sorted(keys)


def test_an_id_too_long_for_a_file_is_named(tmp_path: Path) -> None:
    for name, segments in (("phones", PHONES), ("words", WORDS)):
        write_ctm(tmp_path / f"{name}.ctm", [("u" * 300, segments)])
    with pytest.raises(InputError, match=r"u\.\.\.: no file can be named after it \(300 bytes"):
        textgrids(tmp_path, tmp_path / "out")


def test_words_without_phones_are_named(ali: Path, tmp_path: Path) -> None:
    write_ctm(ali / "phones.ctm", [("u1", PHONES)])
    with pytest.raises(InputError, match=r"phones\.ctm: ends before u2, which .*words\.ctm has"):
        textgrids(ali, tmp_path / "out")


def test_quotes_in_words_are_praats(tmp_path: Path) -> None:
    write_ctm(tmp_path / "phones.ctm", [("u", PHONES)])
    write_ctm(tmp_path / "words.ctm", [("u", [Segment('"HI"', 10, 20)])])
    textgrids(tmp_path, tmp_path / "out")
    grid = textgrid.openTextgrid(str(tmp_path / "out/u.TextGrid"), includeEmptyIntervals=False)
    assert grid.getTier("words").entries[0].label == '"HI"'
