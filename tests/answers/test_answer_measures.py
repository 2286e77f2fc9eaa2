"""Figures of spoken answers, each against one computed by hand."""

import math

import numpy as np
import pytest
from made_answers import answer, silence, viewed

from pyscorer.answers.answer_measures import (
    GOP,
    HeardAnswer,
    describe_answer,
    phone_table,
    word_table,
)
from pyscorer.answers.fluency import fluency
from pyscorer.contract.ctm import Segment
from pyscorer.contract.decoded import Alternative, Decoded
from pyscorer.contract.recording import Recording
from pyscorer.errors import InputError

SPOKEN = [
    ("cat", 30, [("K", 10), ("AE", 20), ("T", 10)]),
    ("sat", 5, [("S", 15), ("AE", 20)]),
    ("tea", 40, [("T", 10), ("IY", 30)]),
]
"""0.3 s of silence, 0.4 s, a gap of 0.05 s, 0.35 s, a pause of 0.4 s, 0.4 s: ends at 1.9 s."""
GOPS = [-0.5, -1.5, -0.1, -3.0, -5.0, -0.2, -0.2]


def test_rates_are_of_the_answer_and_only_long_silences_are_pauses() -> None:
    sounds = [Segment("a", 30, 40), Segment("b", 75, 35), Segment("c", 150, 40)]
    found = fluency(sounds, words=3, seconds=2.4)
    expected = {
        "onset": 0.3,
        "tail": 0.5,
        "answer_seconds": 1.6,
        "phonation_seconds": 1.2,
        "phonation_ratio": 1.2 / 1.6,
        "speech_share": 1.2 / 2.4,
        "words_per_second": 3 / 1.6,
        "sounds_per_second": 3 / 1.6,
        "articulation_rate": 3 / 1.2,
        "pauses": 1,
        "pauses_per_second": 1 / 1.6,
        "pause_total": 0.4,
        "pause_mean": 0.4,
        "pause_longest": 0.4,
        "gap_share": 0.45 / 1.6,
        "runs": 2,
        "run_sounds": 1.5,
        "run_seconds": 0.6,
        "run_longest": 0.8,
    }
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(("gap", "pauses"), [(0, 0), (19, 0), (20, 1)])
def test_a_silence_of_a_fifth_of_a_second_is_a_pause(gap: int, pauses: int) -> None:
    found = fluency([Segment("a", 0, 10), Segment("b", 10 + gap, 10)], 2, 1.0)
    assert (found["pauses"], found["runs"]) == (pauses, pauses + 1)
    assert found["pause_mean"] == pytest.approx(gap / 100 if pauses else 0)


def test_a_single_sound_is_one_run_without_a_pause() -> None:
    found = fluency([Segment("a", 20, 50)], 1, 0.7)
    assert found["run_longest"] == found["answer_seconds"] == pytest.approx(0.5)
    assert found["pauses"] == found["gap_share"] == found["tail"] == 0


def test_gop_figures() -> None:
    found = describe_answer(answer("u", SPOKEN, GOPS))
    assert found["gop_mean"] == pytest.approx(np.mean(GOPS))
    assert found["gop_sd"] == pytest.approx(np.std(GOPS))
    assert (found["gop_min"], found["gop_q50"]) == (-5, -0.5)
    assert found["gop_q25"] == pytest.approx(np.quantile(GOPS, 0.25))
    assert (found["low_1"], found["low_2"], found["low_4"]) == pytest.approx((3 / 7, 2 / 7, 1 / 7))
    # The vowels AE, AE and IY.
    assert found["vowels"] == pytest.approx((-1.5 - 5 - 0.2) / 3)
    assert found["consonants"] == pytest.approx((-0.5 - 0.1 - 3 - 0.2) / 4)
    # Means of the words are -0.7, -4 and -0.2.
    assert found["worst_word"] == pytest.approx(-4)
    assert found["lpp_mean"] == pytest.approx(np.mean(GOPS) - 0.1)


def test_the_margin_is_over_the_best_rival() -> None:
    # made_answers: the phone has gop - 0.5, its rival -1.
    found = describe_answer(answer("u", SPOKEN, GOPS))
    assert found["margin_mean"] == pytest.approx(np.mean(GOPS) + 0.5)
    assert found["rivalled"] == pytest.approx(3 / 7)


def test_confidences_and_the_words_that_are_unsure() -> None:
    found = describe_answer(answer("u", SPOKEN, GOPS, confidences=[0.9, 0.4, 0.8]))
    assert found["confidence_mean"] == pytest.approx(0.7)
    assert found["confidence_min"] == pytest.approx(0.4)
    assert found["unsure"] == pytest.approx(1 / 3)


def test_alternatives() -> None:
    others = [("cat sat the", -math.log(2)), ("cat", -math.log(2))]
    found = describe_answer(answer("u", SPOKEN, GOPS, alternatives=others))
    assert found["alternatives"] == 3
    assert found["nbest_margin"] == pytest.approx(math.log(2))
    assert found["nbest_margin_a_word"] == pytest.approx(math.log(2) / 3)
    # Probabilities 1/2, 1/4, 1/4; one and two of three words differ.
    assert found["nbest_entropy"] == pytest.approx(1.5 * math.log(2))
    assert found["nbest_differ"] == pytest.approx(1 / 4 * 1 / 3 + 1 / 4 * 2 / 3)


