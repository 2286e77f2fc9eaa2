"""Metrics of scores, decisions and posteriors on any classes, for many weightings at once.

`weights`, everywhere, is W x n: how often each of n items counts, in each of W weightings. A row
of ones gives the metric itself, rows of `unit_weights` its bootstrap. What has nothing to count is
NaN.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

BINS = 10
"""Of equal width, of the expected calibration error."""


def unit_weights(units: ArrayLike, samples: int, seed: int = 0) -> NDArray[np.float64]:
    """How often each item is drawn when whole units are drawn with replacement: samples x n.

    units: of each item, such as its speaker. The same units and seed give the same resamples, so
    that the difference of two systems under them is a paired bootstrap.
    """
    names, index = np.unique(np.asarray(units), return_inverse=True)
    share = np.full(len(names), 1 / len(names))
    drawn = np.random.default_rng(seed).multinomial(len(names), share, samples)
    return drawn[:, index].astype(float)


def confusions(decided: NDArray, labels: NDArray, classes: int, weights: NDArray) -> NDArray:
    """W x classes x classes: weight of the items of each human class (rows) and decided class."""
    place = np.eye(classes * classes)[labels * classes + decided]
    counts: NDArray = (weights @ place).reshape(-1, classes, classes)
    return counts


def accuracy(counts: NDArray) -> NDArray:
    """Share of the decisions that are right, of `confusions`."""
    return _share(np.trace(counts, axis1=1, axis2=2), counts.sum(axis=(1, 2)))


def recalls(counts: NDArray) -> NDArray:
    """Of each class the share of its items that are decided so: W x classes."""
    return _share(np.diagonal(counts, axis1=1, axis2=2), counts.sum(axis=2))


def balanced_accuracy(counts: NDArray) -> NDArray:
    """Mean of the recalls of the classes that there are."""
    return _mean(recalls(counts))


def f1_by_class(counts: NDArray) -> NDArray:
    """F1 of each class, NaN for one that is neither there nor decided: W x classes."""
    hits = np.diagonal(counts, axis1=1, axis2=2)
    return _share(2 * hits, counts.sum(axis=1) + counts.sum(axis=2))


def macro_f1(counts: NDArray) -> NDArray:
    """Mean of the F1 of the classes that are there or decided."""
    return _mean(f1_by_class(counts))


def quadratic_kappa(counts: NDArray) -> NDArray:
    """Cohen's kappa with quadratic weights (Cohen 1968): disagreement weighs its distance squared.

    1 - observed / expected disagreement, expected from both margins. Of two classes it is kappa.
    """
    levels = np.arange(counts.shape[1])
    cost = (levels[:, None] - levels) ** 2
    expected = counts.sum(axis=2)[:, :, None] * counts.sum(axis=1)[:, None]
    observed = (counts * cost).sum(axis=(1, 2)) * counts.sum(axis=(1, 2))
    return 1 - _share(observed, (expected * cost).sum(axis=(1, 2)))


def auc(scores: NDArray, positive: NDArray, weights: NDArray) -> NDArray:
    """Area under the ROC curve: the share of pairs of a positive and a negative item in which the
    positive has the higher score; an equal score is half of it.
    """
    order = np.argsort(scores, kind="stable")
    ordered, yes, drawn = scores[order], positive[order], weights[:, order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] > ordered[:-1]])
    good = np.add.reduceat(drawn * yes, starts, axis=1)
    bad = np.add.reduceat(drawn * ~yes, starts, axis=1)
    below = np.cumsum(bad, axis=1) - bad
    won = (good * (below + bad / 2)).sum(axis=1)
    return _share(won, good.sum(axis=1) * bad.sum(axis=1))


def pairwise_auc(scores: NDArray, labels: NDArray, weights: NDArray) -> NDArray:
    """Of levels: the mean over all pairs of levels of the AUC that tells the higher from the lower.

    After Hand & Till (2001), with one score (the expected level) in the place of their posteriors,
    as levels are ordered. A pair of which a level is not there has no say.
    """
    levels = np.unique(labels)
    found = [
        auc(scores[both], labels[both] == high, weights[:, both])
        for i, high in enumerate(levels)
        for both in (np.isin(labels, (low, high)) for low in levels[:i])
    ]
    return _mean(np.stack(found, axis=1)) if found else np.full(len(weights), np.nan)


def correlation(x: NDArray, y: NDArray, weights: NDArray) -> NDArray:
    """Pearson correlation (PCC); NaN where either side is constant."""
    x, y = x - x.mean(), y - y.mean()  # near 0, so that the differences below keep their digits
    sums = weights @ np.stack([np.ones_like(x), x, y, x * y, x * x, y * y], axis=1)
    mean_x, mean_y, xy, xx, yy = _share(sums[:, 1:], sums[:, :1]).T
    variances = np.maximum(xx - mean_x**2, 0) * np.maximum(yy - mean_y**2, 0)
    spread = np.sqrt(variances)
    return _share(xy - mean_x * mean_y, np.where(spread > 1e-12, spread, 0))


def log_loss(posteriors: NDArray, labels: NDArray, weights: NDArray) -> NDArray:
    """Mean of -ln posterior of the human class; posteriors: n x classes, summing to 1."""
    lost = -np.log(posteriors[np.arange(len(labels)), labels])
    return _share(weights @ lost, weights.sum(axis=1))


def brier(posteriors: NDArray, labels: NDArray, weights: NDArray) -> NDArray:
    """Mean of half the squared distance of the posteriors to the human class (Brier 1950).

    Of two classes it is (p - y)**2 of either.
    """
    target = np.eye(posteriors.shape[1])[labels]
    lost = ((posteriors - target) ** 2).sum(axis=1) / 2
    return _share(weights @ lost, weights.sum(axis=1))


def calibration_error(probability: NDArray, happened: NDArray, weights: NDArray) -> NDArray:
    """Expected calibration error (Naeini et al. 2015) of probabilities of n events, `BINS` bins.

    The weighted mean over bins of how far the mean probability is from the share that happened.
    """
    place = np.minimum((probability * BINS).astype(int), BINS - 1)
    gap = np.eye(BINS)[place] * (probability - happened)[:, None]
    return _share(np.abs(weights @ gap).sum(axis=1), weights.sum(axis=1))


def balanced_threshold(scores: NDArray, positive: NDArray, weights: NDArray) -> float:
    """The threshold (accept from it on) with the highest balanced accuracy; weights: n.

    Midway between the neighbouring scores, the lowest of the best. Raises ValueError unless there
    are positive and negative items.
    """
    if not (weights @ positive and weights @ ~positive):
        raise ValueError("a threshold needs accepted and rejected responses")
    order = np.argsort(scores, kind="stable")
    ordered = scores[order]
    missed = np.cumsum((weights * positive)[order]) / (weights @ positive)
    refused = np.cumsum((weights * ~positive)[order]) / (weights @ ~positive)
    cuts = np.flatnonzero(ordered[1:] > ordered[:-1])
    if not len(cuts):
        return float(ordered[0])
    best = int(cuts[np.argmax((refused - missed)[cuts])])
    middle = float((ordered[best] + ordered[best + 1]) / 2)
    return middle if middle > ordered[best] else float(ordered[best + 1])


def _share(part: NDArray, whole: NDArray) -> NDArray:
    """part / whole, NaN where the whole is nothing."""
    safe = np.where(whole == 0, 1, whole)
    result: NDArray = np.where(whole == 0, np.nan, part / safe)
    return result


def _mean(values: NDArray) -> NDArray:
    """Mean along the last axis of what is not NaN; NaN where all is."""
    there = ~np.isnan(values)
    return _share(np.where(there, values, 0).sum(axis=-1), there.sum(axis=-1))
