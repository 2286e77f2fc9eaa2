"""Frames of deep features by phone, for a scoring module that transforms frames, not means."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pyscorer.contract.archives import Matrices
from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.large import gathered, joined
from pyscorer.contract.pooled import PooledSet, places_within, read_segment_table
from pyscorer.contract.segments import check_keys, read_frame_shift


@dataclass(frozen=True)
class Covered:
    """Rows that phones cover, of each phone one after the other."""

    phone: np.ndarray
    """Index of the phone."""
    row: np.ndarray
    """From the first row of the phone's utterance."""
    weight: np.ndarray
    """Share of the phone that the row covers, float32; they sum to 1 over a phone."""


@dataclass(frozen=True)
class Spans:
    """When phones begin and end, in rows of their utterance's matrix, as real numbers.

    As in segments.segment_means, a row stands for one frame shift of time with its 10 ms frame in
    the middle.
    """

    start: np.ndarray
    end: np.ndarray

    def covered(self, phones: np.ndarray) -> Covered:
        """The rows of the `phones` (indices)."""
        start, end = self.start[phones], self.end[phones]
        first = np.floor(start).astype(np.int64)
        counts = np.ceil(end).astype(np.int64) - first
        phone = np.repeat(np.arange(len(phones)), counts)
        row = first[phone] + places_within(counts)
        overlap = np.minimum(row + 1, end[phone]) - np.maximum(row, start[phone])
        return Covered(phone, row, (overlap / (end - start)[phone]).astype(np.float32))


def read_spans(pool: Path, every: float) -> Spans:
    """Spans of the phones of a pooled directory in matrices with a row `every` 10 ms frames."""
    table = read_segment_table(pool)
    start = table["start"].to_numpy() + (every - 1) / 2
    return Spans(start / every, (start + table["length"].to_numpy()) / every)


def join_spans(parts: list[Spans]) -> Spans:
    """The phones of all `parts`, one part after the other."""
    return Spans(*(np.concatenate([getattr(part, n) for part in parts]) for n in ("start", "end")))


@dataclass(frozen=True)
class FrameTable:
    """Frames of several utterances, and which of them each phone of these covers."""

    values: Tensor
    """Frames x inputs."""
    spans: Spans
    base: np.ndarray
    """Row of `values` that is the first of the phone's utterance."""
    last: np.ndarray
    """Last row of the phone's utterance, counted from its first."""

    def take(self, phones: np.ndarray) -> tuple[Tensor, Tensor, Tensor]:
        """Frames of the `phones` (indices): R x inputs, their phone (into `phones`), its share.

        Past the end of an utterance its last row is taken again.
        """
        covered = self.spans.covered(phones)
        owner = phones[covered.phone]
        rows = self.base[owner] + np.minimum(covered.row, self.last[owner])
        return (
            self.values[torch.from_numpy(rows)],
            torch.from_numpy(covered.phone),
            torch.from_numpy(covered.weight),
        )


def read_frames(pool: Path, pooled: PooledSet, frames: Path) -> FrameTable:
    """The frames of the phones of `pooled`, which `pool` holds, from the directory `frames`.

    `frames` is a directory of the stage export: embed.scp and frame_shift. Frames of silence at
    both ends are left out. Raises InputError if it lacks an utterance.
    """
    matrices = Matrices(frames / "embed.scp")
    check_keys(frames / "embed.scp", matrices, pooled.keys, pool, "export")
    spans = read_spans(pool, round(read_frame_shift(frames) / FRAME_SHIFT, 6))
    counts = pooled.phone_counts
    firsts = np.cumsum(counts) - counts
    base, last = np.zeros(len(spans.start), np.int64), np.zeros(len(spans.start), np.int64)

    def parts() -> Iterator[np.ndarray]:
        total = 0
        for key, first, count in zip(pooled.keys, firsts, counts, strict=True):
            matrix, mine = matrices[key], slice(first, first + count)
            begin = min(int(spans.start[mine].min()), len(matrix) - 1)
            part = matrix[begin : int(np.ceil(spans.end[mine].max()))]
            base[mine], last[mine] = total - begin, begin + len(part) - 1
            total += len(part)
            yield part

    return FrameTable(torch.from_numpy(gathered(parts())), spans, base, last)


def numbered(pooled: PooledSet, first: int = 0) -> PooledSet:
    """`pooled` with the number of each phone, from `first` on, in place of its features: N x 1."""
    return replace(pooled, features=np.arange(first, first + len(pooled.phones))[:, None])


def join_frames(tables: list[FrameTable]) -> FrameTable:
    """The phones of all `tables`, one table after the other."""
    if len(tables) == 1:
        return tables[0]
    offsets = np.cumsum([0, *(len(table.values) for table in tables[:-1])])
    return FrameTable(
        torch.from_numpy(joined([table.values.numpy() for table in tables])),
        join_spans([table.spans for table in tables]),
        np.concatenate([t.base + offset for t, offset in zip(tables, offsets, strict=True)]),
        np.concatenate([table.last for table in tables]),
    )
