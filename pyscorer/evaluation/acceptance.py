"""Metrics of the accept/reject decision of the Spoken CALL Shared Task.

Papi et al. 2020 (section 3.1) and Baur et al. 2018. A response is right if its language and its
meaning are correct. Counts: CA and FR (right, accepted and rejected), CR (wrong, rejected), PFA
(accepted, only the language wrong: a plain false accept), GFA (accepted, the meaning wrong: a gross
one). FA = PFA + 3 GFA.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

GROSS_WEIGHT = 3.0
MEANING_WRONG = (1, 3)
"""Classes (see pyscorer.corpora.spoken_call.CLASSES) whose acceptance is gross."""


@dataclass(frozen=True)
class Acceptance:
    """Counts of decisions and the metrics that follow from them.

    A ratio with denominator 0 is infinite if its numerator is positive and NaN if that is 0 too;
    F1 and rates without any item to count are NaN.
    """

    ca: float
    fr: float
    cr: float
    pfa: float
    gfa: float

    @property
    def fa(self) -> float:
        """Weighted false accepts, PFA + 3 GFA."""
        return self.pfa + GROSS_WEIGHT * self.gfa

    @property
    def d(self) -> float:
        """D = (CR / (CR + FA)) / (FR / (FR + CA)): how much likelier wrong ones are rejected."""
        return _ratio(_ratio(self.cr, self.cr + self.fa), _ratio(self.fr, self.fr + self.ca))

    @property
    def d_a(self) -> float:
        """D_A = (CA / (CA + FR)) / (FA / (FA + CR)), the same for acceptance."""
        return _ratio(_ratio(self.ca, self.ca + self.fr), _ratio(self.fa, self.fa + self.cr))

    @property
    def d_full(self) -> float:
        """D_full = sqrt(D D_A) = sqrt(CA CR / (FR FA))."""
        return math.sqrt(_ratio(self.ca * self.cr, self.fr * self.fa))

    @property
    def accuracy(self) -> float:
        """Share of decisions that are right; every false accept counts once."""
        correct = self.ca + self.cr
        return _ratio(correct, correct + self.fr + self.pfa + self.gfa)

    @property
    def f1(self) -> float:
        """F1 of acceptance with every false accept counted once."""
        return _ratio(2 * self.ca, 2 * self.ca + self.fr + self.pfa + self.gfa)

    @property
    def f1_weighted(self) -> float:
        """F1 of acceptance with FA = PFA + 3 GFA."""
        return _ratio(2 * self.ca, 2 * self.ca + self.fr + self.fa)

    @property
    def recall(self) -> float:
        """Share of the right responses that are accepted."""
        return _ratio(self.ca, self.ca + self.fr)

    @property
    def rejection(self) -> float:
        """Share of the wrong responses that are rejected."""
        return _ratio(self.cr, self.cr + self.pfa + self.gfa)

    def as_row(self) -> dict[str, float]:
        """Counts and metrics by name, for a table."""
        names = (
            *("ca", "fr", "cr", "pfa", "gfa", "fa", "d", "d_a", "d_full"),
            *("accuracy", "f1", "f1_weighted", "recall", "rejection"),
        )
        return {name: float(getattr(self, name)) for name in names}


def _ratio(numerator: float, denominator: float) -> float:
    if math.isnan(numerator) or math.isnan(denominator):
        return math.nan
    if math.isinf(denominator):
        return math.nan if math.isinf(numerator) else 0.0
    if denominator == 0:
        return math.inf if numerator > 0 else math.nan
    return numerator / denominator


def count_decisions(
    accepted: ArrayLike, labels: ArrayLike, weights: ArrayLike | None = None
) -> Acceptance:
    """Count decisions.

    accepted: n booleans. labels: n classes, 0 right, 2 wrong in language only, 1 and 3 wrong in
    meaning. weights: n, how often each item counts. Raises ValueError if the lengths differ or a
    label is out of range.
    """
    yes, label = np.asarray(accepted, bool), np.asarray(labels, np.int64)
    if yes.shape != label.shape or yes.ndim != 1:
        raise ValueError(f"{yes.shape} decisions for {label.shape} labels")
    if label.size and (label.min() < 0 or label.max() > 3):
        raise ValueError("labels must be 0 to 3")
    right, gross = label == 0, np.isin(label, MEANING_WRONG)
    weight = np.ones(len(label)) if weights is None else np.asarray(weights, float)
    return Acceptance(
        ca=float(weight[yes & right].sum()),
        fr=float(weight[~yes & right].sum()),
        cr=float(weight[~yes & ~right].sum()),
        pfa=float(weight[yes & ~right & ~gross].sum()),
        gfa=float(weight[yes & gross].sum()),
    )


def d_full_of(ca: NDArray, fr: NDArray, cr: NDArray, fa: NDArray) -> NDArray:
    """D_full of arrays of counts (FA already weighted), infinite and NaN as in `Acceptance`."""
    with np.errstate(divide="ignore", invalid="ignore"):
        result: NDArray = np.sqrt((ca * cr) / (fr * fa))
    return result


@dataclass(frozen=True)
class Exams:
    """Test sets of one size drawn from n validation items.

    items: exams x size, the numbers of the items in each. labels: n classes.
    """

    items: NDArray[np.int64]
    labels: NDArray[np.int64]


def draw_exams(
    labels: ArrayLike, weights: ArrayLike, size: int = 1000, number: int = 200, seed: int = 0
) -> Exams:
    """Draw exams with replacement, items in proportion to their weights."""
    weight = np.asarray(weights, float)
    rng = np.random.default_rng(seed)
    items = rng.choice(len(weight), (number, size), p=weight / weight.sum())
    return Exams(items, np.asarray(labels, np.int64))


def choose_threshold(
    scores: ArrayLike,
    exams: Exams,
    min_recall: float = 0.85,
    min_rejection: float = 0.5,
    certainty: float = 0.95,
    candidates: int = 300,
) -> tuple[float, float]:
    """The acceptance threshold with the highest mean log D_full over exams under constraints.

    scores: n, higher for acceptance; accept if score >= threshold. Recall (of right responses) and
    rejection (of wrong ones) must reach their minimum in the share `certainty` of the exams. A mean
    over exams of the test's size prefers a threshold that is good with the errors a test of that
    size holds, not one that has few errors of a kind by luck; each count gets 0.5. At most
    `candidates` thresholds are tried, midway between neighbouring scores at even ranks. Where
    none meets the constraints, the one closest to meeting both wins.
    Returns the threshold and exp of that mean (0 if all scores are equal). Raises ValueError unless
    both kinds are present.
    """
    score, label = np.asarray(scores, float), exams.labels
    right = label == 0
    if not right.any() or right.all():
        raise ValueError("a threshold needs right and wrong responses")
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    cuts = np.flatnonzero(ordered[1:] > ordered[:-1]) + 1
    if not len(cuts):
        return float(ordered[0]), 0.0
    if len(cuts) > candidates:
        cuts = cuts[np.linspace(0, len(cuts) - 1, candidates).round().astype(int)]
    block = np.empty(len(score), np.int64)
    block[order] = np.searchsorted(cuts, np.arange(len(score)), side="right")
    kind = np.where(right, 0, np.where(np.isin(label, MEANING_WRONG), 2, 1))
    number, blocks = len(exams.items), len(cuts) + 1
    place = (kind[exams.items] * number + np.arange(number)[:, None]) * blocks
    place += block[exams.items]
    counts = np.bincount(place.ravel(), minlength=3 * number * blocks).astype(float)
    totals = np.cumsum(counts.reshape(3, number, blocks), axis=2)
    below, above = totals[..., :-1], totals[..., -1:] - totals[..., :-1]
    (fr, plain_rejected, gross_rejected), (ca, pfa, gfa) = below, above
    cr, wrong_accepted, fa = plain_rejected + gross_rejected, pfa + gfa, pfa + GROSS_WEIGHT * gfa
    value = np.log(d_full_of(ca + 0.5, fr + 0.5, cr + 0.5, fa + 0.5)).mean(axis=0)
    lack = np.zeros(len(cuts))
    for got, missed, least in (
        (ca, fr, min_recall),
        (cr, wrong_accepted, min_rejection),
    ):
        rate = got / np.maximum(got + missed, 1e-9)
        lack += np.maximum(least - np.quantile(rate, 1 - certainty, axis=0), 0)
    value = np.where(lack <= lack.min() + 1e-12, value, -np.inf)
    best = int(np.argmax(value))
    cut = int(cuts[best])
    middle = float((ordered[cut - 1] + ordered[cut]) / 2)
    threshold = middle if middle > ordered[cut - 1] else float(ordered[cut])
    return threshold, float(np.exp(value[best]))


def paired_bootstrap(
    accepted: ArrayLike, other: ArrayLike, labels: ArrayLike, samples: int = 2000, seed: int = 0
) -> tuple[float, float]:
    """Compare two systems on the same resampled items.

    accepted, other: seeds x n (or n) decisions. Returns the observed difference of mean D_full and
    the share of resamples in which the first system's mean D_full (over its seeds, of smoothed
    counts) is not higher: a one-sided p-value.
    """
    label = np.asarray(labels, np.int64)
    one, two = np.atleast_2d(np.asarray(accepted, bool)), np.atleast_2d(np.asarray(other, bool))
    rng = np.random.default_rng(seed)
    weights = np.ones((samples + 1, len(label)))
    weights[1:] = rng.multinomial(len(label), np.full(len(label), 1 / len(label)), samples)
    difference = _mean_d_full(one, label, weights) - _mean_d_full(two, label, weights)
    return float(difference[0]), float((difference[1:] <= 0).mean())


def mean_d_full_interval(
    accepted: ArrayLike, labels: ArrayLike, samples: int = 1000, seed: int = 0, level: float = 0.95
) -> tuple[float, float]:
    """Percentile bootstrap interval, over the items, of D_full averaged over seeds.

    accepted: seeds x n decisions. Counts get 0.5 each, which keeps resamples without an error of
    some kind finite.
    """
    label = np.asarray(labels, np.int64)
    yes = np.atleast_2d(np.asarray(accepted, bool))
    rng = np.random.default_rng(seed)
    weights = rng.multinomial(len(label), np.full(len(label), 1 / len(label)), samples)
    values = _mean_d_full(yes, label, weights.astype(float))
    tail = (1 - level) / 2
    return float(np.quantile(values, tail)), float(np.quantile(values, 1 - tail))


def _mean_d_full(accepted: NDArray, labels: NDArray, weights: NDArray) -> NDArray:
    return mean_metrics(accepted, labels, weights)["d_full"]


def mean_metrics(accepted: NDArray, labels: NDArray, weights: NDArray) -> dict[str, NDArray]:
    """`d_full`, `accuracy` and `f1`, each averaged over seeds, of W ways to weigh the items.

    accepted: seeds x n. labels: n. weights: W x n, such as the counts of resamples. Counts of
    D_full get 0.5 each.
    """
    right, gross = labels == 0, np.isin(labels, MEANING_WRONG)
    cost = (np.where(gross, GROSS_WEIGHT, 1.0) * ~right).astype(weights.dtype)
    ca, fr = weights @ (accepted & right).T, weights @ (~accepted & right).T
    cr, fa = weights @ (~accepted & ~right).T, weights @ (accepted * cost).T
    false = weights @ (accepted & ~right).T
    with np.errstate(divide="ignore", invalid="ignore"):
        found = {
            "d_full": d_full_of(ca + 0.5, fr + 0.5, cr + 0.5, fa + 0.5),
            "accuracy": (ca + cr) / (ca + fr + cr + false),
            "f1": 2 * ca / (2 * ca + fr + false),
        }
    return {name: values.mean(axis=1) for name, values in found.items()}


def resample(units: NDArray[np.int64], samples: int = 1000, seed: int = 0) -> NDArray[np.float32]:
    """How often each item counts in every resample of the units (such as speakers): samples x n.

    units: n, the unit of each item, from 0 on.
    """
    number = int(units.max(initial=-1)) + 1
    drawn = np.random.default_rng(seed).multinomial(number, np.full(number, 1 / number), samples)
    weights: NDArray[np.float32] = drawn[:, units].astype(np.float32)
    return weights
