"""Goodness of pronunciation from posteriors: the DNN form, and the form with transitions.

Everything here is a function of matrices and segments; whose network or GMM gave the posteriors
does not matter. Phones are ids of `phones.PHONES`; a matrix over phones has column i for phone
i + 1 (no `<eps>`).
"""

import math
from collections.abc import Sequence

import numpy as np

from pyscorer.contract.phones import ARPABET, PHONE_ID, PHONES
from pyscorer.contract.segments import PhoneSegment, segment_means
from pyscorer.errors import InputError

SKIPPED = -10.0
"""What compute-gop writes as LPP of a phone that it is told to skip."""
IMPOSSIBLE = -1e5
"""Log-posterior of a phone that no pdf stands for; finite, so that averages stay numbers."""
SPEECH = np.array([PHONE_ID[phone] - 1 for phone in ARPABET])
"""Columns of the 39 ARPAbet phones: SIL and SPN are nobody's rivals."""


def phone_log_posteriors(pdf_log_posteriors: np.ndarray, pdf_phone: np.ndarray) -> np.ndarray:
    """Log-posteriors of phones from those of pdfs: T x pdfs -> T x 41.

    log p(p | o_t) = log sum over the pdfs s of phone p of p(s | o_t); `pdf_phone` is the phone id
    of each pdf. Hu et al., "Improved mispronunciation detection with deep neural network trained
    acoustic models and transfer learning based logistic regression classifiers", Speech
    Communication 67, 2015; Kaldi's compute-gop. Phones without a pdf get IMPOSSIBLE.

    Raises InputError for phone ids outside the inventory.
    """
    if len(pdf_phone) != pdf_log_posteriors.shape[1]:
        raise InputError(
            f"posteriors of {pdf_log_posteriors.shape[1]} pdfs, phones of {len(pdf_phone)}: they "
            "are not of the same model"
        )
    if pdf_phone.min() < 1 or pdf_phone.max() >= len(PHONES):
        raise InputError(f"pdfs of phones outside the inventory, ids 1 to {len(PHONES) - 1}")
    order = np.argsort(pdf_phone, kind="stable")
    phones, starts, counts = np.unique(pdf_phone[order], return_index=True, return_counts=True)
    sorted_pdfs = np.asarray(pdf_log_posteriors, dtype=np.float64)[:, order]
    # Relative to each phone's best pdf: a GMM's posteriors can be too small for exp.
    best = np.maximum.reduceat(sorted_pdfs, starts, axis=1)
    sums = np.add.reduceat(np.exp(sorted_pdfs - np.repeat(best, counts, axis=1)), starts, axis=1)
    table = np.full((len(pdf_log_posteriors), len(PHONES) - 1), IMPOSSIBLE)
    table[:, phones - 1] = best + np.log(sums)
    return table


def log_phone_posteriors(
    log_posteriors: np.ndarray, segments: Sequence[PhoneSegment], frame_shift: float
) -> np.ndarray:
    """LPP of every phone over every segment: phones of the utterance x 41.

    LPP(q) = 1 / (t_e - t_s + 1) * sum over t from t_s to t_e of log p(q | o_t): the LPP of Hu et
    al. 2015 and of Kaldi's compute-gop. `log_posteriors` is T x 41, one row a `frame_shift`
    seconds; rows that straddle a boundary count by their overlap.
    """
    return segment_means(log_posteriors, segments, frame_shift)


def canonical_columns(segments: Sequence[PhoneSegment]) -> np.ndarray:
    """Column of the canonical phone of each segment in a matrix over phones."""
    return np.array([PHONE_ID[s.phone] - 1 for s in segments])


