"""Correlation with human scores, its uncertainty, and what humans themselves reach."""

from collections.abc import Callable

import numpy as np
import pandas as pd

CHILD_BELOW = 16
"""Speakers younger than this many years count as children."""


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    """Pearson correlation coefficient (PCC); NaN if either side is constant."""
    a, b = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    a, b = a - a.mean(), b - b.mean()
    # Not exactly zero for a constant whose mean is rounded.
    if max(abs(a)) < 1e-12 or max(abs(b)) < 1e-12:
        return float("nan")
    return float((a @ b) / np.sqrt((a @ a) * (b @ b)))


def mean_squared_error(predicted: np.ndarray, human: np.ndarray) -> float:
    """Mean of the squared differences, in squared units of the scores."""
    difference = np.asarray(predicted, dtype=np.float64) - np.asarray(human, dtype=np.float64)
    return float(np.mean(difference**2))


def bootstrap(
    statistic: Callable[[np.ndarray], float],
    units: np.ndarray,
    samples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> tuple[float, float]:
    """Percentile interval of `statistic` under resampling of whole units with replacement.

    `units` names the unit of each row: row numbers to resample utterances, speaker names to
    resample speakers (wider, and the right one for a claim about new speakers, as utterances of a
    speaker are alike). `statistic` takes row indices.
    """
    names, index = np.unique(units, return_inverse=True)
    order = np.argsort(index, kind="stable")
    rows = np.split(order, np.cumsum(np.bincount(index))[:-1])
    generator = np.random.default_rng(seed)
    values = [
        statistic(
            np.concatenate([rows[i] for i in generator.integers(len(names), size=len(names))])
        )
        for _ in range(samples)
    ]
    tail = (1 - level) / 2
    low, high = np.nanquantile(values, [tail, 1 - tail])
    return float(low), float(high)


def seed_mean_pearson(predicted: np.ndarray, human: np.ndarray) -> float:
    """Mean over seeds of the PCC: `predicted` is utterances x seeds."""
    return float(np.mean([pearson(column, human) for column in predicted.T]))


def human_ceiling(ratings: pd.DataFrame, aspect: str) -> float:
    """PCC of one rater with the mean of the others, averaged over the raters.

    `ratings` is the rater table of a data directory: columns utterance, rater, and the aspects.
    Each rater is held against the others on the utterances that he rated.
    """
    table = ratings.pivot(index="utterance", columns="rater", values=aspect)
    values = []
    for rater in table.columns:
        others = table.drop(columns=rater).mean(axis=1)
        both = table[rater].notna() & others.notna()
        values.append(pearson(table.loc[both, rater].to_numpy(), others[both].to_numpy()))
    return float(np.mean(values))


def age_group(age: str | None) -> str:
    """`child` below CHILD_BELOW years, else `adult`; `unknown` where there is no number."""
    if age is None or not age.isdigit():
        return "unknown"
    return "child" if int(age) < CHILD_BELOW else "adult"
