"""Stage `ivectors`: online i-vectors of every utterance, as Kaldi estimates them.

Sources: Kaldi's online2/online-ivector-feature.cc, online2bin/ivector-extract-online2.cc,
ivector/ivector-extractor.cc (OnlineIvectorEstimationStats), hmm/posterior.cc
(VectorToPosteriorEntry), matrix/optimization.cc (LinearCgd).
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.archives import Matrices, archive_writer
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.files import atomic_open
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError, naming
from pyscorer.kaldi.ivector_extractor import IvectorExtractor, read_ivector_extractor
from pyscorer.kaldi.mfcc_conf import MFCC40, check_same_features
from pyscorer.kaldi.online_cmvn import add_to_stats, frames_of_splices, normalised_splices
from pyscorer.options import option
from pyscorer.parallel import one_thread, shared_map
from pyscorer.pretrained.encoder_layers import Ivectors
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

CG_STEPS = 15
"""Kaldi's num_cg_iters, which its programs cannot change."""
_BLOCK = 64
"""I-vectors whose statistics are in memory together."""
_RECOMPUTE = 0.01**2
"""Fall of the squared residual after which it is computed anew."""


@dataclass(frozen=True)
class SpeakerState:
    """What is carried from one utterance of a speaker to the next."""

    cmvn_stats: np.ndarray
    """CMVN statistics, 2 x (feature dimension + 1)."""
    count: float
    """Frames that the i-vector has seen, times posterior-scale."""
    linear: np.ndarray
    """S: sum of posterior times M' Sigma^-1 x, without the prior."""
    quadratic: np.ndarray
    """S (S + 1) / 2: sum of posterior times U, without the prior."""

    def limited(self, frames: float, posterior_scale: float) -> "SpeakerState":
        """With no more than `frames` frames behind either statistics."""
        seen = self.cmvn_stats[0, -1]
        cmvn_scale = min(1.0, frames / seen) if seen else 1.0
        scale = min(1.0, frames * posterior_scale / self.count) if self.count else 1.0
        return SpeakerState(
            self.cmvn_stats * cmvn_scale, self.count * scale,
            self.linear * scale, self.quadratic * scale,
        )  # fmt: skip


def online_ivectors(
    extractor: IvectorExtractor,
    features: np.ndarray,
    state: SpeakerState | None = None,
    whole: bool = False,
) -> tuple[np.ndarray, SpeakerState]:
    """I-vectors of one utterance, and what the speaker's next one may begin with.

    `features` are raw (T x dim, no mean subtracted). The result is n x S, float32: row i is
    estimated from all frames up to i * ivector_period, or with `whole` the one row from all frames.
    Kaldi's prior offset is taken off. Raises InputError for features of another dimension.
    """
    if features.ndim != 2 or features.shape[1] != extractor.feature_dim or not len(features):
        raise InputError(
            f"features of {' x '.join(map(str, features.shape))}; the extractor "
            f"{extractor.directory} takes rows of {extractor.feature_dim}"
        )
    features = features.astype(np.float32)
    extraction = extractor.extraction
    ends = np.arange(0, len(features), extraction.ivector_period)
    if whole:
        ends = np.array([len(features) - 1])
    splices = frames_of_splices(len(features), extractor.left_context, extractor.right_context)
    splices = splices[: ends[-1] + 1]
    speaker = None if state is None else state.cmvn_stats
    spliced = normalised_splices(features, extractor.cmvn, splices, extractor.global_stats, speaker)
    normalised = _transformed(extractor.lda, spliced)
    frame, gaussian, weight = pruned_posteriors(
        extractor.ubm.log_likelihoods(normalised), extraction.num_gselect, extraction.min_post
    )
    weight = weight * np.float32(extraction.posterior_scale)
    seen = normalised
    if not extraction.online_cmvn_iextractor:
        seen = _transformed(extractor.lda, features[splices].reshape(len(splices), -1))
    count, linear, quadratic = 0.0, np.zeros(extractor.dim), np.zeros(extractor.u.shape[1])
    if state is not None:
        count, linear, quadratic = state.count, state.linear.copy(), state.quadratic.copy()
    ivector = np.zeros(extractor.dim)
    ivector[0] = extractor.prior_offset
    found = np.empty((len(ends), extractor.dim), dtype=np.float32)
    bounds = np.searchsorted(frame, [0, *(ends + 1)])
    for first in range(0, len(ends), _BLOCK):
        block = range(first, min(first + _BLOCK, len(ends)))
        part = slice(bounds[block.start], bounds[block.stop])
        row = np.searchsorted(ends, frame[part]) - first
        totals, linears, quadratics = _accumulated(
            extractor, len(block), row, gaussian[part], weight[part], seen[frame[part]]
        )
        for i, total in zip(block, totals, strict=True):
            count += total
            linear += linears[i - first]
            quadratic += quadratics[i - first]
            ivector = _estimate(extractor, count, linear, quadratic, ivector)
            found[i] = ivector
    found[:, 0] = found[:, 0] - np.float32(extractor.prior_offset)
    after = SpeakerState(add_to_stats(speaker, features), count, linear, quadratic)
    return found, after.limited(extraction.max_remembered_frames, extraction.posterior_scale)


