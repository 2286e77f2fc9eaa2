"""What a system says of responses, held against people: the metrics of every kind of classes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyscorer.contract.classes import Classes, Kind
from pyscorer.evaluation import class_metrics
from pyscorer.evaluation.acceptance import GROSS_WEIGHT, d_full_of
from pyscorer.proficiency.combine import normalise_outputs
from pyscorer.proficiency.task import Rule

_CALIBRATION = ("log_loss", "brier", "calibration_error")
METRICS: dict[Kind, tuple[str, ...]] = {
    "language_meaning": (
        *("d_full", "d", "d_a", "accuracy", "f1", "f1_weighted", "recall", "rejection", "auc"),
        *_CALIBRATION,
    ),
    "accepted": (
        *("auc", "balanced_accuracy", "accuracy", "f1", "recall", "rejection", "pcc", "kappa"),
        *_CALIBRATION,
    ),
    "levels": ("kappa", "pcc", "accuracy", "f1", "auc", *_CALIBRATION),
}
"""Metrics of each kind, the one that chooses first; of the last three less is better."""


@dataclass(frozen=True)
class Decisions:
    """Of n responses the scores, the decided classes (of acceptance 0 and 1) and the posteriors."""

    classes: Classes
    scores: NDArray
    decided: NDArray[np.int64]
    posteriors: NDArray | None = None

    @classmethod
    def of_scores(
        cls, rule: Rule, scores: NDArray, posteriors: NDArray | None = None
    ) -> "Decisions":
        """What a rule decides on scores. posteriors: n x classes, of any positive scale, where
        there are any.
        """
        ordinal = rule.classes.ordinal
        decided = rule.levels(scores) if ordinal else np.where(rule.accepts(scores), 0, 1)
        said = None if posteriors is None else normalise_outputs(posteriors)
        return cls(rule.classes, scores, decided, said)


def metrics_of(
    said: Decisions, labels: NDArray, weights: NDArray, smoothing: float = 0.0
) -> dict[str, NDArray]:
    """Metric (of `METRICS`) -> W values, for W x n weights of the responses.

    Accuracy, AUC, PCC and kappa of acceptance are of accepting and rejecting, F1 and recall of
    accepting. PCC is that of the score. F1 of levels is the mean over levels, AUC of them
    `pairwise_auc` of the expected level. Log loss and Brier score are of all classes; the
    calibration error is that of the posterior of acceptance or, of levels, of the likeliest one.
    Without posteriors these three are left out. smoothing: what every count of D_full gets, which
    keeps resamples without an error of some kind finite.
    """
    classes = said.classes
    number = len(classes.names) if classes.ordinal else 2
    human = labels if classes.ordinal else (labels != 0).astype(np.int64)
    counts = class_metrics.confusions(said.decided, human, number, weights)
    found = {
        "accuracy": class_metrics.accuracy(counts),
        "kappa": class_metrics.quadratic_kappa(counts),
    }
    if classes.ordinal:
        found["f1"] = class_metrics.macro_f1(counts)
        found["auc"] = class_metrics.pairwise_auc(said.scores, labels, weights)
        found["pcc"] = class_metrics.correlation(said.scores, labels.astype(float), weights)
    else:
        right = labels == 0
        found["f1"] = class_metrics.f1_by_class(counts)[:, 0]
        found["balanced_accuracy"] = class_metrics.balanced_accuracy(counts)
        found["recall"], found["rejection"] = class_metrics.recalls(counts).T
        found["auc"] = class_metrics.auc(said.scores, right, weights)
        found["pcc"] = class_metrics.correlation(said.scores, right.astype(float), weights)
    if classes.gross:
        found |= _of_meaning(said, labels, weights, counts, smoothing)
    if said.posteriors is not None:
        posteriors = said.posteriors
        probability, happened = posteriors[:, 0], labels == 0
        if classes.ordinal:
            probability, happened = posteriors.max(axis=1), posteriors.argmax(axis=1) == labels
        found["log_loss"] = class_metrics.log_loss(posteriors, labels, weights)
        found["brier"] = class_metrics.brier(posteriors, labels, weights)
        found["calibration_error"] = class_metrics.calibration_error(probability, happened, weights)
    return {name: found[name] for name in METRICS[classes.kind] if name in found}


def _of_meaning(
    said: Decisions, labels: NDArray, weights: NDArray, counts: NDArray, smoothing: float
) -> dict[str, NDArray]:
    """D, D_A, D_full and F1 with FA = PFA + 3 GFA, as `evaluation.acceptance.Acceptance`."""
    gross = (said.decided == 0) & np.isin(labels, said.classes.gross)
    (ca, fr), (false, cr) = counts[:, 0].T + smoothing, counts[:, 1].T + smoothing
    fa = false + (GROSS_WEIGHT - 1) * (weights @ gross)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "d_full": d_full_of(ca, fr, cr, fa),
            "d": (cr / (cr + fa)) / (fr / (fr + ca)),
            "d_a": (ca / (ca + fr)) / (fa / (fa + cr)),
            "f1_weighted": 2 * ca / (2 * ca + fr + fa),
        }
