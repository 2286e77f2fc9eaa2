"""Words of a text and their pronunciations."""

import pytest

from pyscorer.contract.phones import strip_stress
from pyscorer.corpora.sample_text import STRESSED_LEXICON
from pyscorer.errors import InputError
from pyscorer.lexicon.words import guess_pronunciations, text_words

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