@pytest.mark.parametrize(
    ("second", "agreement", "rate"),
    [("CAT SAT TEA", 1, 0), ("cat mat", 1 / 3, 2 / 3), ("", 0, 1), ("cat sat tea " * 3, 1, 1)],
)
def test_disagreement_of_recognisers_is_a_rate_of_at_most_1(
    second: str, agreement: float, rate: float
) -> None:
    found = describe_answer(answer("u", SPOKEN, GOPS, second=second))
    assert (found["agreement"], found["disagreement"]) == pytest.approx((agreement, rate))
    assert found["second_words"] == len(second.split())


def test_the_length_of_the_transcript_is_held_against_that_of_the_prompt() -> None:
    found = describe_answer(answer("u", SPOKEN, GOPS, prompt="say this sentence now please"))
    assert (found["words"], found["prompt_words"]) == (3, 5)
    assert found["words_to_prompt"] == pytest.approx(math.log(4 / 6))


def test_no_figure_knows_a_word() -> None:
    other = [("dog", *SPOKEN[0][1:]), ("ran", *SPOKEN[1][1:]), ("off", *SPOKEN[2][1:])]
    assert describe_answer(answer("u", SPOKEN, GOPS)) == describe_answer(answer("u", other, GOPS))


def test_a_view_of_the_transcript() -> None:
    found = describe_answer(viewed(answer("u", SPOKEN, GOPS)))
    assert found["view_word_mean"] == -0.75  # -1.5 of two tokens
    assert (found["view_margin_min"], found["view_difference"]) == (-0.25, 0.25)


def test_of_silence_nothing_is_claimed_but_that_nothing_was_heard() -> None:
    found = describe_answer(silence("u", second=""))
    assert found.pop("words_to_prompt") == pytest.approx(-math.log(4))
    assert found == {
        **{"heard": 0, "aligned": 0, "seconds": 2, "words": 0, "prompt_words": 3},
        **{"second_words": 0, "agreement": 1, "disagreement": 0},
    }


def test_what_was_heard_but_not_aligned_has_rates_of_words_and_no_figure_of_phones() -> None:
    words = (Segment("a", 10, 20, 0.5), Segment("b", 60, 20, 0.7))
    decoded = Decoded("u", words, (Alternative(("a", "b"), 0.0),))
    found = describe_answer(HeardAnswer(decoded, 1.0))
    assert (found["heard"], found["aligned"], found["pauses"]) == (1, 0, 1)
    assert found["words_per_second"] == pytest.approx(2 / 0.7)
    assert not {"articulation_rate", "gop_mean", "phones", "run_sounds"} & found.keys()


def test_words_have_their_times_confidences_and_gop() -> None:
    one = answer("u", SPOKEN, GOPS, confidences=[0.9, 0.4, 0.8])
    assert one.recording is not None
    found = word_table(one, phone_table(one.recording))
    np.testing.assert_allclose(found.column("log_duration"), np.log([40, 35, 40]))
    np.testing.assert_allclose(found.column("pause_before"), np.log1p([30, 5, 40]))
    np.testing.assert_allclose(found.column("phones"), [3, 2, 2])
    np.testing.assert_allclose(found.column("confidence"), [0.9, 0.4, 0.8])
    np.testing.assert_allclose(found.column("gop_mean"), [-0.7, -4, -0.2])
    np.testing.assert_allclose(found.column("gop_least"), [-1.5, -5, -0.2])


def test_without_an_alignment_words_have_the_recognisers_times() -> None:
    words = (Segment("a", 10, 20, 0.5), Segment("b", 60, 25))
    found = word_table(HeardAnswer(Decoded("u", words), 1.0), None)
    np.testing.assert_allclose(found.column("log_duration"), np.log([20, 25]))
    np.testing.assert_allclose(found.column("pause_before"), np.log1p([10, 30]))
    np.testing.assert_allclose(found.column("confidence"), [0.5, np.nan])
    assert np.isnan(found.column("phones")).all()


def test_words_spelt_out_take_the_confidence_of_the_word_heard_at_their_time() -> None:
    one = answer("u", SPOKEN, GOPS)
    assert one.recording is not None
    # One word was heard where the text has two: "2" for "two to", say.
    heard = (Segment("catsat", 30, 80, 0.3), Segment("tea", 150, 40, 0.8))
    spelt = HeardAnswer(Decoded("u", heard), one.seconds, one.prompt, one.recording)
    found = word_table(spelt, phone_table(one.recording))
    np.testing.assert_allclose(found.column("confidence"), [0.3, 0.3, 0.8])


def test_a_measure_that_is_not_there_is_named() -> None:
    one = answer("u", SPOKEN, GOPS)
    assert one.recording is not None
    others = {name: m for name, m in one.recording.measured.items() if name != GOP}
    lacking = Recording("u", one.recording.segments, 240, measured=others)
    with pytest.raises(InputError, match="no gop, which the acoustic experts read"):
        phone_table(lacking)
