"""What the numerator of LF-MMI may say: the aligned phones of a chunk, within a tolerance."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pyscorer.acoustic.tree import ContextTree
from pyscorer.alignment import Segment


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
    """Numerator graphs of a minibatch, joined: states and arcs numbered through."""

    sequences: int
    frames: int

    def to(self, device: torch.device | str) -> "NumeratorBatch":
        """The same batch on another device."""
        raise NotImplementedError


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
    raise NotImplementedError
