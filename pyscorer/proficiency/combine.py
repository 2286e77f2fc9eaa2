"""Decisions from posteriors, calibration, the pseudo-joint model and the memory of known pairs."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from pyscorer.proficiency.pairs import PairTable, speaker_of

FLOOR = 1e-4
"""Smallest posterior, so that one expert cannot veto a class."""
PRIOR_FLOOR = 0.01
"""Smallest prior: one class has a single training row, and dividing by its prior would rule all."""


def normalise_outputs(outputs: NDArray) -> NDArray:
    """Floor at FLOOR and scale each item's outputs to sum 1."""
    floored = np.maximum(outputs, FLOOR)
    result: NDArray = floored / floored.sum(axis=-1, keepdims=True)
    return result


def class_priors(table: PairTable) -> NDArray:
    """Share of each class among the training rows, at least PRIOR_FLOOR, summing to 1."""
    shares = np.maximum(table.counts.sum(axis=0) / table.counts.sum(), PRIOR_FLOOR)
    priors: NDArray = shares / shares.sum()
    return priors


def pseudo_joint(outputs: Sequence[NDArray], priors: NDArray) -> NDArray:
    """Eq. 1 of Papi et al.: product of k models' posteriors over priors**(k-1), scaled to sum 1.

    outputs: k arrays of ... x classes. Computed in log space. The models are taken as independent
    given the class.
    """
    if not len(outputs):
        raise ValueError("the pseudo-joint model needs at least one model")
    logs = np.sum([np.log(normalise_outputs(o)) for o in outputs], axis=0)
    logs = logs - (len(outputs) - 1) * np.log(priors)
    joint = np.exp(logs - logs.max(axis=-1, keepdims=True))
    scaled: NDArray = joint / joint.sum(axis=-1, keepdims=True)
    return scaled


def temperature(outputs: NDArray, counts: NDArray) -> float:
    """The exponent that makes posteriors most likely: outputs**t scaled to sum 1.

    outputs: N x C out-of-fold posteriors; counts: N x C rows of each class.
    """
    logs = np.log(normalise_outputs(outputs))

    def cost(log_t: float) -> float:
        scaled = logs * np.exp(log_t)
        top = scaled.max(axis=1, keepdims=True)
        scaled = scaled - top - np.log(np.exp(scaled - top).sum(axis=1, keepdims=True))
        return float(-(counts * scaled).sum() / counts.sum())

    return float(np.exp(minimize_scalar(cost, bounds=(-3, 3), method="bounded").x))


def apply_temperature(outputs: NDArray, exponent: float) -> NDArray:
    """outputs**exponent, scaled to sum 1."""
    powered = normalise_outputs(outputs) ** exponent
    scaled: NDArray = powered / powered.sum(axis=-1, keepdims=True)
    return scaled


def remember(outputs: NDArray, counts: NDArray, strength: float) -> NDArray:
    """Posterior after seeing the labels that equal pairs received: (n + a p) / (n + a).

    The mean of a Dirichlet posterior whose prior is the model's word `outputs` (N x C, sums 1) with
    the weight of `strength` observations; counts: N x C.
    """
    total = counts.sum(axis=-1, keepdims=True)
    result: NDArray = (counts + strength * outputs) / (total + strength)
    return result


def other_rows(table: PairTable) -> NDArray:
    """For each training row, the class counts of its pair by other speakers: rows x C.

    As a test speaker's: what the same speaker said before is left out with the row itself.
    """
    own: dict[tuple[str, int], NDArray] = {}
    keys = [(speaker_of(r), int(p)) for r, p in zip(table.train, table.train_rows, strict=True)]
    for key, label in zip(keys, table.train_labels, strict=True):
        own.setdefault(key, np.zeros(table.counts.shape[1]))[label] += 1
    return table.counts[table.train_rows] - np.array([own[key] for key in keys])
