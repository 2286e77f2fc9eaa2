"""The stage `gop`: every measure of goodness of pronunciation, one row a phone."""

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.alignment.features import GmmFeatures
from pyscorer.alignment.gmm_model import Gmm, transition_tables
from pyscorer.contract.archives import Matrices
from pyscorer.contract.ctm import FRAME_SHIFT, read_ctm
from pyscorer.contract.datadir import read_data_dir
from pyscorer.contract.files import atomic_open
from pyscorer.contract.phones import ARPABET, PHONE_ID, PHONES
from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.segments import (
    DURATION_COLUMNS,
    PhoneSegment,
    check_keys,
    check_length,
    durations,
    read_frame_shift,
    read_wanted,
)
from pyscorer.errors import InputError
from pyscorer.measures import likelihoods as gmm_gop
from pyscorer.measures import posteriors as dnn_gop
from pyscorer.progress import progress_bar

POSTERIOR_MEASURES = ("lpp", "gop", "transition_gop")
"""Of post.scp: average log-posterior of the canonical phone, log phone posterior ratio (the GOP of
compute-gop), GOP with transition probabilities."""
GMM_MEASURES = ("gmm_gop", "gmm_lpp", "gmm_posterior_gop", "gmm_transition_gop")
"""Of the GMM: the classic log likelihood ratio, then the three forms above on its posteriors."""
LPP_COLUMNS = tuple(f"lpp_{phone}" for phone in ARPABET)
LPR_COLUMNS = tuple(f"lpr_{phone}" for phone in ARPABET)
"""Kaldi's feature vector: LPP of each phone, and log posterior ratio of the canonical one to it."""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GmmMeasures:
    """Measures by the likelihoods of a GMM."""

    model: Gmm
    hmms: gmm_gop.PhoneHmms
    pdf_phone: np.ndarray

    @classmethod
    def of(cls, model: Gmm) -> "GmmMeasures":
        """Those of `model`."""
        tables = transition_tables()
        pdf_phone = np.zeros(tables.pdf.max() + 1, dtype=np.int64)
        pdf_phone[tables.pdf[1:]] = tables.phone[1:]
        return cls(model, gmm_gop.phone_hmms(model), pdf_phone)

    def __call__(self, features: np.ndarray, segments: list[PhoneSegment]) -> np.ndarray:
        """Phones x GMM_MEASURES; `features` are (frames, 39) as `GmmFeatures` gives them."""
        pdf_likelihoods = gmm_gop.pdf_log_likelihoods(self.model, features)
        pdf_posteriors = gmm_gop.pdf_log_posteriors(pdf_likelihoods)
        scores = gmm_gop.segment_scores(pdf_likelihoods, segments, self.hmms)
        canonical = dnn_gop.canonical_columns(segments)
        by_phone = dnn_gop.phone_log_posteriors(pdf_posteriors, self.pdf_phone)
        lpp = dnn_gop.log_phone_posteriors(by_phone, segments, FRAME_SHIFT)
        path = pdf_posteriors[gmm_gop.path_rows(segments, len(features)), scores.pdfs]
        return np.column_stack(
            [
                gmm_gop.classic_gop(scores.log_likelihood, canonical, scores.lengths),
                dnn_gop.canonical_lpp(lpp, canonical),
                dnn_gop.log_posterior_ratio(lpp, canonical),
                dnn_gop.transition_gop(
                    path, scores.log_transitions, scores.lengths, pdf_posteriors.shape[1]
                ),
            ]
        )


def log_stay_probabilities(ali: Path, frame_shift: float) -> np.ndarray:
    """Log-probability of staying in each phone (41) for one frame of `frame_shift` seconds.

    From the durations in ali/phones.ctm, see `posteriors.stay_probabilities`.
    """
    frames, segments = np.zeros(len(PHONES) - 1), np.zeros(len(PHONES) - 1)
    for _, phones in read_ctm(ali / "phones.ctm"):
        for s in phones:
            if PHONE_ID.get(s.label):
                frames[PHONE_ID[s.label] - 1] += s.length * FRAME_SHIFT / frame_shift
                segments[PHONE_ID[s.label] - 1] += 1
    return dnn_gop.stay_probabilities(frames, segments)


