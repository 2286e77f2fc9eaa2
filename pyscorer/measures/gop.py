"""The stage `gop`: every measure of goodness of pronunciation, one row a phone."""

import csv
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from pyscorer.alignment.features import GmmFeatures
from pyscorer.alignment.gmm_model import Gmm, transition_tables
from pyscorer.contract.ctm import FRAME_SHIFT, read_ctm
from pyscorer.contract.files import atomic_open
from pyscorer.contract.phones import ARPABET, PHONE_ID, PHONES
from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.recording import Frames, Recording
from pyscorer.contract.segments import (
    DURATION_COLUMNS,
    PhoneSegment,
    durations,
    read_frame_shift,
)
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError
from pyscorer.measures import likelihoods as gmm_gop
from pyscorer.measures import posteriors as dnn_gop
from pyscorer.measures.corpus import Archive, read_recordings
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

    def __call__(self, features: np.ndarray, segments: Sequence[PhoneSegment]) -> np.ndarray:
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
    segments: Sequence[PhoneSegment],
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


@dataclass(frozen=True)
class Gop:
    """Goodness of pronunciation by posteriors and, with `gmm`, by the GMM's likelihoods.

    Reads the outputs `posteriors` (T x 41 log-posteriors of phones) and, with `gmm`,
    `gmm_features` (frames x 39).
    """

    log_stay: np.ndarray
    """See `log_stay_probabilities`."""
    gmm: GmmMeasures | None = None
    name: str = "gop"

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns that are GOP."""
        return POSTERIOR_MEASURES + (GMM_MEASURES if self.gmm else ())

    @property
    def columns(self) -> tuple[str, ...]:
        """`measures`, then DURATION_COLUMNS and Kaldi's feature vector."""
        return (*self.measures, *DURATION_COLUMNS, *LPP_COLUMNS, *LPR_COLUMNS)

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x columns. Raises InputError for what are not log-posteriors of phones."""
        segments, posteriors = recording.segments, recording.output("posteriors")
        _check_posteriors(recording.key, posteriors)
        found = posterior_columns(posteriors.matrix, segments, posteriors.shift, self.log_stay)
        cut = len(POSTERIOR_MEASURES)
        parts = [found[:, :cut]]
        if self.gmm:
            parts.append(self.gmm(recording.output("gmm_features").matrix, segments))
        return np.column_stack([*parts, durations(segments), found[:, cut:]])


def _check_posteriors(key: str, posteriors: Frames) -> None:
    source, columns = posteriors.source or "posteriors", posteriors.matrix.shape[1]
    if columns != len(PHONES) - 1:
        raise InputError(
            f"{source}: {key}: {columns} columns, not the {len(PHONES) - 1} phones of the "
            "inventory; make it with the stage export"
        )
    if posteriors.matrix.max() > 1e-3:
        raise InputError(f"{source}: {key}: positive values, so these are not log-posteriors")


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
    utterances = read_utterances(data)
    frame_shift = read_frame_shift(deep)
    by_gmm = GmmMeasures.of(Gmm.load(gmm / "final.npz")) if gmm else None
    measure = Gop(log_stay_probabilities(reference or ali, frame_shift), by_gmm)
    read = GmmFeatures(feats) if feats else None
    archives = {"posteriors": Archive(deep / "post.scp", frame_shift, "export")}
    with atomic_open(out / "gop.csv") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["utterance", "phone_index", "phone", *measure.measures])

        def rows() -> Iterator[tuple[str, list[PhoneSegment], np.ndarray]]:
            recordings = read_recordings(data, utterances, ali, archives)
            for recording in progress_bar(recordings, "gop", len(utterances), unit="utt"):
                key, segments = recording.key, list(recording.segments)
                if read:
                    features = {"gmm_features": Frames(read(utterances[key]), source="feats.scp")}
                    recording = replace(recording, outputs={**recording.outputs, **features})
                matrix = measure(recording)
                for i, (s, values) in enumerate(zip(segments, matrix, strict=True)):
                    own = values[: len(measure.measures)]
                    table.writerow([key, i, s.phone, *(f"{value:.5f}" for value in own)])
                yield key, segments, matrix

        write_pooled(out, measure.columns, rows())
    log.info("goodness of pronunciation of %d utterances in %s", len(utterances), out)
