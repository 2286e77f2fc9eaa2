"""The reader of LibriSpeech, on a miniature of its official layout."""

from pathlib import Path

import pytest

from pyscorer.corpora.librispeech import read
from pyscorer.errors import InputError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "LibriSpeech"
    chapter = folder / "dev-clean/84/121123"
    chapter.mkdir(parents=True)
    (chapter / "84-121123.trans.txt").write_text("84-121123-0000 GO\n84-121123-0001 DO YOU\n")
    (folder / "SPEAKERS.TXT").write_text(
        "; a comment\n14   | F | train-clean-360  | 25.03 | A Name\n"
        "84   | M | dev-clean        |  8.02 | Another | With A Bar\n"
    )
    (tmp_path / "librispeech-lexicon.txt").write_text("DO\tD UW1\nGO  G OW1\nZOO  Z UW1\n")
    return folder


def test_official_layout(folder):
    part = read(folder, "dev-clean")
    assert list(part.data.utterances) == ["84-121123-0000", "84-121123-0001"]
    second = part.data.utterances["84-121123-0001"]
    assert second.speaker == "84"
    assert second.words == ("DO", "YOU")
    assert second.audio == folder / "dev-clean/84/121123/84-121123-0001.flac"
    assert part.data.speakers == {"84": {"gender": "m"}}
    assert part.labels == {}


def test_lexicon_is_cut_to_the_words_of_the_split(folder):
    assert read(folder, "dev-clean").lexicon == {"DO": [("D", "UW")], "GO": [("G", "OW")]}


def test_lexicon_may_lie_in_the_folder(folder):
    (folder.parent / "librispeech-lexicon.txt").rename(folder / "librispeech-lexicon.txt")
    assert "GO" in read(folder, "dev-clean").lexicon


def test_what_is_missing_is_named(folder):
    with pytest.raises(InputError, match="test-other: no such folder"):
        read(folder, "test-other")
    (folder.parent / "librispeech-lexicon.txt").unlink()
    with pytest.raises(InputError, match=r"librispeech-lexicon.txt: no such file"):
        read(folder, "dev-clean")
    (folder / "librispeech-lexicon.txt").write_text("GO G OW1\n")
    (folder / "SPEAKERS.TXT").write_text("85 | M | dev-clean | 8 | X\n")
    with pytest.raises(InputError, match="lacks speaker 84"):
        read(folder, "dev-clean")
    (folder / "SPEAKERS.TXT").write_text("84 | X | dev-clean | 8 | X\n")
    with pytest.raises(InputError, match=r"SPEAKERS.TXT:1"):
        read(folder, "dev-clean")


def test_a_split_without_transcripts_is_refused(folder):
    (folder / "empty").mkdir()
    with pytest.raises(InputError, match="no speaker/chapter"):
        read(folder, "empty")


def test_texts_are_read_as_the_lexicon_spells_them(folder):
    transcript = folder / "dev-clean/84/121123/84-121123.trans.txt"
    transcript.write_text("84-121123-0000 Go.\n84-121123-0001 “Do you?”\n")
    words = [u.words for u in read(folder, "dev-clean").data.utterances.values()]
    assert words == [("GO",), ("DO", "you")]