def posterior_columns(
    log_posteriors: np.ndarray,
    segments: list[PhoneSegment],
    frame_shift: float,
    log_stay: np.ndarray,
) -> np.ndarray:
    """Phones x (POSTERIOR_MEASURES, LPP_COLUMNS, LPR_COLUMNS) of one utterance."""
    lpp = dnn_gop.log_phone_posteriors(log_posteriors, segments, frame_shift)
    canonical = dnn_gop.canonical_columns(segments)
    lengths = np.array([s.length for s in segments]) * FRAME_SHIFT / frame_shift
    kaldi = dnn_gop.kaldi_features(lpp, canonical)
    kaldi = kaldi[:, 1:].reshape(len(lpp), 2, len(PHONES))[:, :, dnn_gop.SPEECH + 1]
    return np.column_stack(
        [
            dnn_gop.canonical_lpp(lpp, canonical),
            dnn_gop.log_posterior_ratio(lpp, canonical),
            dnn_gop.phone_transition_gop(lpp, canonical, lengths, log_stay),
            kaldi.reshape(len(lpp), -1),
        ]
    )


def _check_posteriors(key: str, post: Path, log_posteriors: np.ndarray) -> None:
    if log_posteriors.shape[1] != len(PHONES) - 1:
        raise InputError(
            f"{post}: {key}: {log_posteriors.shape[1]} columns, not the {len(PHONES) - 1} phones "
            "of the inventory; make it with the stage export"
        )
    if log_posteriors.max() > 1e-3:
        raise InputError(f"{post}: {key}: positive values, so these are not log-posteriors")


def gop(
    data: Path,
    ali: Path,
    deep: Path,
    out: Path,
    gmm: Path | None = None,
    feats: Path | None = None,
    reference: Path | None = None,
) -> None:
    """Measure the goodness of pronunciation of every phone of data/text.

    Reads ali/phones.ctm and words.ctm, deep/post.scp (frames x 41 log-posteriors) and
    deep/frame_shift; with `gmm` (a directory of train_gmm) and `feats` (MFCC-13 of `data`) also the
    GMM's likelihoods. Each measure's formula and source stand in `gop.posteriors` and
    `gop.likelihoods`; `transition_gop` takes each phone for one state, whose probability of
    staying follows from its mean duration in the alignment directory `reference` (left out: `ali`;
    give the train split's, so that the other splits are measured alike); `gmm_transition_gop` takes
    the GMM's HMMs.

    Writes out/gop.csv (utterance, phone_index counted over the utterance without silence, phone,
    POSTERIOR_MEASURES, with a GMM GMM_MEASURES) and a pooled directory (see contract.pooled) with
    these columns and DURATION_COLUMNS, LPP_COLUMNS and LPR_COLUMNS, for the scorers.

    Raises InputError naming the utterance that is missing, silence alone, of a phone outside the
    inventory, or whose alignment and posteriors differ in length.
    """
    if (gmm is None) != (feats is None):
        raise InputError("the GMM's measures need both: its directory, and MFCC-13 features")
    text = read_data_dir(data)
    posteriors = Matrices(deep / "post.scp")
    check_keys(deep / "post.scp", posteriors, text.utterances, data, "export")
    frame_shift = read_frame_shift(deep)
    log_stay = log_stay_probabilities(reference or ali, frame_shift)
    by_gmm = GmmMeasures.of(Gmm.load(gmm / "final.npz")) if gmm else None
    read = GmmFeatures(feats) if feats else None
    measures = POSTERIOR_MEASURES + (GMM_MEASURES if by_gmm else ())
    columns = (*measures, *DURATION_COLUMNS, *LPP_COLUMNS, *LPR_COLUMNS)
    with atomic_open(out / "gop.csv") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["utterance", "phone_index", "phone", *measures])

        def rows() -> Iterator[tuple[str, list[PhoneSegment], np.ndarray]]:
            wanted = read_wanted(ali, text.utterances, data)
            for key, segments, frames in progress_bar(
                wanted, "gop", len(text.utterances), unit="utt"
            ):
                log_posteriors = posteriors[key]
                _check_posteriors(key, deep / "post.scp", log_posteriors)
                check_length(key, "post.scp", len(log_posteriors), frames, frame_shift)
                found = posterior_columns(log_posteriors, segments, frame_shift, log_stay)
                cut = len(POSTERIOR_MEASURES)
                parts = [found[:, :cut]]
                if by_gmm and read:
                    features = read(text.utterances[key])
                    check_length(key, "feats.scp", len(features), frames, FRAME_SHIFT)
                    parts.append(by_gmm(features, segments))
                own = np.column_stack(parts)
                for i, (s, values) in enumerate(zip(segments, own, strict=True)):
                    table.writerow([key, i, s.phone, *(f"{value:.5f}" for value in values)])
                yield key, segments, np.column_stack([own, durations(segments), found[:, cut:]])

        write_pooled(out, columns, rows())
    log.info("goodness of pronunciation of %d utterances in %s", len(text.utterances), out)
