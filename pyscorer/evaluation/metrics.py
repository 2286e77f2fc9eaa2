"""Correlation with human scores, its uncertainty, and what humans themselves reach."""

from collections.abc import Sequence

import numpy as np
import pandas as pd


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson correlation coefficient (PCC); NaN if either side is constant, or empty."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if not len(a):
        return float("nan")
    a, b = a - a.mean(), b - b.mean()
    # Not exactly zero for a constant whose mean is rounded.
    if max(abs(a)) < 1e-12 or max(abs(b)) < 1e-12:
        return float("nan")
    return float((a @ b) / np.sqrt((a @ a) * (b @ b)))


def mean_squared_error(predicted: np.ndarray, human: np.ndarray) -> float:
    """Mean of the squared differences, in squared units of the scores."""
    difference = np.asarray(predicted, dtype=np.float64) - np.asarray(human, dtype=np.float64)
    return float(np.mean(difference**2))


def sd_of_seeds(values: Sequence[float] | np.ndarray) -> float:
    """Standard deviation of a figure over seeds; NaN of one seed, and where one is not finite."""
    known = len(values) > 1 and np.isfinite(values).all()
    return float(np.std(values, ddof=1)) if known else float("nan")


def resampled_pearson(
    predicted: np.ndarray, human: np.ndarray, units: np.ndarray, samples: int = 1000, seed: int = 0
) -> np.ndarray:
    """`seed_mean_pearson` of `samples` resamples of whole units; NaN without variance.

    `predicted` is utterances x seeds. `units` names the unit of each utterance: row numbers to
    resample utterances, speaker names to resample speakers (wider, and the right one for a claim
    about new speakers, as the utterances of a speaker are alike). The same `units` and `seed` give
    the same resamples, so that the difference of two calls is a paired bootstrap.
    """
    x = np.asarray(predicted, dtype=np.float64)
    y = np.asarray(human, dtype=np.float64)[:, None]
    x, y = x - x.mean(axis=0), y - y.mean()
    names, index = np.unique(units, return_inverse=True)

    def by_unit(values: np.ndarray) -> np.ndarray:
        total = np.zeros((len(names), values.shape[1]))
        np.add.at(total, index, values)
        return total

    # How often each unit is drawn; a sample's sums are the units' sums, so weighted.
    share = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(seed).multinomial(len(names), share, samples).astype(float)
    n = drawn @ by_unit(np.ones_like(y))
    mean_x, mean_y = drawn @ by_unit(x) / n, drawn @ by_unit(y) / n
    covariance = drawn @ by_unit(x * y) / n - mean_x * mean_y
    variance_x = drawn @ by_unit(x**2) / n - mean_x**2
    variance_y = drawn @ by_unit(y**2) / n - mean_y**2
    # A sample without variance has no correlation, and no say.
    spread = np.sqrt(np.maximum(variance_x * variance_y, 0))
    values = np.where(spread > 1e-12, covariance / np.maximum(spread, 1e-12), np.nan)
    return np.asarray(values.mean(axis=1))


def percentile_interval(values: np.ndarray, level: float = 0.95) -> tuple[float, float]:
    """The middle `level` of `values`; NaN are left out, and are the answer if all are."""
    if np.isnan(values).all():
        return float("nan"), float("nan")
    tail = (1 - level) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def bootstrap_pearson(
    predicted: np.ndarray,
    human: np.ndarray,
    units: np.ndarray,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of `seed_mean_pearson` under resampling of whole units.

    See `resampled_pearson`.
    """
    return percentile_interval(resampled_pearson(predicted, human, units, samples, seed), level)


def seed_mean_pearson(predicted: np.ndarray, human: np.ndarray) -> float:
    """Mean over seeds of the PCC: `predicted` is utterances x seeds."""
    return float(np.mean([pearson(column, human) for column in predicted.T]))


def human_ceiling(ratings: pd.DataFrame, predicted: pd.Series | None = None) -> float:
    """PCC of one rater with the mean of the others, averaged over the raters.

    `ratings` is utterances x raters. Each rater is held against the others on the utterances that
    he rated. With `predicted` scores, by utterance, these stand in for the rater: what they reach
    against the very same targets.
    """
    values = []
    for rater in ratings.columns:
        own, others = ratings[rater], ratings.drop(columns=rater).mean(axis=1)
        both = own.notna() & others.notna()
        held = own if predicted is None else predicted.reindex(ratings.index)
        values.append(pearson(held[both].to_numpy(), others[both].to_numpy()))
    return float(np.mean(values))
