"""What the numerator of LF-MMI may say: the aligned phones of a chunk, within a tolerance."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.acoustic.tree import ContextTree
from pyscorer.alignment import Segment
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


class Normalization:
    """The denominator graph with its initial probabilities as start (Kaldi's normalization.fst)."""

    @classmethod
    def from_fst(cls, path: Path) -> "Normalization":
        """Read normalization.fst."""
        raise NotImplementedError


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

    `segments` are ALL phones of the utterance in 10 ms frames, SIL included, without gaps. A phone
    may begin `left_tolerance` input frames early and end `right_tolerance` late. Deterministic.
    Raises InputError if the phones do not fit.
    """
    raise NotImplementedError


def normalize(
    graphs: Sequence[NumeratorGraph], normalization: Normalization
) -> list[NumeratorGraph]:
    """Compose each acceptor with the normalization graph: numerator <= denominator from then on."""
    raise NotImplementedError


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
