"""Goodness of pronunciation from the likelihoods of a GMM-HMM: the classic log-ratio."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyscorer.alignment.gmm_estimation import component_log_likelihoods
from pyscorer.alignment.gmm_model import Gmm, kaldi_model, transition_tables
from pyscorer.contract.phones import PHONES
from pyscorer.contract.segments import PhoneSegment
from pyscorer.measures.posteriors import SPEECH, canonical_columns

_FEWEST_FRAMES = 3
"""Frames that Kaldi's phone HMMs last at least; shorter segments have frames repeated."""


@dataclass(frozen=True)
class PhoneHmms:
    """The HMM of each phone, by column (phone id less 1), padded to the most states S.

    Every HMM is entered at its state 0. What is not there has log-probability -infinity.
    """

    pdf: np.ndarray
    """(41, S) int: the pdf of each state; -1 where a phone has fewer states."""
    log_transitions: np.ndarray
    """(41, S, S): from state i to state j."""
    log_exit: np.ndarray
    """(41, S): from state i out of the phone."""


@dataclass(frozen=True)
class SegmentScores:
    """Viterbi of each segment (N of an utterance) through every phone's HMM."""

    log_likelihood: np.ndarray
    """(N, 41): log p(O | q) of the whole segment, of the best path through phone q."""
    pdfs: np.ndarray
    """The pdf of every frame on the canonical phone's best path, one segment after the other."""
    log_transitions: np.ndarray
    """log a(s_t, s_t+1) of the same path; 0 at the last frame of each segment."""
    lengths: np.ndarray
    """Frames of each segment."""


def phone_hmms(model: Gmm) -> PhoneHmms:
    """The phone HMMs of a monophone model."""
    kaldi = kaldi_model(model)
    tables = transition_tables()
    topologies = [kaldi.topology.topology_for_phone(p) for p in range(1, len(PHONES))]
    most = max(len(states) for states in topologies) - 1
    pdf = np.full((len(topologies), most), -1)
    transitions = np.full((len(topologies), most, most), -np.inf)
    leave = np.full((len(topologies), most), -np.inf)
    # Transition-ids count through the phones, their states, and each state's transitions.
    number = 1
    for column, states in enumerate(topologies):
        final = len(states) - 1
        for state in range(final):
            pdf[column, state] = tables.pdf[number]
            for target, _ in states[state].transitions:
                if target == final:
                    leave[column, state] = model.log_probs[number]
                else:
                    transitions[column, state, target] = model.log_probs[number]
                number += 1
    return PhoneHmms(pdf, transitions, leave)


def pdf_log_likelihoods(model: Gmm, features: np.ndarray) -> np.ndarray:
    """log p(o_t | s) of every pdf s: (frames, dim) features -> (frames, pdfs)."""
    parameters = (model.weights, model.means, model.variances)
    parts = component_log_likelihoods(
        features.astype(np.float32), *(value.astype(np.float32) for value in parameters)
    )
    _, starts = np.unique(model.pdf, return_index=True)
    top = np.maximum.reduceat(parts, starts, axis=1)
    counts = np.diff([*starts, len(model.pdf)])
    total = np.add.reduceat(np.exp(parts - np.repeat(top, counts, axis=1)), starts, axis=1)
    return top + np.log(total)


def pdf_log_posteriors(log_likelihoods: np.ndarray) -> np.ndarray:
    """log p(s | o_t) from log p(o_t | s), all pdfs alike beforehand: T x pdfs."""
    top = log_likelihoods.max(axis=1, keepdims=True)
    return log_likelihoods - top - np.log(np.exp(log_likelihoods - top).sum(axis=1, keepdims=True))


