"""Estimating a diagonal GMM from frames aligned to pdfs: Kaldi's gmm-acc-stats-ali and gmm-est.

Written over whole arrays rather than a frame at a time; the updates, floors and the choice of
mixtures to split are those of Kaldi's mle-diag-gmm.cc and am-diag-gmm.cc.
"""

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, replace

import kaldi_hmm_gmm as khg
import numpy as np
from scipy.special import logsumexp

from pyscorer.alignment.gmm_model import Gmm, kaldi_model, log_probs, transition_tables

MIN_VARIANCE = 0.001
MIN_WEIGHT = 1e-5
MIN_SPLIT_COUNT = 20.0
SPLIT_POWER = 0.25
PERTURB = 0.01


@dataclass
class Statistics:
    """Sufficient statistics of a model on some frames; sums, so that parts can be added."""

    occupancy: np.ndarray
    """(gaussians,): posterior counts."""
    first: np.ndarray
    """(gaussians, dim): posterior-weighted sums of features."""
    second: np.ndarray
    """(gaussians, dim): the same of squared features."""
    transitions: np.ndarray
    """(transition-ids + 1,): counts of transition-ids."""
    log_likelihood: float
    frames: int

    def __add__(self, other: "Statistics") -> "Statistics":
        return Statistics(
            *(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True))
        )


def _mixtures(model: Gmm) -> Iterator[tuple[int, slice]]:
    """Yield (pdf, the slice of its Gaussians)."""
    pdfs, starts = np.unique(model.pdf, return_index=True)
    for pdf, start, stop in zip(pdfs, starts, [*starts[1:], len(model.pdf)], strict=True):
        yield int(pdf), slice(int(start), int(stop))


def component_log_likelihoods(
    features: np.ndarray, weights: np.ndarray, means: np.ndarray, variances: np.ndarray
) -> np.ndarray:
    """log(weight * N(x; mean, diag(variance))): (frames, gaussians) for (frames, dim) features."""
    dim = means.shape[1]
    inverse = 1 / variances
    constant = np.log(weights) - 0.5 * (
        dim * np.log(2 * np.pi) + np.log(variances).sum(axis=1) + (means**2 * inverse).sum(axis=1)
    )
    return constant + features @ (means * inverse).T - 0.5 * (features**2) @ inverse.T


def accumulate(model: Gmm, features: np.ndarray, transition_ids: np.ndarray) -> Statistics:
    """Statistics of frames (frames, dim) aligned to `transition_ids` (frames,).

    The log-likelihood is that of each frame given its pdf, without transition probabilities, as
    gmm-acc-stats-ali reports it.
    """
    tables = transition_tables()
    stats = Statistics(
        np.zeros(len(model.weights)),
        np.zeros(model.means.shape),
        np.zeros(model.means.shape),
        np.bincount(transition_ids, minlength=len(tables.pdf)).astype(np.float64),
        0.0,
        len(features),
    )
    pdfs = tables.pdf[transition_ids]
    order = np.argsort(pdfs, kind="stable")
    edges = np.searchsorted(pdfs[order], np.arange(len(model.weights) + 1))
    for pdf, own in _mixtures(model):
        frames = order[edges[pdf] : edges[pdf + 1]]
        if len(frames) == 0:
            continue
        x = features[frames].astype(np.float64)
        scores = component_log_likelihoods(
            x, model.weights[own], model.means[own], model.variances[own]
        )
        total = logsumexp(scores, axis=1, keepdims=True)
        posteriors = np.exp(scores - total)
        stats.occupancy[own] = posteriors.sum(axis=0)
        stats.first[own] = posteriors.T @ x
        stats.second[own] = posteriors.T @ x**2
        stats.log_likelihood += float(total.sum())
    return stats


