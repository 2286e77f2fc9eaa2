"""Words of a text and their pronunciations."""

import subprocess
import sys
from ast import literal_eval

import pytest

from pyscorer.contract.phones import strip_stress
from pyscorer.corpora.sample_text import STRESSED_LEXICON
from pyscorer.errors import InputError
from pyscorer.lexicon.words import TranscriptReader, guess_pronunciations, text_words

LEXICON = {w: [("T",)] for w in ("I", "CAN'T", "O'CLOCK", "T-SHIRT", "RED")}


def test_case_and_punctuation_do_not_matter() -> None:
    words = text_words("“I can’t” — red T-shirt, 'red'! I-red; o'clock...", LEXICON)
    assert [w.word for w in words] == [
        *("I", "CAN'T", "RED", "T-SHIRT", "RED", "I", "RED", "O'CLOCK")
    ]
    assert not any(w.guessed for w in words)


def test_words_outside_the_lexicon_are_guessed_and_marked() -> None:
    words = text_words("red blicket 7", LEXICON)
    assert [(w.word, w.guessed) for w in words] == [
        ("RED", False),
        ("blicket", True),
        ("seven", True),
    ]
    assert ("B", "L", "IH", "K", "IH", "T") in words[1].variants
    assert ("S", "EH", "V", "AH", "N") in words[2].variants


def test_guesses_are_mostly_what_a_lexicon_has() -> None:
    right = sum(
        any(
            tuple(strip_stress(p) for p in variant) in guess_pronunciations(word)
            for variant in variants
        )
        for word, variants in STRESSED_LEXICON.items()
    )
    assert right / len(STRESSED_LEXICON) > 0.85


@pytest.mark.parametrize("text", ["", " ... ", "\u200b", "— ’ —"])
def test_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no words"):
        text_words(text, LEXICON)


@pytest.mark.parametrize("text", ["red 你好", "привет", "مرحبا", "thıs", "İt", "Straße", "łódź"])
def test_letters_that_english_spelling_does_not_explain_are_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"{text.split()[-1]} is not in English letters: it has"):
        text_words(text, LEXICON)


def test_such_words_are_taken_from_a_lexicon_that_has_them() -> None:
    words = text_words("thıs STRASSE", {"thıs": [("T",)], "Straße": [("T",)]})
    assert [(w.word, w.guessed) for w in words] == [("thıs", False), ("Straße", False)]


def test_borrowed_words_keep_their_accents() -> None:
    (word,) = text_words("cafe\u0301", {})
    assert word.word == "café"
    assert ("K", "AE", "F", "EY") in word.variants


def test_a_contracted_and_is_not_the_letter() -> None:
    (word,) = text_words("’n’", {"N": [("EH", "N")]})
    assert ("AH", "N") in word.variants


def test_what_is_too_long_for_a_word_is_refused() -> None:
    with pytest.raises(InputError, match="more than 50 letters"):
        text_words("a" * 1000, {})


def test_a_transcript_has_the_lexicons_words_and_others_in_its_letters() -> None:
    heard = TranscriptReader(LEXICON)
    assert heard.words("Red t-shirt, i can't blicket. x5") == [
        *("RED", "T-SHIRT", "I", "CAN'T", "BLICKET", "X5")
    ]
    small = TranscriptReader({"red": [("R", "EH", "D")]})
    assert small.words("Red Blicket t-shirt") == ["red", "blicket", "t", "shirt"]
    assert TranscriptReader({}).words("Red Blicket t-shirt.") == ["red", "blicket", "t-shirt"]
    assert heard.words("") == []


def test_pronunciations_of_a_transcript_leave_out_what_has_none() -> None:
    words = TranscriptReader(LEXICON).pronounced("red <unk> blicket 你好 [noise]")
    assert [(w.word, w.guessed) for w in words] == [("RED", False), ("BLICKET", True)]
    assert words[0].variants == (("T",),) and words[1].variants == guess_pronunciations("blicket")


def test_a_guess_depends_on_the_word_alone() -> None:
    words = "read lead record wuhan colour schedule nguyen blicket".split()  # noqa: SIM905
    asked = "import sys; from pyscorer.lexicon.words import guess_pronunciations as guess; "
    asked += "print({word: guess(word) for word in sys.argv[1:]})"
    orders = (words, words[::-1])
    said = [subprocess.check_output([sys.executable, "-c", asked, *order]) for order in orders]
    assert literal_eval(said[0].decode()) == literal_eval(said[1].decode())
