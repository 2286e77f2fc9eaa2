"""Syllables, and the stress that a lexicon's digits want of them."""

from pathlib import Path

import pytest

from pyscorer.lexicon.syllables import (
    read_stresses,
    stress_pattern,
    syllabify,
    word_stress,
    write_stresses,
)
from pyscorer.lexicon.words import guess_pronunciations, guess_stressed


@pytest.mark.parametrize(
    "syllables",
    [
        "K AE T",
        "AH . B AW T",
        "EH K . S T R AH",  # extra: S T R begins words, K S T R does not
        "S IH NG . ER",  # NG begins no word
        "W EH . DH ER",
        "B AE T . M AH N",  # T M begins none
        "AH . K R AO S",
        "IY . AH",
        "F AH . T AA . G R AH . F IY",
        "L AE NG . G W AH JH",
        "SH",  # no vowel: one syllable
        "SPN",
    ],
)
def test_as_many_consonants_begin_a_syllable_as_may_begin_a_word(syllables: str) -> None:
    parts = [part.split() for part in syllables.split(" . ")]
    expected = [number for number, part in enumerate(parts) for _ in part]
    assert syllabify([phone for part in parts for phone in part]) == expected


RECORD = [("R", "EH1", "K", "ER0", "D"), ("R", "IH0", "K", "AO1", "R", "D")]


def test_stress_is_that_of_the_variant_that_was_aligned() -> None:
    assert stress_pattern(["R", "EH", "K", "ER", "D"], RECORD) == [1, 0]
    assert stress_pattern(["R", "IH", "K", "AO", "R", "D"], RECORD) == [0, 1]


def test_else_of_the_first_with_as_many_vowels() -> None:
    assert stress_pattern(["R", "AH", "K", "AO", "D"], RECORD) == [1, 0]
    assert stress_pattern(["R", "K", "AO", "D"], RECORD) is None


def test_several_vowels_without_a_primary_stress_are_not_known_and_espeak_is_asked() -> None:
    again = ["AH", "G", "EH", "N"]
    assert stress_pattern(again, [("AH0", "G", "EH0", "N")]) is None
    assert word_stress("AGAIN", again, {"AGAIN": [("AH0", "G", "EH0", "N")]}) == [0, 1]
    assert word_stress("AGAIN", again, {"AGAIN": [("AH1", "G", "EH0", "N")]}) == [1, 0]
    assert word_stress("\u5b57", again, {}) is None


def test_espeak_marks_the_stressed_syllable() -> None:
    american = ("F", "AH0", "T", "AA1", "G", "R", "AH0", "F", "IY0")
    assert guess_stressed("photography")[0] == american
    bare = ("F", "AH", "T", "AA", "G", "R", "AH", "F", "IY")
    assert guess_pronunciations("photography")[0] == bare


def test_digits_are_read_where_all_vowels_have_them_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "lexicon.txt"
    lines = ("THE DH AH0", "THE(2) 0.5 DH IY", "about\tah0_B b aw1_I T_E # a note", "HMM M")
    path.write_text("\n".join([*lines, "BAD XX1", ";;; BE B IY1"]) + "\n")
    stresses = {"THE": [("DH", "AH0")], "about": [("AH0", "B", "AW1", "T")]}
    assert read_stresses(path) == stresses
    write_stresses(tmp_path, stresses)
    assert read_stresses(tmp_path / "stress.txt") == stresses


def test_a_lexicon_without_digits_has_no_stress_and_leaves_no_file(tmp_path: Path) -> None:
    (tmp_path / "lexicon.txt").write_text("GO G OW\n")
    write_stresses(tmp_path, read_stresses(tmp_path / "lexicon.txt"))
    assert not (tmp_path / "stress.txt").exists()