def canonical_lpp(lpp: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """LPP(p) of each segment's canonical phone p: the average log-posterior, N x 41 -> N."""
    return lpp[np.arange(len(lpp)), canonical]


def log_posterior_ratio(lpp: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """GOP(p) = LPP(p) - max over q of LPP(q), at most 0 and 0 where p is the best phone.

    The GOP of Hu et al. 2015, and the `gop` of Kaldi's compute-gop with SIL and SPN skipped: their
    LPP counts as -10 in the maximum.
    """
    own = canonical_lpp(lpp, canonical)
    return own - np.maximum(np.maximum(lpp[:, SPEECH].max(axis=1), own), SKIPPED)


def kaldi_features(lpp: np.ndarray, canonical: np.ndarray) -> np.ndarray:
    """The feature vectors of Kaldi's compute-gop: N x 85.

    Column 0 is the phone id p, then LPP(q) of the ids q from 0 to 41 (Hu et al. 2015), then
    the log posterior ratios LPR(p | q) = LPP(p) - LPP(q). `<eps>`, SIL and
    SPN are skipped: their LPP is -10.
    """
    table = np.full((len(lpp), len(PHONES)), SKIPPED)
    table[:, SPEECH + 1] = lpp[:, SPEECH]
    own = canonical_lpp(lpp, canonical)[:, None]
    return np.concatenate([canonical[:, None] + 1.0, table, own - table], axis=1)


def transition_gop(
    state_log_posteriors: np.ndarray,
    log_transitions: np.ndarray,
    lengths: np.ndarray,
    states: int,
    log_priors: np.ndarray | None = None,
) -> np.ndarray:
    """GOP with HMM state transition probabilities, one value a segment.

    For a segment of T frames that the alignment gives the states s_1 ... s_T,

        GOP(p) = 1/T * ( log p(s_1 | o_1)
                         + sum over t > 1 of log a(s_t-1, s_t) + log p(s_t | o_t) - log p(s_t) ),

    which is log p(s_1 ... s_T | o_1 ... o_T) by Bayes' rule and the HMM's independence
    assumptions, a frame. With equal priors, p(s) = 1 / `states`, it is the measure of Sudhakara,
    Ramanathi, Yarra & Ghosh, "An Improved Goodness of Pronunciation (GoP) Measure for
    Pronunciation Evaluation with DNN-HMM System Considering HMM Transition Probabilities",
    Interspeech 2019:

        GOP(p) = 1/T * ( sum over t of log p(s_t | o_t) + sum over t < T of log a(s_t, s_t+1)
                         + (T - 1) log `states` ).

    `state_log_posteriors` is log p(s_t | o_t) at every frame of the segments, one segment after
    the other; `log_transitions` is log a(s_t, s_t+1) at every frame (that of a segment's last frame
    is not read: leaving the phone is not the phone's doing); `log_priors`, if given, is
    log p(s_t). `lengths` are the frames of each segment.
    """
    starts = np.cumsum(lengths) - lengths
    inner = np.ones(len(state_log_posteriors), dtype=bool)
    inner[starts] = False
    terms = np.array(state_log_posteriors, dtype=np.float64)
    prior = -math.log(states) if log_priors is None else log_priors[inner]
    terms[inner] += log_transitions[np.flatnonzero(inner) - 1] - prior
    return np.add.reduceat(terms, starts) / lengths


def phone_transition_gop(
    lpp: np.ndarray, canonical: np.ndarray, lengths: np.ndarray, log_stay: np.ndarray
) -> np.ndarray:
    """`transition_gop` of one-state phone HMMs, from phone posteriors alone.

    Every state of phone p has the posterior of p, and stays with probability a_p:
    GOP(p) = LPP(p) + (T - 1)/T * (log a_p + log 41). `log_stay` is log a_p by column (41), see
    `stay_probabilities`; `lengths` T are in frames of the posteriors, and may be fractions.
    """
    inner = np.maximum(lengths - 1, 0) / lengths
    states = len(PHONES) - 1
    return canonical_lpp(lpp, canonical) + inner * (log_stay[canonical] + math.log(states))


def stay_probabilities(frames: np.ndarray, segments: np.ndarray) -> np.ndarray:
    """Log-probability of staying in each one-state phone: log a_p = log(1 - segments / frames).

    The maximum likelihood estimate, smoothed by one segment of two frames: `frames` and `segments`
    are how many each phone (41) has in an alignment.
    """
    return np.log1p(-(segments + 1.0) / np.maximum(frames + 2.0, segments + 2.0))
