"""Deep features of phones, or of their frames, from activations: what enters trained layers."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pyscorer.chain.acoustic_model import SUBSAMPLING
from pyscorer.contract.archives import Matrices
from pyscorer.contract.large import gathered
from pyscorer.contract.pooled import PooledSet
from pyscorer.errors import InputError
from pyscorer.pronunciation.activations import UpperLayers
from pyscorer.pronunciation.frame_table import FrameTable, join_spans, numbered, read_spans
from pyscorer.pronunciation.module_batches import Batches

_UTTERANCES = 64
"""That are run through the layers at a time, where nothing is trained."""


class FramePool:
    """The deep features of the phones of `pooled`, by way of layers that may be trained.

    `lower` is a directory of the stage activations, made for layers like those that are given
    later. With `by_frame` features are of frames (`frame_norm`), otherwise means over phones.
    `more` are further pairs of `pool` and `lower`, whose utterances follow in `pooled`.
    """

    def __init__(
        self,
        pool: Path,
        lower: Path,
        pooled: PooledSet,
        width: int,
        by_frame: bool = False,
        more: Sequence[tuple[Path, Path]] = (),
    ) -> None:
        self.pooled, self.by_frame = pooled, by_frame
        places = [(pool, lower), *more]
        self._spans = join_spans([read_spans(own, SUBSAMPLING) for own, _ in places])
        self._first = np.cumsum(pooled.phone_counts) - pooled.phone_counts
        entering = [Matrices(own / "lower.scp") for _, own in places]
        self._lower = {key: matrices for matrices in entering for key in matrices}
        missing = [key for key in pooled.keys if key not in self._lower]
        if missing:
            raise InputError(
                f"{' or '.join(str(m.scp) for m in entering)}: no utterance {missing[0]} "
                f"({len(missing)} missing); run activations on the same data"
            )
        for matrices in entering:
            found = matrices[next(iter(matrices))].shape[1]
            if found != width:
                raise InputError(
                    f"{matrices.scp}: {found} columns, but the layers take {width}; run "
                    "activations with the same --upper"
                )

    def _run(
        self, layers: UpperLayers, utterances: np.ndarray, phones: np.ndarray
    ) -> tuple[Tensor, np.ndarray, np.ndarray]:
        """What enters `prefinal-l`; for each phone, the row there of its utterance's first frame,
        and its utterance's last frame.

        The utterances stand one after the other as one sequence; rows that would mix two of them
        are not read.
        """
        keys = [self.pooled.keys[u] for u in utterances]
        matrices = [self._lower[key][key] for key in keys]
        place = np.full(len(self.pooled.keys), -1)
        place[utterances] = np.arange(len(utterances))
        mine = place[np.searchsorted(self._first, phones, side="right") - 1]
        lengths = np.array([len(matrix) for matrix in matrices])
        first, last = np.zeros_like(lengths), (lengths - layers.context) // layers.stride - 1
        if layers.whole:  # all layers: what is silent before and after the phones is left out
            first = last.copy()
            np.minimum.at(first, mine, np.floor(self._spans.start[phones]).astype(np.int64))
            end = np.zeros_like(last)
            np.maximum.at(end, mine, np.ceil(self._spans.end[phones]).astype(np.int64) - 1)
            last = np.minimum(last, end)
            begin, lengths = first * layers.stride, (last + 1 - first) * layers.stride
            lengths += layers.context
            matrices = [m[b : b + n] for m, b, n in zip(matrices, begin, lengths, strict=True)]
        frames = layers.frames(torch.from_numpy(np.concatenate(matrices)))
        offset = (np.cumsum(lengths) - lengths) // layers.stride - first
        return frames, offset[mine], last[mine]

    def features(
        self, layers: UpperLayers, utterances: np.ndarray, phones: np.ndarray
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Deep features of the `phones` (indices, ascending by place of their utterance).

        N x 256, differentiable; with `by_frame`, as FrameTable.take gives them. A mean over frames
        is taken before `prefinal-l`, which is linear.
        """
        frames, offset, last = self._run(layers, utterances, phones)
        covered = self._spans.covered(phones)
        index = torch.from_numpy(
            offset[covered.phone] + np.minimum(covered.row, last[covered.phone])
        )
        phone, weight = torch.from_numpy(covered.phone), torch.from_numpy(covered.weight)
        if self.by_frame:
            return layers.prefinal_l(frames)[index], phone, weight
        means = frames.new_zeros(len(phones), frames.shape[1]).index_add(
            0, phone, weight[:, None] * frames[index]
        )
        return layers.prefinal_l(means), None, None

    def _pieces(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """All utterances, some at a time, and all their phones."""
        number = len(self.pooled.keys)
        ends = self._first + self.pooled.phone_counts
        parts = np.array_split(np.arange(number), -(-number // _UTTERANCES))
        return [(part, np.arange(self._first[part[0]], ends[part[-1]])) for part in parts]

    def means(self, layers: UpperLayers) -> np.ndarray:
        """Deep features of all phones of all utterances: means, if not `by_frame`."""
        with torch.no_grad():
            return gathered(self.features(layers, *p)[0].numpy() for p in self._pieces())

    def table(self, layers: UpperLayers) -> FrameTable:
        """Deep features of all frames of all utterances."""
        base: list[np.ndarray] = []
        last: list[np.ndarray] = []

        def parts() -> Iterator[np.ndarray]:
            total = 0
            for piece in self._pieces():
                frames, offset, ends = self._run(layers, *piece)
                base.append(offset + total)
                last.append(ends)
                total += len(frames)
                yield layers.prefinal_l(frames).numpy()

        with torch.no_grad():
            values = torch.from_numpy(gathered(parts()))
        return FrameTable(values, self._spans, np.concatenate(base), np.concatenate(last))

    def batches(self, layers: UpperLayers, mean: np.ndarray, deviation: np.ndarray) -> Batches:
        """Batches of all utterances, as the layers are now."""
        if self.by_frame:
            return Batches(numbered(self.pooled), mean, deviation, self.table(layers))
        moved = replace(self.pooled, features=self.means(layers))
        return Batches(moved, mean, deviation)
