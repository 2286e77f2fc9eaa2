import pytest

from pyscorer.evaluation.word_errors import Disagreement, disagreement


@pytest.mark.parametrize(
    "one, two, agreement, rate",
    [
        ("the cat sat", "the cat sat", 1, 0),
        ("THE CAT SAT", "the cat", 2 / 3, 1 / 3),
        ("the cat", "the big cat sat", 1, 1),
        ("the cat sat", "a dog sat", 1 / 3, 2 / 3),
        ("cat", "a dog barks", 0, 3),
        ("", "", 1, 0),
        ("", "cat", 0, 1),
        ("cat", "", 0, 1),
    ],
)
def test_two_recognisers_agree_in_the_words_that_both_have_in_order(one, two, agreement, rate):
    assert disagreement(one.split(), two.split()) == Disagreement(
        pytest.approx(agreement), pytest.approx(rate)
    )
