"""Monophone training in shards: Kaldi's steps/train_mono.sh, without its files.

The utterances are cut into shards of a fixed size, whatever the number of processes, and sums over
shards are taken in their order: the result does not depend on how many processes work. A shard is
a few files in a scratch directory (features, graphs, alignment), so memory holds one shard a
process.
"""

import errno
import logging
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import kaldifst
import numpy as np
from threadpoolctl import threadpool_limits

from pyscorer.alignment.gmm_estimation import Statistics, accumulate
from pyscorer.alignment.gmm_model import Gmm, KaldiModel, initial_gmm, kaldi_model
from pyscorer.alignment.viterbi import GraphCompiler, Pronunciation, equal_alignment, viterbi
from pyscorer.errors import InputError
from pyscorer.parallel import shared_map

log = logging.getLogger(__name__)

SHARD = 100
"""Utterances a shard."""
FIRST_BEAM, BEAM, RETRY_BEAM = 6.0, 10.0, 40.0
REALIGN = frozenset([*range(1, 11), 12, 14, 16, 18, 20, 23, 26, 29, 32, 35, 38])
"""Iterations that realign; the others re-use the alignment of the one before."""


@dataclass(frozen=True)
class Recording:
    """An utterance that is to be put into a shard."""

    key: str
    words: tuple[Pronunciation, ...]
    features: np.ndarray
    """(frames, 39) float32."""


@dataclass(frozen=True)
class Shard:
    """Utterances trained on together, and their files."""

    directory: Path
    number: int

    @property
    def texts(self) -> Path:
        """Keys and pronunciations of the utterances."""
        return self.directory / "texts.pickle"

    @property
    def ends(self) -> Path:
        """The frame after the last one of each utterance."""
        return self.directory / "ends.npy"

    @property
    def features(self) -> Path:
        """(frames, 39) float32, utterances one after another."""
        return self.directory / "features.npy"

    @property
    def graphs(self) -> Path:
        """Training graphs without probabilities."""
        return self.directory / "graphs.ark"

    @property
    def alignment(self) -> Path:
        """(frames,) int32 transition-ids."""
        return self.directory / "alignment.npy"

    def slices(self) -> list[slice]:
        """Frames of each utterance."""
        ends = np.load(self.ends).tolist()
        return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def write_shard(scratch: Path, number: int, recordings: Sequence[Recording]) -> Shard:
    """Put some utterances into a folder of `scratch`."""
    directory = scratch / f"{number:05d}"
    directory.mkdir(parents=True)
    shard = Shard(directory, number)
    shard.texts.write_bytes(pickle.dumps([(r.key, r.words) for r in recordings]))
    np.save(shard.ends, np.cumsum([len(r.features) for r in recordings]))
    np.save(shard.features, np.concatenate([r.features for r in recordings]))
    return shard


@dataclass(frozen=True)
class _Prepared:
    frames: int
    sums: np.ndarray
    squares: np.ndarray
    failed: list[str]
    """Utterances with fewer frames than their phones need."""


def _prepare(seed: int, shard: Shard) -> _Prepared:
    """Compile graphs and align equally."""
    features = np.load(shard.features)
    dim = features.shape[1]
    model = kaldi_model(initial_gmm(np.zeros(dim), np.ones(dim)))
    texts: list[tuple[str, tuple[Pronunciation, ...]]] = pickle.loads(shard.texts.read_bytes())
    compiler = GraphCompiler(model, (word for _, words in texts for word in words))
    alignment = np.zeros(len(features), dtype=np.int32)
    failed = []
    writer = kaldifst.VectorFstWriter(f"ark:{shard.graphs}")
    for index, ((key, words), frames) in enumerate(zip(texts, shard.slices(), strict=True)):
        graph = compiler(words)
        try:
            writer.write(key, graph)
        except RuntimeError:  # which says no more
            reason = "cannot be written; is the disk full?"
            raise OSError(errno.EIO, reason, str(shard.graphs)) from None
        length = frames.stop - frames.start
        found = equal_alignment(graph, length, seed + shard.number * SHARD + index)
        if found is None:
            failed.append(key)
        else:
            alignment[frames] = found
    writer.close()
    np.save(shard.alignment, alignment)
    wide = features.astype(np.float64)
    return _Prepared(len(features), wide.sum(axis=0), (wide**2).sum(axis=0), failed)


def prepare_shards(shards: Sequence[Shard], seed: int, jobs: int) -> tuple[Gmm, list[str]]:
    """Compile all graphs and align equally; returns the initial model and utterances to leave out.

    Left out is an utterance with fewer frames than its phones need.
    """
    frames, first, second = 0, np.zeros(()), np.zeros(())
    failed: list[str] = []
    for one in shared_map(_prepare, seed, shards, jobs):
        frames, first, second = frames + one.frames, first + one.sums, second + one.squares
        failed += one.failed
    if not frames:
        raise InputError("no frames to train on")
    mean = first / frames
    return initial_gmm(mean, second / frames - mean**2), failed


@dataclass(frozen=True)
class _Model:
    gmm: Gmm
    aligner: KaldiModel | None
    """What to realign with, if at all."""
    beam: float


def _pass(model: _Model, shard: Shard) -> tuple[Statistics, int]:
    """Statistics of one shard, realigned first if so wished; and how many did not align."""
    features = np.load(shard.features)
    alignment = np.load(shard.alignment)
    failed = 0
    if model.aligner:
        reader = kaldifst.SequentialVectorFstReader(f"ark:{shard.graphs}")
        for frames in shard.slices():
            if alignment[frames.start]:
                path = viterbi(
                    *(model.aligner, reader.value, features[frames], model.beam, RETRY_BEAM),
                    widen=False,
                )
                if path is None:
                    failed += 1  # its last alignment stays: better than none
                else:
                    alignment[frames] = path.transition_ids
            reader.next()
        reader.close()
        np.save(shard.alignment, alignment)
    used = alignment > 0
    with threadpool_limits(1):
        return accumulate(model.gmm, features[used], alignment[used]), failed


def run_pass(
    shards: Sequence[Shard], model: Gmm, beam: float, boost_silence: float, jobs: int
) -> tuple[Statistics, int]:
    """Statistics of all shards under `model`, realigned first if `beam` is not 0.

    Returns them and the number of utterances that kept their earlier alignment.
    """
    shared = _Model(model, kaldi_model(model, boost_silence) if beam else None, beam)
    results = shared_map(_pass, shared, shards, jobs)
    total, failures = next(results)
    for statistics, failed in results:
        total, failures = total + statistics, failures + failed
    return total, failures
