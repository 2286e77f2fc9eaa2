import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyscorer.corpora import speechocean762
from pyscorer.evaluation.metrics import (
    bootstrap_pearson,
    human_ceiling,
    mean_squared_error,
    pearson,
    seed_mean_pearson,
)


def test_pearson_by_hand() -> None:
    # Deviations (-1, 0, 1) and (-1, 1, 0): 1 / sqrt(2 * 2).
    assert pearson(np.array([1, 2, 3]), np.array([1, 3, 2])) == pytest.approx(0.5)


def test_pearson_is_invariant_to_scale_and_of_one_sign() -> None:
    x = np.random.default_rng(0).normal(size=50)
    assert pearson(x, 3 * x + 2) == pytest.approx(1)
    assert pearson(x, -x) == pytest.approx(-1)


def test_pearson_of_a_constant_is_nan() -> None:
    assert math.isnan(pearson(np.full(7, 0.1), np.arange(7)))


def test_mean_squared_error_by_hand() -> None:
    assert mean_squared_error(np.array([1, 2]), np.array([2, 4])) == 2.5


def test_seed_mean_pearson_averages_over_columns() -> None:
    human = np.array([1.0, 2, 3])
    predicted = np.array([[1.0, 1], [2, 3], [3, 2]])
    assert seed_mean_pearson(predicted, human) == pytest.approx((1 + 0.5) / 2)


def test_the_interval_is_that_of_fishers_transformation() -> None:
    # Of normal variables, atanh(PCC) has standard deviation 1 / sqrt(n - 3).
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1000, 1))
    y = x[:, 0] + rng.normal(size=1000)
    centre = math.atanh(pearson(x[:, 0], y))
    expected = [math.tanh(centre + sign * 1.96 / math.sqrt(997)) for sign in (-1, 1)]
    assert bootstrap_pearson(x, y, np.arange(1000), 2000) == pytest.approx(expected, abs=0.008)


def test_the_interval_is_that_of_drawing_rows() -> None:
    # Six units of two utterances, two seeds: the same multinomial draws, taken row by row.
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    units = np.repeat(list("fbdace"), 2)
    values = []
    for times in np.random.default_rng(0).multinomial(6, np.full(6, 1 / 6), 40):
        rows = [r for unit, n in zip("abcdef", times, strict=True)
                for r in np.flatnonzero(units == unit).tolist() * n]  # fmt: skip
        values.append(seed_mean_pearson(x[rows], y[rows]))
    expected = np.quantile(values, [0.025, 0.975])
    assert bootstrap_pearson(x, y, units, 40) == pytest.approx(expected)


def test_resampling_speakers_widens_the_interval_where_their_utterances_agree() -> None:
    rng = np.random.default_rng(2)
    speakers = np.repeat([f"s{i}" for i in range(20)], 20)
    x = np.repeat(rng.normal(size=20), 20) + 0.1 * rng.normal(size=400)
    y = np.repeat(rng.normal(size=20), 20) + x
    by_utterance = bootstrap_pearson(x[:, None], y, np.arange(400), 300)
    by_speaker = bootstrap_pearson(x[:, None], y, speakers, 300)
    assert by_speaker[1] - by_speaker[0] > 2 * (by_utterance[1] - by_utterance[0])


RATINGS = pd.DataFrame({1: [1, 2, 3], 2: [1, 2, 3], 3: [1, 3, 2]}, index=["u0", "u1", "u2"])


def test_human_ceiling_by_hand() -> None:
    # Raters 1 and 2 agree; rater 3 is the 0.5 of test_pearson_by_hand against both.
    # 1 against the mean of (1,2,3) and (1,3,2) = (1,2.5,2.5): sqrt(3)/2.
    expected = (2 * math.sqrt(3) / 2 + 0.5) / 3
    assert human_ceiling(RATINGS) == pytest.approx(expected)


def test_predictions_are_held_against_the_targets_of_each_rater() -> None:
    # Against (1,2.5,2.5), the same, and (1,2,3); by utterance, whatever the order.
    predicted = pd.Series({"u2": 6.0, "u1": 4.0, "u0": 2.0})
    expected = (2 * math.sqrt(3) / 2 + 1) / 3
    assert human_ceiling(RATINGS, predicted) == pytest.approx(expected)


def test_human_ceiling_of_speechocean762(corpora: Path) -> None:
    ratings = speechocean762.read(corpora / "speechocean762", "test").labels["rater"]
    expected = {"total": 0.807, "accuracy": 0.749, "fluency": 0.768, "prosodic": 0.758}
    tables = {a: ratings.pivot(index="utterance", columns="rater", values=a) for a in expected}
    assert {aspect: round(human_ceiling(table), 3) for aspect, table in tables.items()} == expected
