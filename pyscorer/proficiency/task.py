"""What is decided of a response, whatever the classes are: its score, its class, and by what
validation chooses.

Papi et al. 2020 decide between accepting and rejecting, on four classes. Two classes (accepted,
rejected) are the same without a wrong meaning; levels are steps of a scale, of which one is given.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyscorer.contract.classes import Classes, Kind
from pyscorer.evaluation.acceptance import GROSS_WEIGHT

CRITERIA: dict[Kind, tuple[str, ...]] = {
    "language_meaning": ("d_full", "f1"),
    "accepted": ("auc",),
    "levels": ("kappa",),
}
"""By what validation ranks experts and systems; the first chooses.

d_full: mean D_full of exams (`evaluation.acceptance`), whose threshold has the highest of all.
auc: area under the ROC curve of the score; the threshold is that of the highest balanced accuracy.
kappa: quadratic weighted kappa of the levels decided, whose cuts are equipercentile.
"""


@dataclass(frozen=True)
class Rule:
    """How posteriors become a score and a class.

    gross: how often a wrong meaning counts, where there is one. threshold: scores from here on are
    accepted; None for levels. cuts: of levels, the expected levels from which on the second, the
    third ... is decided; without cuts the nearest is.
    """

    classes: Classes
    gross: float = GROSS_WEIGHT
    threshold: float | None = None
    cuts: tuple[float, ...] = ()

    def score(self, posteriors: NDArray) -> NDArray:
        """... x c posteriors (any positive scale) -> ... scores.

        Of acceptance, in [0, 1]: the share of class 0 where classes of wrong meaning count `gross`
        times. Of levels: the expected level, from 0 to c - 1.
        """
        number = len(self.classes.names)
        if posteriors.shape[-1] != number:
            raise ValueError(f"{posteriors.shape[-1]} posteriors for {number} classes")
        if self.classes.ordinal:
            total = np.maximum(posteriors.sum(axis=-1), 1e-12)
            expected: NDArray = posteriors @ np.arange(number, dtype=posteriors.dtype) / total
            return expected
        wrong_meaning = list(self.classes.gross)
        plain = [c for c in range(1, number) if c not in wrong_meaning]
        wrong = posteriors[..., plain].sum(axis=-1)
        wrong = wrong + self.gross * posteriors[..., wrong_meaning].sum(axis=-1)
        score: NDArray = posteriors[..., 0] / np.maximum(posteriors[..., 0] + wrong, 1e-12)
        return score

    def accepts(self, scores: NDArray) -> NDArray[np.bool_]:
        """Whether scores are accepted. Raises ValueError for levels."""
        if self.classes.ordinal or self.threshold is None:
            raise ValueError("nothing is accepted without a threshold, and no level is")
        accepted: NDArray[np.bool_] = scores >= self.threshold
        return accepted

    def levels(self, scores: NDArray) -> NDArray[np.int64]:
        """The level of each expected level."""
        cuts = self.cuts or [level + 0.5 for level in range(len(self.classes.names) - 1)]
        return np.searchsorted(np.asarray(cuts), scores, side="right").astype(np.int64)

    def decide(self, posteriors: NDArray) -> NDArray[np.int64]:
        """... x c posteriors -> ... class numbers.

        Class 0 from the threshold on, else the likeliest of the others; the level whose cut the
        expected one reaches last.
        """
        score = self.score(posteriors)
        if self.classes.ordinal:
            return self.levels(score)
        others = 1 + posteriors[..., 1:].argmax(axis=-1)
        return np.where(self.accepts(score), 0, others).astype(np.int64)


def equipercentile_cuts(
    scores: NDArray, labels: NDArray, weights: NDArray, classes: int
) -> tuple[float, ...]:
    """The cuts that decide each level for as many responses as people gave it to.

    Equipercentile linking (Kolen & Brennan 2014) of expected levels to levels: a network that errs
    towards the middle still gives the outer ones. Midway between neighbouring scores; a level that
    nobody was given is not decided.
    """
    order = np.argsort(scores, kind="stable")
    ordered, below = scores[order], np.cumsum(weights[order])
    cuts = []
    for level in range(1, classes):
        lower = int(np.searchsorted(below, weights[labels < level].sum() + 1e-9, side="right"))
        if lower == 0:
            cuts.append(0.0)
        elif lower == len(ordered):
            cuts.append(float(classes))  # beyond every expected level
        else:
            cuts.append(float((ordered[lower - 1] + ordered[lower]) / 2))
    return tuple(cuts)


def told_apart(classes: Classes) -> tuple[tuple[int, ...], ...]:
    """Sets of classes whose training responses are described apart: accepted and rejected, or
    every level.
    """
    others = range(1, len(classes.names))
    if classes.ordinal:
        return ((0,), *((level,) for level in others))
    return ((0,), tuple(others))