def _frames(segments: Sequence[PhoneSegment], last: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows of each segment, padded (N x L), and how many; short ones have rows repeated."""
    lengths = np.array([max(s.length, _FEWEST_FRAMES) for s in segments])
    rows = np.zeros((len(segments), lengths.max()), dtype=np.int64)
    for i, s in enumerate(segments):
        rows[i, : lengths[i]] = s.start + np.arange(lengths[i]) * s.length // lengths[i]
    return np.minimum(rows, last), lengths


def segment_scores(
    log_likelihoods: np.ndarray, segments: Sequence[PhoneSegment], hmms: PhoneHmms
) -> SegmentScores:
    """Viterbi of every segment through every phone's HMM.

    `log_likelihoods` is (10 ms frames, pdfs).
    """
    rows, lengths = _frames(segments, len(log_likelihoods) - 1)
    own = canonical_columns(segments)
    states = hmms.pdf.shape[1]
    # Longest first, so that those still running are a slice.
    order = np.argsort(-lengths, kind="stable")
    count = np.arange(len(segments))
    result = np.empty((len(segments), len(hmms.pdf)))
    came_from = np.zeros((rows.shape[1], len(segments), states), dtype=np.int64)
    last_state = np.zeros(len(segments), dtype=np.int64)
    emissions = np.where(hmms.pdf < 0, -np.inf, log_likelihoods[:, hmms.pdf])
    # Laid out source state first: the maximum over sources is then one of whole arrays.
    transitions_from = np.moveaxis(hmms.log_transitions, 1, 0)[:, None]
    score = np.full((len(segments), *hmms.pdf.shape), -np.inf)
    score[:, :, 0] = emissions[rows[order, 0], :, 0]
    for t in range(rows.shape[1]):
        running = int((lengths > t).sum())
        now = order[:running]
        if t:
            score = score[:running]
            paths = score[count[:running], own[now], :, None] + hmms.log_transitions[own[now]]
            came_from[t, now] = paths.argmax(axis=1)
            best = score[:, :, :1] + transitions_from[0]
            for source in range(1, states):
                np.maximum(best, score[:, :, source, None] + transitions_from[source], out=best)
            score = best + emissions[rows[now, t]]
        done = lengths[now] == t + 1
        ending = score[done] + hmms.log_exit
        result[now[done]] = ending.max(axis=2)
        last_state[now[done]] = ending[count[: done.sum()], own[now[done]]].argmax(axis=1)
    pdfs, transitions = [], []
    for i, length in enumerate(lengths):
        path = np.empty(length, dtype=np.int64)
        path[-1] = last_state[i]
        for t in range(length - 1, 0, -1):
            path[t - 1] = came_from[t, i, path[t]]
        pdfs.append(hmms.pdf[own[i], path])
        transitions.append([*hmms.log_transitions[own[i], path[:-1], path[1:]], 0.0])
    return SegmentScores(result, np.concatenate(pdfs), np.concatenate(transitions), lengths)


def path_rows(segments: Sequence[PhoneSegment], frames: int) -> np.ndarray:
    """The row of an utterance's `frames` that stands at each place of SegmentScores.pdfs."""
    rows, lengths = _frames(segments, frames - 1)
    return np.concatenate([row[:length] for row, length in zip(rows, lengths, strict=True)])


def classic_gop(
    log_likelihood: np.ndarray, canonical: np.ndarray, lengths: np.ndarray
) -> np.ndarray:
    """The log likelihood ratio of Witt & Young, one value a segment.

    GOP(p) = log( p(O | p) / max over q of p(O | q) ) / NF(O), NF(O) the frames of the segment:
    S. M. Witt & S. J. Young, "Phone-level pronunciation scoring and assessment for interactive
    language learning", Speech Communication 30, 2000, with equal phone priors. They
    take the absolute value and a phone loop for the denominator; here the sign is kept, so that
    higher is better as in all other forms (0 where p is the best phone), and the maximum is that of
    the formula, over the phones q on the same segment. SIL and SPN are no rivals.

    `log_likelihood` is (N, 41), see `segment_scores`.
    """
    own = log_likelihood[np.arange(len(log_likelihood)), canonical]
    return (own - np.maximum(log_likelihood[:, SPEECH].max(axis=1), own)) / lengths