def estimate(model: Gmm, stats: Statistics, min_occupancy: float = 10.0) -> Gmm:
    """Maximum-likelihood update of Gaussians and transitions (gmm-est).

    Gaussians with less than `min_occupancy` frames are removed, but a pdf keeps its last one as it
    was: a phone that the data lacks stays as it began.
    """
    parts = []
    for _, own in _mixtures(model):
        occupancy = stats.occupancy[own]
        count = len(occupancy)
        total = occupancy.sum()
        weights = occupancy / total if total > 0 else np.full(count, 1 / count)
        seen = (occupancy > min_occupancy) & (weights > MIN_WEIGHT)
        keep = seen.copy()
        if not seen.any():
            keep[-1] = True
        divisor = np.where(seen, occupancy, 1)[:, None]
        means = np.where(seen[:, None], stats.first[own] / divisor, model.means[own])
        squares = stats.second[own] / divisor - means**2
        variances = np.where(seen[:, None], np.maximum(squares, MIN_VARIANCE), model.variances[own])
        weights = np.maximum(weights[keep], MIN_WEIGHT)
        parts.append((weights / weights.sum(), means[keep], variances[keep], model.pdf[own][keep]))
    weights, means, variances, pdf = (np.concatenate(column) for column in zip(*parts, strict=True))
    return Gmm(weights, means, variances, pdf, _estimate_transitions(model, stats.transitions))


def _estimate_transitions(model: Gmm, counts: np.ndarray) -> np.ndarray:
    kaldi = kaldi_model(model)
    kaldi.transitions.mle_update(counts, khg.MleTransitionUpdateConfig())
    return log_probs(kaldi.transitions)


def split_targets(occupancy: np.ndarray, total: int) -> np.ndarray:
    """Gaussians that each pdf should have, given its frames (pdfs,), so that they add to `total`.

    Kaldi's GetSplitTargets: again and again the pdf with the largest frames ** 0.25 a Gaussian gets
    one more, unless it would be left with fewer than 20 frames a Gaussian.
    """
    targets = np.ones(len(occupancy), dtype=int)
    heap = [(-(count**SPLIT_POWER), pdf) for pdf, count in enumerate(occupancy)]
    heapq.heapify(heap)
    while targets.sum() < total and heap:
        _, pdf = heapq.heappop(heap)
        if (targets[pdf] + 1) * MIN_SPLIT_COUNT < occupancy[pdf]:
            targets[pdf] += 1
            heapq.heappush(heap, (-(occupancy[pdf] ** SPLIT_POWER) / targets[pdf], pdf))
    return targets


def split(model: Gmm, occupancy: np.ndarray, total: int, rng: np.random.Generator) -> Gmm:
    """Grow the model towards `total` Gaussians; `occupancy` (pdfs,) is frames a pdf.

    As Kaldi's DiagGmm::Split: the heaviest Gaussian becomes two of half its weight, their means
    moved apart by 0.01 standard deviations in a random direction drawn from `rng`.
    """
    targets = split_targets(occupancy, total)
    parts = []
    for pdf, own in _mixtures(model):
        weights = list(model.weights[own])
        means, variances = list(model.means[own]), list(model.variances[own])
        while len(weights) < targets[pdf]:
            heaviest = int(np.argmax(weights))
            weights[heaviest] /= 2
            weights.append(weights[heaviest])
            shift = PERTURB * rng.standard_normal(len(means[0])) * np.sqrt(variances[heaviest])
            means.append(means[heaviest] + shift)
            means[heaviest] = means[heaviest] - shift
            variances.append(variances[heaviest])
        parts.append((weights, means, variances, [pdf] * len(weights)))
    weights_, means_, variances_, pdf_ = (
        np.concatenate([np.asarray(part[i]) for part in parts]) for i in range(4)
    )
    return replace(model, weights=weights_, means=means_, variances=variances_, pdf=pdf_)


def pdf_occupancy(model: Gmm, stats: Statistics) -> np.ndarray:
    """(pdfs,): frames of each pdf."""
    return np.bincount(model.pdf, weights=stats.occupancy)
