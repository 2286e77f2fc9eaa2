"""Predictive intervals from out-of-fold residuals, and the probability that a phone is wrong."""

from dataclasses import dataclass

import numpy as np

from pyscorer.contract.scales import Range, from_unit

LEVEL = 0.9
"""Share of the human scores that an interval should hold."""
_WRONG = 0.5
"""A phone scored below this share of the range was mispronounced."""


def wrong_below(own: Range) -> float:
    """The score below which a phone was mispronounced: the middle of the range."""
    return from_unit(_WRONG, own)


@dataclass(frozen=True)
class Interval:
    """How far human scores lie from predicted ones, by the prediction and the spread of modules.

    The scale of the residual is a linear function of (1, prediction, its square, spread), fitted to
    the absolute residuals; the interval is the middle LEVEL of the residuals, so scaled (split
    conformal prediction with normalised residuals, Lei et al. 2018, section 5.2).
    """

    weights: list[float]
    floor: float
    low: float
    high: float

    def around(
        self, predicted: np.ndarray, spread: np.ndarray, own: Range
    ) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper ends, within the range `own` of the scores."""
        scale = np.maximum(_terms(predicted, spread) @ np.array(self.weights), self.floor)
        return (
            np.clip(predicted + self.low * scale, *own),
            np.clip(predicted + self.high * scale, *own),
        )


def _terms(predicted: np.ndarray, spread: np.ndarray) -> np.ndarray:
    return np.column_stack([np.ones_like(predicted), predicted, predicted**2, spread])


def fit_interval(predicted: np.ndarray, spread: np.ndarray, human: np.ndarray) -> Interval:
    """The Interval of out-of-fold predictions; `human` may have NaN.

    `spread` is the standard deviation over the modules that did not see the utterance's speaker.
    Where nobody gave a score, the ends are NaN.
    """
    known = ~np.isnan(human)
    if not known.any():
        return Interval([np.nan] * 4, np.nan, np.nan, np.nan)
    terms = _terms(predicted[known], spread[known])
    residual = human[known] - predicted[known]
    weights, *_ = np.linalg.lstsq(terms, np.abs(residual), rcond=None)
    floor = max(float(np.quantile(np.abs(residual), 0.2)), 1e-3)
    scaled = residual / np.maximum(terms @ weights, floor)
    low, high = np.quantile(scaled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval([float(w) for w in weights], floor, float(low), float(high))


@dataclass(frozen=True)
class Calibration:
    """Probability that a phone is wrong, by its predicted score: points of a falling line."""

    scores: list[float]
    probabilities: list[float]

    def __call__(self, predicted: np.ndarray) -> np.ndarray:
        """Probabilities of these predicted scores."""
        return np.interp(predicted, self.scores, self.probabilities)


def fit_calibration(predicted: np.ndarray, human: np.ndarray, own: Range) -> Calibration:
    """Isotonic regression of "the experts' mean is `wrong_below`" on out-of-fold predictions.

    Where nobody scored a phone, every probability is NaN.
    """
    from sklearn.isotonic import IsotonicRegression  # here: whoever only predicts does without it

    known = ~np.isnan(human)
    if not known.any():
        return Calibration([0.0], [np.nan])
    line = IsotonicRegression(increasing=False, out_of_bounds="clip")
    line.fit(predicted[known].astype(float), (human[known] < wrong_below(own)).astype(float))
    return Calibration(list(map(float, line.X_thresholds_)), list(map(float, line.y_thresholds_)))
