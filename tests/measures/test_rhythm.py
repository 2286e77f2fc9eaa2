"""Rhythm of alignments that are written down, by hand."""

import numpy as np
import pytest
from made_speech import aligned

from pyscorer.measures.rhythm import RHYTHM, intervals, pairwise_variability, rhythm


def said(values: np.ndarray) -> dict[str, float]:
    return dict(zip(RHYTHM, values, strict=True))


def test_pairwise_variability_by_hand() -> None:
    # |100 - 200| / 150 and |200 - 100| / 150.
    assert pairwise_variability([[100, 200, 100]], normalise=True) == pytest.approx(200 / 3)
    assert pairwise_variability([[50, 80]], normalise=False) == 30
    # Two stretches: what a pause parts is no pair.
    assert pairwise_variability([[100, 200], [800, 800]], normalise=False) == 50
    assert pairwise_variability([[100], [200]], normalise=True) == 0


def test_neighbours_of_one_kind_are_one_interval_but_across_a_pause() -> None:
    segments = aligned("B:5 IY:10", "AH:4 P:6", "T:3 OW:9", pauses=(0, 5))
    assert intervals(segments) == [
        *((False, 5, 0), (True, 14, 0), (False, 6, 0)),
        *((False, 3, 1), (True, 9, 1)),
    ]


def test_an_utterance_by_hand() -> None:
    # Vowels 100, 200 | 300 ms, consonants 50, 50 | 100 ms, a pause of 400 ms.
    segments = aligned("B:5 IY:10", "D:5 OW:20", "SH:10 IY:30", pauses=(0, 40))
    found = said(rhythm(segments, np.array([0, 0, 1, 1, 2, 2])))
    assert found["npvi_vowels"] == pytest.approx(200 / 3)
    assert found["rpvi_consonants"] == 0
    assert found["percent_vowels"] == pytest.approx(75)
    assert found["delta_vowels"] == pytest.approx(np.std([100, 200, 300]))
    assert found["delta_consonants"] == pytest.approx(np.std([50, 50, 100]))
    assert found["varco_vowels"] == pytest.approx(100 * np.std([100, 200, 300]) / 200)
    assert found["speech_rate"] == pytest.approx(3 / 1.2)
    assert found["articulation_rate"] == pytest.approx(3 / 0.8)
    assert found["pauses"] == pytest.approx(1 / 1.2)
    assert found["pause_share"] == pytest.approx(0.4 / 1.2)
    assert found["run_length"] == 1.5
    # Before the pause 200 and at the end 300 ms; the other vowel 100.
    assert found["final_lengthening"] == pytest.approx(np.log(250 / 100))


@pytest.mark.parametrize("word", ["S:10", "AA:10", "SPN:7"])
def test_what_is_not_there_is_nothing(word: str) -> None:
    found = rhythm(aligned(word), np.array([0]))
    assert np.isfinite(found).all()
    assert said(found)["npvi_vowels"] == 0 and said(found)["final_lengthening"] == 0


def test_the_recorders_silence_is_not_the_speakers() -> None:
    near, far = (aligned("S:10 IY:10", start=start) for start in (2, 200))
    places = np.array([0, 0])
    np.testing.assert_array_equal(rhythm(near, places), rhythm(far, places))
