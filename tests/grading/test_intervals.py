"""Predictive intervals and the probability that a phone is wrong."""

import numpy as np

from pyscorer.grading.intervals import fit_calibration, fit_interval


def test_intervals_hold_ninety_percent_of_new_scores_where_errors_grow_with_spread() -> None:
    generator = np.random.default_rng(1)

    def draw(size: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        predicted, spread = generator.uniform(3, 7, size), generator.uniform(0.1, 0.6, size)
        return predicted, spread, predicted + spread * generator.normal(size=size)

    interval = fit_interval(*draw(5000))
    predicted, spread, human = draw(5000)
    low, high = interval.around(predicted, spread, (0, 10))
    assert 0.88 < np.mean((low <= human) & (human <= high)) < 0.92
    uncertain = spread > np.median(spread)
    assert (high - low)[uncertain].mean() > 1.5 * (high - low)[~uncertain].mean()


def test_intervals_stay_on_the_scale_and_hold_the_prediction() -> None:
    generator = np.random.default_rng(2)
    predicted = generator.uniform(0, 2, 1000)
    human = np.clip(predicted + generator.normal(size=1000), 0, 2)
    low, high = fit_interval(predicted, np.full(1000, 0.1), human).around(
        predicted, np.full(1000, 0.1), (0, 2)
    )
    assert (low >= 0).all() and (high <= 2).all() and (low <= high).all()


def test_unscored_items_have_no_say() -> None:
    predicted, spread = np.linspace(0, 2, 50), np.full(50, 0.1)
    human = predicted + np.tile([0.1, -0.1], 25)
    voided = np.append(human, np.nan)
    with_void = fit_interval(np.append(predicted, 1.0), np.append(spread, 0.1), voided)
    assert with_void == fit_interval(predicted, spread, human)


def test_the_probability_of_being_wrong_falls_with_the_score_and_is_calibrated() -> None:
    generator = np.random.default_rng(3)
    predicted = generator.uniform(0, 2, 4000)
    wrong = generator.random(4000) < (2 - predicted) / 2
    calibration = fit_calibration(predicted, np.where(wrong, 0.0, 2.0), (0, 2))
    line = calibration(np.linspace(0, 2, 21))
    assert (np.diff(line) <= 0).all()
    assert abs(calibration(np.array([0.5]))[0] - 0.75) < 0.08
