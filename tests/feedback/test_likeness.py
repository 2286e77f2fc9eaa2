"""Whether the phones of a recording are those of its text."""

import numpy as np
import pytest

from pyscorer.contract.phones import ARPABET, PHONE_ID, SILENCE
from pyscorer.feedback.likeness import Fit, Words, fit, random_texts

CONSONANTS, VOWELS = ("B", "D", "F", "K", "L", "M", "N", "S", "T"), ("AA", "IY", "UW", "EH", "OW")
LEXICON = {f"{c}{v}{d}": [(c, v, d)] for c in CONSONANTS for v in VOWELS for d in CONSONANTS}
TEXT = ["KAAT", "SIYN", "BUWL", "MEHD", "FOWK"]


def words(text: list[str]) -> Words:
    return [[PHONE_ID[p] - 1 for p in LEXICON[word][0]] for word in text]


def spoken(text: list[str], frames: int = 4) -> np.ndarray:
    """Scores as of a model that hears each phone of the text for some frames, with some doubt."""
    phones = [p for word in words(text) for p in word]
    silence = [PHONE_ID[SILENCE] - 1] * 3
    scores = np.random.default_rng(0).normal(size=(6 + frames * len(phones), len(ARPABET) + 2))
    said = [*silence, *np.repeat(phones, frames), *silence]
    scores[np.arange(len(scores)), said] += 3
    return scores


def fitted(said: list[str], text: list[str]) -> Fit:
    return fit(spoken(said), words(text), LEXICON)


def test_a_text_that_was_read_fits_better_than_others_and_little_worse_than_none() -> None:
    found = fitted(TEXT, TEXT)
    assert found.above_others > 1
    assert found.below_free > -0.2
    assert (found.first, found.last) == (0, 0)


def test_a_text_that_was_not_read_fits_as_others_do() -> None:
    found = fitted(["SUWF", "LAAB", "NEHS", "TIYM", "DOWN"], TEXT)
    assert abs(found.above_others) < 0.5
    assert found.below_free < -1


@pytest.mark.parametrize(("read", "first", "last"), [(slice(3), 0, 2), (slice(1, 5), 1, 0)])
def test_words_at_the_ends_that_were_not_read_are_counted(
    read: slice, first: int, last: int
) -> None:
    found = fitted(TEXT[read], TEXT)
    assert (found.first, found.last) == (first, last)
    assert found.above_others > 0.5


def test_more_than_the_text_shows_against_no_text() -> None:
    assert fitted(TEXT, TEXT[:2]).below_free < -0.5


def test_a_text_for_which_there_is_hardly_time_is_not_better_than_longer_ones() -> None:
    hurried = spoken(TEXT)[: sum(map(len, words(TEXT)))]
    assert fit(hurried, words(TEXT), LEXICON).above_others < 0.5


def test_random_texts_are_as_long_and_always_the_same() -> None:
    texts = random_texts(LEXICON, 14, 5)
    assert [sum(map(len, text)) for text in texts] == [15] * 5
    assert texts == random_texts(LEXICON, 14, 5)
