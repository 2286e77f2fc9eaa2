"""Lexicons as Kaldi, the CMU dictionary and MFA write them, and lines that are refused."""

import logging
from pathlib import Path

import pytest

from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import read_lexicon, stands_for_silence, write_lexicon

THE = {"THE": [("DH", "AH"), ("DH", "IY")]}


def lexicon(folder: Path, *lines: str) -> Path:
    path = folder / "lexicon.txt"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "lines",
    [
        ("THE DH AH", "THE DH IY"),
        ("THE DH AH0", "THE(2) DH IY0", "THE(3) DH IY1"),
        ("THE\tDH\tAH  ", "", "  ", "THE\tDH\tIY\r"),
        ("THE dh ah0", "THE dh iy0"),
        (";;; a comment", "# another", "## and another", "THE DH AH0 # a note", "THE DH IY"),
        ("THE 0.8 DH AH", "THE 1 DH IY"),
        ("THE 0.8 0.2 1.1 0.9 DH AH", "THE 1.0 0.2 1.1 0.9 DH IY"),
        ("THE DH_B AH0_E", "THE DH_B IY0_E"),
        ("!SIL SIL", "<UNK> SPN", "[noise] NSN", "SIL SIL", "<eps> SIL", "THE DH AH", "THE DH IY"),
    ],
)  # fmt: skip
def test_one_word_in_many_forms(tmp_path: Path, lines: tuple[str, ...]) -> None:
    assert read_lexicon(lexicon(tmp_path, *lines)) == THE


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("DOG", "DOG: no phones"),
        ("DOG 0.5", "DOG: no phones"),
        ("DOG D QQ", "DOG: unknown phone QQ"),
        ("DOG D ɡ\u200b", "DOG: unknown phone ɡ"),
        ("DOG 3 D AO G", "DOG: unknown phone 3"),
        ("DOG 0.5 0.5 D AO G", "DOG: unknown phone 0.5"),
        ("DOG <eps>", "DOG: <eps> is silence or noise"),
        ("DOG SIL", "DOG: SIL is silence or noise"),
        ("DOG sil", "DOG: sil is silence or noise"),
        ("DOG D SPN G", "DOG: SPN is silence or noise"),
        ("<s> DH AH", "<s> is a symbol of Kaldi's"),
        ("#0 DH AH", "#0 is a symbol of Kaldi's"),
    ],
)
def test_refused_by_line(tmp_path: Path, line: str, fault: str) -> None:
    with pytest.raises(InputError, match=rf"lexicon\.txt:2: {fault}"):
        read_lexicon(lexicon(tmp_path, "THE DH AH", line))


def test_a_word_of_spoken_noise_is_as_one_that_no_lexicon_has(tmp_path: Path) -> None:
    assert read_lexicon(lexicon(tmp_path, "UHM SPN")) == {"UHM": [("SPN",)]}


def test_a_file_without_words_is_no_lexicon(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no words"):
        read_lexicon(lexicon(tmp_path, "", "# nothing"))


def test_what_is_not_read_is_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        read_lexicon(lexicon(tmp_path, "THE 0.8 DH AH", "!SIL SIL"))
    assert "probabilities of pronunciations in 1 lines are not read" in caplog.text
    assert "not words, so left out: !SIL" in caplog.text


def test_what_is_written_is_read(tmp_path: Path) -> None:
    write_lexicon(tmp_path / "out.txt", THE)
    assert read_lexicon(tmp_path / "out.txt") == THE


def test_marks_of_silence_in_a_text() -> None:
    for mark in ("!SIL", "<SIL>", "<s>", "</s>", "[silence]", "<eps>"):
        assert stands_for_silence(mark)
    for word in ("SILENCE", "SIL", "S", "<UNK>", "SILLY"):
        assert not stands_for_silence(word)
