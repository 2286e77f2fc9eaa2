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
    assert [(w.word, w.guessed) for w in words] == [("RED", False), ("blicket", True), ("7", True)]
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


@pytest.mark.parametrize("text", ["", " ... ", "_"])
def test_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="no words"):
        text_words(text, LEXICON)


@pytest.mark.parametrize("text", ["red 你好", "привет", "مرحبا"])
def test_text_in_another_script_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=f"{text.split()[-1]} is not in English letters"):
        text_words(text, LEXICON)