def _accumulated(
    extractor: IvectorExtractor,
    rows: int,
    row: np.ndarray,
    gaussian: np.ndarray,
    weight: np.ndarray,
    features: np.ndarray,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Statistics of each of `rows` stretches: counts, linear (rows x S) and quadratic terms."""
    active, place = np.unique(gaussian, return_inverse=True)
    cell = row * len(active) + place
    counts = np.bincount(cell, weight, rows * len(active)).reshape(rows, -1)
    sums = np.zeros((rows * len(active), features.shape[1]))
    np.add.at(sums, cell, weight[:, None].astype(np.float64) * features)
    projection = extractor.sigma_inv_m[active].reshape(-1, extractor.dim)
    linear = sums.reshape(rows, -1) @ projection
    return counts.sum(axis=1), linear, counts @ extractor.u[active]


def _transformed(lda: np.ndarray, spliced: np.ndarray) -> np.ndarray:
    transformed: np.ndarray = spliced @ lda[:, : spliced.shape[1]].T
    return transformed + lda[:, -1] if lda.shape[1] > spliced.shape[1] else transformed


def pruned_posteriors(
    log_likelihoods: np.ndarray, num_gselect: int, min_post: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Frame, Gaussian and posterior of all that is left after pruning, frame after frame.

    The `num_gselect` likeliest Gaussians of a frame, less those below `min_post` of the likeliest,
    then less those below `min_post` of what these sum to; at least one. Sums to 1 a frame.
    """
    kept = min(num_gselect, log_likelihoods.shape[1])
    best = np.argpartition(-log_likelihoods, kept - 1, axis=1)[:, :kept]
    likelihoods = np.take_along_axis(log_likelihoods, best, axis=1)
    order = np.argsort(-likelihoods, axis=1, kind="stable")
    best, likelihoods = (np.take_along_axis(a, order, axis=1) for a in (best, likelihoods))
    relative = likelihoods - likelihoods[:, :1]
    posteriors = np.exp(relative)
    if min_post:
        posteriors[relative <= np.log(np.float32(min_post))] = 0
    posteriors[posteriors < min_post * posteriors.sum(axis=1, keepdims=True)] = 0
    posteriors /= posteriors.sum(axis=1, keepdims=True)
    frame, rank = np.nonzero(posteriors)
    return frame, best[frame, rank], posteriors[frame, rank]


def _estimate(
    extractor: IvectorExtractor,
    count: float,
    linear: np.ndarray,
    quadratic: np.ndarray,
    start: np.ndarray,
) -> np.ndarray:
    """The i-vector of these statistics, by conjugate gradients from `start`."""
    most = extractor.extraction.max_count
    prior_scale = max(count, most) / most if most else 1.0
    matrix = quadratic[extractor.triangle]
    matrix[np.diag_indices(extractor.dim)] += prior_scale
    vector = linear.copy()
    vector[0] += extractor.prior_offset * prior_scale
    return conjugate_gradients(matrix, vector, start)


def conjugate_gradients(
    matrix: np.ndarray, vector: np.ndarray, start: np.ndarray, steps: int = CG_STEPS
) -> np.ndarray:
    """An approximate solution x of `matrix` x = `vector`, `steps` steps from `start`.

    Kaldi's LinearCgd step for step, as i-vectors are far from converged after 15. If the residual
    grew, the exact solution.
    """
    x = start.copy()
    p = vector - matrix @ x
    r = -p
    norm = first = recomputed = r @ r
    for _ in range(min(steps, len(x) + 5)):
        if norm <= np.finfo(np.float64).tiny:
            break
        direction = matrix @ p
        alpha = -(p @ r) / (p @ direction)
        x += alpha * p
        r += alpha * direction
        new = r @ r
        if not _RECOMPUTE * recomputed <= new <= recomputed / _RECOMPUTE:
            r = matrix @ x - vector
            recomputed = new = r @ r
        p = new / norm * p - r
        norm = new
    if norm > first and norm > first + 1e-10 * (vector @ vector):
        return np.linalg.solve(matrix, vector)
    return x


@dataclass(frozen=True)
class IvectorOptions:
    """How `ivectors` runs; what is left out is as ivector_extractor.conf or Kaldi has it."""

    mode: Ivectors = option(
        "online", "online: one i-vector a period, from the frames so far; utterance: one, from all"
    )
    by_speaker: bool = option(
        False, "carry statistics on within a speaker, in the order of the data directory"
    )
    ivector_period: int | None = option(None, "frames from one online i-vector to the next", ge=1)
    num_gselect: int | None = option(None, "Gaussians that a frame has, at most", ge=1)
    min_post: float | None = option(None, "posteriors below are left out", ge=0, lt=0.5)
    posterior_scale: float | None = option(None, "scale of the posteriors", gt=0, le=1)
    max_count: float | None = option(
        None, "frames times posterior scale from which the prior grows; 0: never (Vosk: 100)", ge=0
    )
    cmn_min_energy: float | None = option(
        None, "C0 from which a frame renews the running mean, as in Vosk (50); left out: always"
    )
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def ivectors(
    extractor: Path,
    feats: Path,
    out: Path,
    data: Path | None = None,
    options: IvectorOptions = IvectorOptions(),
    mfcc_conf: Path | None = None,
) -> None:
    """Estimate online i-vectors with the extractor of a published Kaldi model.

    `extractor` is a model's `ivector` directory; `feats` one of the stage `features` with what the
    extractor takes (mfcc40, raw); `data` the data directory that says who speaks, needed with
    `by_speaker`; `mfcc_conf` that of the extractor's model, which is compared with what these
    features are. Writes `out/ivector_period` (frames; as Kaldi's scripts) and `out/ivector.scp`
    with its archive: a matrix an utterance, a row a period, or one row.

    Raises InputError naming what is wrong with the extractor, the line of `mfcc_conf` that asks for
    other features, or the utterance whose features have another dimension.
    """
    if mfcc_conf is not None:
        check_same_features(mfcc_conf, MFCC40)
    settings = {
        name: getattr(options, name)
        for name in (
            *("ivector_period", "num_gselect", "min_post", "posterior_scale", "max_count"),
            "cmn_min_energy",
        )
    }
    model = read_ivector_extractor(extractor, **settings)
    names = Matrices(feats / "feats.scp")
    if not len(names):
        raise InputError(f"{names.scp}: no utterances")
    source = _Source(model, names, options.mode == "utterance")
    groups = [[key] for key in names]
    if options.by_speaker:
        groups = _by_speaker(data, names)
    frames = 0
    with archive_writer(out / "ivector.scp") as write:
        results = shared_map(_extracted, source, groups, options.jobs)
        for group in progress_bar(results, total=len(groups), desc="ivectors", unit="speaker"):
            for key, length, matrix in group:
                write(key, matrix)
                frames += length
        with atomic_open(out / "ivector_period") as stream:
            stream.write(f"{model.extraction.ivector_period}\n")
    log.info(
        "%d utterances, %.2f h: i-vectors of %d", len(names), frames * FRAME_SHIFT / 3600, model.dim
    )


@dataclass(frozen=True)
class _Source:
    extractor: IvectorExtractor
    features: Matrices
    whole: bool


def _by_speaker(data: Path | None, names: Iterable[str]) -> list[list[str]]:
    if data is None:
        raise InputError("by_speaker: name the data directory (--data), which says who speaks")
    utterances = read_utterances(data)
    wanted = set(names)
    if missing := sorted(wanted - utterances.keys()):
        raise InputError(f"{data}: no utterance {missing[0]}, which has features")
    speakers: dict[str, list[str]] = {}
    for key, utterance in utterances.items():
        if key in wanted:
            speakers.setdefault(utterance.speaker, []).append(key)
    return list(speakers.values())


@one_thread()
def _extracted(source: _Source, keys: list[str]) -> list[tuple[str, int, np.ndarray]]:
    """Of the utterances of one speaker, in order."""
    found, state = [], None
    for key in keys:
        features = source.features[key]
        with naming(f"{source.features.scp}: {key}"):
            matrix, state = online_ivectors(source.extractor, features, state, source.whole)
        found.append((key, len(features), matrix))
    return found
