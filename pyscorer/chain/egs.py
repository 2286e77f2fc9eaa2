"""Training examples: which chunks of which utterances make a minibatch, and what they hold.

Only an index of the utterances and their alignments is in memory, or of large corpora a window of
it (`egs_files`); features are read a minibatch at a time. As Kaldi's chain egs, but cut anew for
every epoch.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from pyscorer.chain.acoustic_model import SUBSAMPLING
from pyscorer.chain.frame_labels import frame_labels
from pyscorer.chain.supervision import Normalization, NumeratorGraph, normalize, supervise
from pyscorer.chain.tree import ContextTree, read_tree
from pyscorer.contract.archives import Matrices, read_matrix_at
from pyscorer.contract.ctm import Segment, read_ctm
from pyscorer.contract.datadir import read_data_dir
from pyscorer.errors import InputError

WIDTH_STEP = 15
"""Chunk widths are multiples of this many input frames (5 output frames)."""
SHIFTS = SUBSAMPLING - 1
"""An utterance is shifted by up to so many frames, so that all frames get to be output frames."""


@dataclass(frozen=True)
class Aligned:
    """An aligned utterance."""

    key: str
    speaker: str
    feats: Path
    """Its feats.scp; the archive itself where there is an `offset`."""
    segments: tuple[Segment, ...]
    """All phones, SIL included, without gaps."""
    recorded: int = 0
    """Frames of its features, where `change_tempo` made it of another length; 0: `frames`."""
    offset: int | None = None
    """Place of its features in the archive."""

    @property
    def frames(self) -> int:
        """Length in input frames."""
        return self.segments[-1].end


@dataclass(frozen=True)
class Chunk:
    """`width` input frames of an utterance from `start` on.

    A chunk may reach over either end: there the first or last frame is repeated, with its phone.
    """

    utterance: Aligned
    start: int
    width: int


def read_aligned(data: Sequence[Path], feats: Sequence[Path], ali: Sequence[Path]) -> list[Aligned]:
    """Join data directories with their features and alignments, in the order of the keys.

    Raises InputError for lists of different length, for an utterance without features or
    alignment, and for one that two directories have.
    """
    if not len(data) == len(feats) == len(ali):
        raise InputError(
            f"{len(data)} data directories, {len(feats)} feats, {len(ali)} ali: give one each"
        )
    utterances: dict[str, Aligned] = {}
    for data_dir, feats_dir, ali_dir in zip(data, feats, ali, strict=True):
        scp = feats_dir / "feats.scp"
        matrices = Matrices(scp)
        alignments = dict(read_ctm(ali_dir / "phones.ctm"))
        for key, utterance in read_data_dir(data_dir).utterances.items():
            if key in utterances:
                raise InputError(f"{data_dir}: {key} is in another data directory too")
            if key not in matrices:
                raise InputError(f"{scp}: no utterance {key}, which {data_dir} has")
            if key not in alignments:
                raise InputError(
                    f"{ali_dir / 'phones.ctm'}: no utterance {key}, which {data_dir} has"
                )
            segments = tuple(alignments[key])
            gap = next((b for a, b in pairwise(segments) if a.end != b.start), None)
            if segments[0].start != 0 or gap is not None:
                at = 0 if gap is None else gap.start
                raise InputError(
                    f"{ali_dir / 'phones.ctm'}: {key}: a gap before frame {at}: phones, with SIL, "
                    "must cover the utterance"
                )
            utterances[key] = Aligned(key, utterance.speaker, scp, segments)
    if not utterances:
        raise InputError(f"{', '.join(map(str, data))}: no utterances")
    return [utterances[key] for key in sorted(utterances)]


def choose_speakers(speakers: Iterable[str], proportion: float, seed: int) -> set[str]:
    """Those that are held out, at least one. Raises InputError if there is but one speaker."""
    names = sorted(speakers)
    if len(names) < 2:
        raise InputError("one speaker only: none can be held out to choose the best model by")
    count = min(max(1, round(proportion * len(names))), len(names) - 1)
    return set(np.random.default_rng([seed, 0]).permutation(names)[:count].tolist())


def hold_out(
    utterances: Sequence[Aligned], proportion: float, seed: int
) -> tuple[list[Aligned], list[Aligned]]:
    """Split into (training, held out) by speaker; at least one speaker is held out.

    Raises InputError if there is but one speaker.
    """
    chosen = choose_speakers({u.speaker for u in utterances}, proportion, seed)
    return (
        [u for u in utterances if u.speaker not in chosen],
        [u for u in utterances if u.speaker in chosen],
    )


def cut(utterance: Aligned, max_width: int, shift: int = 0) -> list[Chunk]:
    """Cover an utterance, `shift` frames of repeated edge before it, with chunks of one width.

    As few chunks as `max_width` allows, as narrow as that number allows, evenly spread.
    """
    length = utterance.frames + shift
    count = math.ceil(length / max_width)
    width = WIDTH_STEP * math.ceil(length / count / WIDTH_STEP)
    starts = np.linspace(0, max(length - width, 0), count).round().astype(int) - shift
    return [Chunk(utterance, int(start), width) for start in starts]


def change_tempo(utterance: Aligned, factor: float) -> Aligned:
    """The utterance spoken `factor` times as slowly; its features are interpolated.

    A phone keeps at least the frames that it needs to have an output frame of its own.
    """
    bounds = np.array([0, *(s.end for s in utterance.segments)])
    shortest = np.minimum(np.diff(bounds), SUBSAMPLING).cumsum()
    ends = np.maximum.accumulate((bounds[1:] * factor).round().astype(int) - shortest) + shortest
    ends = np.maximum(ends, shortest)
    starts = [0, *ends[:-1].tolist()]
    segments = tuple(
        Segment(s.label, start, end - start)
        for s, start, end in zip(utterance.segments, starts, ends.tolist(), strict=True)
    )
    return replace(utterance, segments=segments, recorded=utterance.frames)


def plan_epoch(
    utterances: Sequence[Aligned],
    max_width: int,
    minibatch: int,
    rng: np.random.Generator | None,
    tempo: float = 0.0,
) -> list[list[Chunk]]:
    """Minibatches of one epoch; the chunks of a minibatch have one width.

    With `rng`, utterances are shifted at random, their tempo is changed by up to the share `tempo`,
    and the order is random; chunks that do not fill a minibatch are widened to join the next
    width, so that one minibatch at most is not full. Without, all is in order, and minibatches may
    be small.
    """
    return list(plan_windows([(utterances, True)], max_width, minibatch, rng, tempo))


def plan_windows(
    windows: Iterable[tuple[Sequence[Aligned], bool]],
    max_width: int,
    minibatch: int,
    rng: np.random.Generator | None,
    tempo: float = 0.0,
) -> Iterator[list[Chunk]]:
    """`plan_epoch`, of utterances that come in windows, each told whether it is the last.

    What does not fill a minibatch goes into the next window. One window is in memory at a time.
    """
    left: list[Chunk] = []
    for utterances, last in windows:
        by_width: dict[int, list[Chunk]] = defaultdict(list)
        for chunk in left:
            by_width[chunk.width].append(chunk)
        for utterance in utterances:
            if rng is not None and tempo:
                utterance = change_tempo(utterance, rng.uniform(1.0 - tempo, 1.0 + tempo))
            shift = 0 if rng is None else int(rng.integers(SHIFTS + 1))
            for chunk in cut(utterance, max_width, shift):
                by_width[chunk.width].append(chunk)
        batches: list[list[Chunk]] = []
        left = []
        for width in sorted(by_width):
            chunks = [_widen(chunk, width) for chunk in left] + by_width[width]
            if rng is not None:
                chunks = [chunks[i] for i in rng.permutation(len(chunks))]
            full = len(chunks) if rng is None else len(chunks) // minibatch * minibatch
            batches += [chunks[i : i + minibatch] for i in range(0, full, minibatch)]
            left = chunks[full:]
        if left and last:
            batches.append(left)
        if rng is not None:
            batches = [batches[i] for i in rng.permutation(len(batches))]
        yield from batches


def _widen(chunk: Chunk, width: int) -> Chunk:
    """The same chunk with more frames around it, of the utterance where it has them."""
    latest = max(chunk.utterance.frames - width, min(chunk.start, 0))
    return Chunk(chunk.utterance, min(chunk.start, latest), width)


@dataclass(frozen=True)
class EgsSource:
    """What chunks are prepared with; the same for all of them."""

    tree: ContextTree
    normalization: Normalization | None
    """Of the denominator graph; None: chunks get labels and no numerators."""
    features: dict[Path, Matrices]
    """Of each feats.scp that an utterance names."""
    context: int
    """Input frames on either side of an output frame."""
    left_tolerance: int = 5
    right_tolerance: int = 5

    @classmethod
    def read(
        cls, graphs: Path, utterances: Iterable[Aligned], context: int, numerators: bool = True
    ) -> "EgsSource":
        """Of a directory of the stage chain_graphs, for chunks of `utterances`.

        Those with an offset need not be named.
        """
        return cls(
            read_tree(graphs / "tree.json"),
            Normalization.from_fst(graphs / "normalization.fst") if numerators else None,
            {scp: Matrices(scp) for scp in {u.feats for u in utterances}},
            context,
        )


@dataclass(frozen=True)
class Examples:
    """The chunks of a minibatch, prepared: plain arrays, cheap to send between processes."""

    features: np.ndarray
    """(chunks, 3 (n - 1) + 1 + 2 x context, coefficients): MFCCs minus utterance mean."""
    numerators: list[NumeratorGraph]
    """One a chunk, of n output frames; none where there are labels."""
    width: int
    """Input frames of a chunk, without context."""
    labels: np.ndarray | None = None
    """(chunks, n): the pdf of each output frame by the alignment; None: there are numerators."""

    @property
    def input_frames(self) -> int:
        """Frames of 10 ms in all chunks, context not counted."""
        return self.width * len(self.features)


def prepare(source: EgsSource, chunks: Sequence[Chunk]) -> Examples:
    """Read the features of chunks of one width, and build their numerators or labels.

    Raises InputError where features and alignment differ in length, and for a chunk whose phone
    sequence the denominator graph does not have.
    """
    frames = math.ceil(chunks[0].width / SUBSAMPLING)
    rows = []
    for chunk in chunks:
        matrix = _matrix(source, chunk.utterance)
        rows.append(_features(matrix, chunk, frames, source.context))
    features = np.stack(rows)
    if source.normalization is None:
        labels = [frame_labels(*_repeat_edges(c), frames, source.tree, SUBSAMPLING) for c in chunks]
        return Examples(features, [], chunks[0].width, np.stack(labels))
    graphs = [
        supervise(
            *_repeat_edges(chunk),
            frames,
            source.tree,
            source.left_tolerance,
            source.right_tolerance,
            SUBSAMPLING,
        )
        for chunk in chunks
    ]
    names = [f"{c.utterance.key}, frames {c.start} to {c.start + c.width}" for c in chunks]
    numerators = normalize(graphs, source.normalization, names)
    return Examples(features, numerators, chunks[0].width)


def _repeat_edges(chunk: Chunk) -> tuple[list[Segment], int]:
    """Segments that cover the chunk, and the start of the chunk in them."""
    before = max(0, -chunk.start)
    after = max(0, chunk.start + chunk.width - chunk.utterance.frames)
    segments = [Segment(s.label, s.start + before, s.length) for s in chunk.utterance.segments]
    first, last = segments[0], segments[-1]
    if len(segments) == 1:
        return [Segment(first.label, 0, before + first.length + after)], chunk.start + before
    segments[0] = Segment(first.label, 0, before + first.length)
    segments[-1] = Segment(last.label, last.start, last.length + after)
    return segments, chunk.start + before


def _matrix(source: EgsSource, utterance: Aligned) -> np.ndarray:
    if utterance.offset is not None:
        return read_matrix_at(utterance.feats, utterance.offset, utterance.key)
    return source.features[utterance.feats][utterance.key]


def check_length(utterance: Aligned, matrix: np.ndarray) -> None:
    """Raise InputError if the features of `utterance` are not as long as its alignment."""
    aligned = utterance.recorded or utterance.frames
    if len(matrix) != aligned:
        raise InputError(
            f"{utterance.feats}: {utterance.key}: {len(matrix)} frames of features, "
            f"{aligned} of alignment: run align on the same audio again"
        )


def _features(matrix: np.ndarray, chunk: Chunk, frames: int, context: int) -> np.ndarray:
    check_length(chunk.utterance, matrix)
    times = np.arange(-context, SUBSAMPLING * (frames - 1) + 1 + context) + chunk.start
    times = times.clip(0, chunk.utterance.frames - 1)
    if chunk.utterance.recorded:
        position = times * ((len(matrix) - 1) / max(chunk.utterance.frames - 1, 1))
        before = position.astype(int)
        weight = (position - before)[:, None]
        after = np.minimum(before + 1, len(matrix) - 1)
        rows = (1.0 - weight) * matrix[before] + weight * matrix[after]
    else:
        rows = matrix[times]
    return np.asarray(rows - matrix.mean(axis=0, dtype=np.float64), dtype=np.float32)
