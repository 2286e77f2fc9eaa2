"""The experts' scores, on the phones that the alignment found."""

import math

import numpy as np

from pyscorer.contract.labels import carry_over


def test_same_phones_keep_their_scores() -> None:
    assert carry_over(["DH", "AH"], [2.0, 0.4], ["DH", "AH"]) == [2.0, 0.4]


def test_a_substituted_phone_has_the_score_of_the_one_it_stands_for() -> None:
    assert carry_over(["DH", "AH"], [2.0, 0.4], ["DH", "IY"]) == [2.0, 0.4]


def test_an_inserted_phone_has_no_score_and_a_deleted_one_loses_it() -> None:
    inserted = carry_over(["AE", "D"], [1.0, 0.2], ["AE", "N", "D"])
    assert inserted[0] == 1.0 and math.isnan(inserted[1]) and inserted[2] == 0.2
    assert carry_over(["AE", "N", "D"], [1.0, 0.6, 0.2], ["AE", "D"]) == [1.0, 0.2]


def test_as_many_scores_as_aligned_phones_whatever_the_words() -> None:
    generator = np.random.default_rng(0)
    for _ in range(100):
        canonical, aligned = (
            [str(p) for p in generator.choice(["A", "B", "C"], generator.integers(1, 7))]
            for _ in range(2)
        )
        assert len(carry_over(canonical, [1.0] * len(canonical), aligned)) == len(aligned)
