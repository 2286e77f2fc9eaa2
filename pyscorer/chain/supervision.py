"""What the numerator of LF-MMI may say: the aligned phones of a chunk, within a tolerance."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.chain.fst import Acceptor, read_fst
from pyscorer.chain.tree import FORWARD, SELF_LOOP, ContextTree
from pyscorer.contract.ctm import Segment
from pyscorer.errors import InputError


@dataclass(frozen=True)
class NumeratorGraph:
    """An acyclic acceptor of pdf sequences, one frame an arc, all of one length.

    State 0 is the start. Arc a leaves `source[a]` at output frame `frame[a]`, emits `pdf[a]` and
    enters `destination[a]`; `weight` and `final` are log-probabilities, `final` is -inf for states
    that are not final. Arcs are sorted by frame.
    """

    frames: int
    frame: np.ndarray
    source: np.ndarray
    destination: np.ndarray
    pdf: np.ndarray
    weight: np.ndarray
    final: np.ndarray
    """One entry a state: log-probability of ending there, or -inf."""


@dataclass(frozen=True)
class NumeratorBatch:
    """Numerator graphs of a minibatch, joined, as tensors on one device.

    States are numbered by time, then sequence: the start of sequence b is state b, and the states
    at time t are `state_offset[t]` up to `state_offset[t + 1]`. Arcs are sorted by frame: those of
    frame t are `arc_offset[t]` up to `arc_offset[t + 1]`.
    """

    sequences: int
    frames: int
    arc_offset: tuple[int, ...]
    state_offset: tuple[int, ...]
    arc_sequence: torch.Tensor
    frame: torch.Tensor
    source: torch.Tensor
    destination: torch.Tensor
    pdf: torch.Tensor
    weight: torch.Tensor
    """Log-probabilities, float64."""
    final: torch.Tensor
    """One entry a state, float64."""

    def to(self, device: torch.device | str) -> "NumeratorBatch":
        """The same batch on another device."""
        moved: dict[str, Any] = {
            field.name: value.to(device)
            for field in fields(self)
            if isinstance(value := getattr(self, field.name), torch.Tensor)
        }
        return replace(self, **moved)


MOST_SUBSETS = 200_000
"""That are remembered: some 250 MB."""


class Normalization:
    """The denominator graph, startable in any state, determinized as far as it is asked for.

    Kaldi composes each supervision with normalization.fst and determinizes the result in the
    tropical semiring. Here normalization.fst itself is determinized, on demand and once for all
    chunks: a subset is a set of graph states with their log-weights relative to the best one.
    """

    def __init__(self, graph: Acceptor) -> None:
        """`graph` is normalization.fst: label = pdf + 1, no epsilons."""
        self._num_pdfs = int(graph.label.max())
        key = graph.source * self._num_pdfs + graph.label - 1
        order = np.argsort(key, kind="stable")
        self._first = np.searchsorted(key[order], np.arange(graph.num_states * self._num_pdfs + 1))
        self._destination, self._weight = graph.destination[order], graph.weight[order]
        self._start, self._final = graph.start, graph.final
        self._subsets: list[tuple[np.ndarray, np.ndarray]] = []
        self._number: dict[bytes, int] = {}
        self._steps: dict[tuple[int, int], tuple[int, float] | None] = {}
        self.forget()

    @classmethod
    def from_fst(cls, path: Path) -> "Normalization":
        """Read normalization.fst (label = pdf + 1)."""
        return cls(read_fst(path))

    def forget(self, above: int = 0) -> None:
        """Begin anew, once more than `above` subsets are known; their numbers mean nothing then."""
        if above and len(self._subsets) <= above:
            return
        self._subsets, self._number, self._steps = [(np.array([self._start]), np.zeros(1))], {}, {}

    def step(self, subset: int, pdf: int) -> tuple[int, float] | None:
        """The subset after `pdf` and the log-weight of the step; None if there is no such arc."""
        key = (subset, pdf)
        if key not in self._steps:
            self._steps[key] = self._expand(subset, pdf)
        return self._steps[key]

    def final(self, subset: int) -> float:
        """Log-weight of ending in `subset`."""
        states, weights = self._subsets[subset]
        return float((weights + self._final[states]).max())

    def _expand(self, subset: int, pdf: int) -> tuple[int, float] | None:
        if pdf >= self._num_pdfs:
            return None
        states, weights = self._subsets[subset]
        key = states * self._num_pdfs + pdf
        low = self._first[key]
        size = self._first[key + 1] - low
        run = np.repeat(np.arange(len(low)), size)
        if not len(run):
            return None
        arc = np.arange(len(run)) + (low - np.cumsum(size) + size)[run]
        reached, place = np.unique(self._destination[arc], return_inverse=True)
        best = np.full(len(reached), -np.inf)
        np.maximum.at(best, place, weights[run] + self._weight[arc])
        step = float(best.max())
        best -= step
        # The same subset comes about by many paths, and float32 weights differ in the last digits.
        name = reached.tobytes() + np.round(best * 1e4).astype(np.int64).tobytes()
        if name not in self._number:
            self._number[name] = len(self._subsets)
            self._subsets.append((reached, best))
        return self._number[name], step


def supervise(
    segments: Sequence[Segment],
    start: int,
    frames: int,
    tree: ContextTree,
    left_tolerance: int = 5,
    right_tolerance: int = 5,
    subsampling: int = 3,
) -> NumeratorGraph:
    """The unweighted acceptor of a chunk: `frames` output frames, at input frames start + 3 i.

    `segments` are ALL phones of the utterance in 10 ms frames, SIL included, without gaps. An
    output frame at input frame f may belong to a phone if begin - `left_tolerance` <= f <
    end + `right_tolerance` (AlignmentToProtoSupervision); every phone takes at least one output
    frame of the utterance. The chunk may begin and end within phones. The acceptor is
    deterministic: each pdf sequence is counted once.

    Raises InputError if the chunk leaves the utterance or the phones do not fit into it.
    """
    ids = {phone: index for index, phone in enumerate(tree.phones)}
    begin = np.array([s.start for s in segments])
    end = np.array([s.end for s in segments])
    if not len(begin) or begin[0] != 0 or (begin[1:] != end[:-1]).any():
        raise InputError("alignment: phones must cover the utterance from frame 0 on, without gaps")
    unknown = [s.label for s in segments if s.label not in ids]
    if unknown:
        raise InputError(f"alignment: phone {unknown[0]} is not in the tree")
    offset = start % subsampling
    first, length = start // subsampling, (int(end[-1]) - offset + subsampling - 1) // subsampling
    if start < 0 or first + frames > length:
        raise InputError(
            f"chunk of {frames} output frames at input frame {start} leaves the utterance "
            f"({end[-1]} frames)"
        )
    # The output frames of this grid (offset + 3 k) that phone i may hold: earliest to latest.
    low = np.maximum(-((offset + left_tolerance - begin) // subsampling), 0)
    high = np.minimum((end + right_tolerance - 1 - offset) // subsampling, length - 1)
    position = np.arange(len(begin))
    earliest = np.maximum.accumulate(low - position) + position
    latest = np.minimum.accumulate((high - position)[::-1])[::-1] + position
    if (earliest > latest).any() or earliest[0] > 0 or latest[-1] < length - 1:
        at = int(np.argmax(earliest > latest))
        raise InputError(
            f"alignment: {len(begin)} phones do not fit into {length} output frames "
            f"(at phone {at}, {segments[at].label}, frame {segments[at].start})"
        )
    phone = np.array([ids[s.label] for s in segments])
    left = np.concatenate([[0], phone[:-1]])
    forward, loop = tree.pdf[left, phone, FORWARD], tree.pdf[left, phone, SELF_LOOP]
    return _determinized(first, frames, earliest, latest, forward, loop)


def _determinized(
    first: int,
    frames: int,
    earliest: np.ndarray,
    latest: np.ndarray,
    forward: np.ndarray,
    loop: np.ndarray,
) -> NumeratorGraph:
    """Subset construction, frame by frame; a state is the set of phones that may be under way."""
    lows, highs = earliest.tolist(), latest.tolist()
    forwards, loops = forward.tolist(), loop.tolist()
    phones = len(lows)

    def open_at(phone: int, frame: int) -> bool:
        return phone < phones and lows[phone] <= frame <= highs[phone]

    if first == 0:
        here: dict[tuple[int, ...], int] = {(-1,): 0}  # before the first phone
    else:
        here = {tuple(i for i in range(phones) if open_at(i, first - 1)): 0}
    arcs: list[tuple[int, int, int, int]] = []
    states = 1
    for frame in range(frames):
        there: dict[tuple[int, ...], int] = {}
        for subset, source in here.items():
            following: dict[int, list[int]] = {}
            for phone in subset:
                if phone >= 0 and open_at(phone, first + frame):
                    following.setdefault(loops[phone], []).append(phone)
                if open_at(phone + 1, first + frame):
                    following.setdefault(forwards[phone + 1], []).append(phone + 1)
            for pdf, reached in following.items():
                target = tuple(sorted(set(reached)))
                if target not in there:
                    there[target] = states
                    states += 1
                arcs.append((frame, source, there[target], pdf))
        here = there
    table = np.array(arcs, dtype=np.int64)
    final = np.full(states, -np.inf)
    final[list(here.values())] = 0.0
    frame_, source_, destination, pdf_ = (np.ascontiguousarray(table[:, i]) for i in range(4))
    return NumeratorGraph(frames, frame_, source_, destination, pdf_, np.zeros(len(table)), final)


def normalize(
    graphs: Sequence[NumeratorGraph], normalization: Normalization, names: Sequence[str] = ()
) -> list[NumeratorGraph]:
    """Compose each acceptor with the normalization graph: numerator <= denominator from then on.

    A pdf sequence gets the weight of its best path through the normalization graph, as in Kaldi's
    AddWeightToSupervisionFst. Raises InputError naming the graph (of `names`, else its index) none
    of whose phone sequences the denominator graph has.
    """
    composed = []
    for index, graph in enumerate(graphs):
        normalization.forget(above=MOST_SUBSETS)
        result = _compose(graph, normalization)
        if result is None:
            name = names[index] if names else f"supervision {index}"
            raise InputError(
                f"{name}: its phone sequence is not in the denominator graph; was the phone LM "
                "estimated from these alignments?"
            )
        composed.append(result)
    return composed


def _compose(graph: NumeratorGraph, normalization: Normalization) -> NumeratorGraph | None:
    """The product of two deterministic acceptors; None if it is empty."""
    leaving: list[list[tuple[int, int, float]]] = [[] for _ in graph.final]
    columns = (graph.source, graph.destination, graph.pdf, graph.weight)
    for source, destination, pdf, weight in zip(*(c.tolist() for c in columns), strict=True):
        leaving[source].append((destination, pdf, weight))
    number = {(0, 0): 0}
    pairs = [(0, 0)]
    arcs: list[tuple[int, int, int]] = []
    weights: list[float] = []
    for origin, (state, subset) in enumerate(pairs):  # grows; in order of time
        for destination, pdf, weight in leaving[state]:
            step = normalization.step(subset, pdf)
            if step is None:
                continue
            pair = (destination, step[0])
            if pair not in number:
                number[pair] = len(pairs)
                pairs.append(pair)
            arcs.append((origin, number[pair], pdf))
            weights.append(weight + step[1])
    ends = graph.final.tolist()
    final = np.array(
        [
            ends[state] + normalization.final(subset) if ends[state] > -np.inf else -np.inf
            for state, subset in pairs
        ]
    )
    table = np.array(arcs, dtype=np.int64).reshape(-1, 3)
    alive = np.isfinite(final)
    kept = np.zeros(len(arcs), dtype=bool)
    for arc in reversed(range(len(arcs))):
        origin, target, _ = arcs[arc]
        if alive[target]:
            kept[arc] = alive[origin] = True
    if not alive[0]:
        return None
    renumbered = np.cumsum(alive) - 1
    time = np.zeros(len(graph.final), dtype=np.int64)
    time[graph.destination] = graph.frame + 1
    source, destination, pdf = (np.ascontiguousarray(table[kept, i]) for i in range(3))
    return NumeratorGraph(
        graph.frames,
        time[np.array([state for state, _ in pairs])[source]],
        renumbered[source],
        renumbered[destination],
        pdf,
        np.array(weights)[kept],
        final[alive],
    )


def batch_numerators(graphs: Sequence[NumeratorGraph]) -> NumeratorBatch:
    """Join graphs of equal length into a minibatch. Raises InputError if lengths differ."""
    lengths = {graph.frames for graph in graphs}
    if len(lengths) != 1:
        raise InputError(
            f"a minibatch holds chunks of one length, not of {sorted(lengths)} output frames"
        )
    frames = lengths.pop()
    first = np.cumsum([0] + [len(graph.final) for graph in graphs])
    sizes = [len(graph.frame) for graph in graphs]
    sequence = np.repeat(np.arange(len(graphs)), sizes)
    shift = np.repeat(first[:-1], sizes)
    frame, source, destination, pdf, weight = (
        np.concatenate([getattr(graph, name) for graph in graphs])
        for name in ("frame", "source", "destination", "pdf", "weight")
    )
    source, destination = source + shift, destination + shift
    time = np.zeros(first[-1], dtype=np.int64)
    time[destination] = frame + 1
    by_time = np.argsort(time, kind="stable")
    number = np.empty_like(by_time)
    number[by_time] = np.arange(len(by_time))
    by_frame = np.argsort(frame, kind="stable")
    final = np.concatenate([graph.final for graph in graphs])
    return NumeratorBatch(
        sequences=len(graphs),
        frames=frames,
        arc_offset=tuple(np.searchsorted(frame[by_frame], np.arange(frames + 1)).tolist()),
        state_offset=tuple(np.searchsorted(time[by_time], np.arange(frames + 2)).tolist()),
        arc_sequence=torch.from_numpy(sequence[by_frame]),
        frame=torch.from_numpy(frame[by_frame]),
        source=torch.from_numpy(number[source[by_frame]]),
        destination=torch.from_numpy(number[destination[by_frame]]),
        pdf=torch.from_numpy(pdf[by_frame]),
        weight=torch.from_numpy(weight[by_frame]),
        final=torch.from_numpy(final[by_time]),
    )
