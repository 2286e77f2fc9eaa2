"""Batches of pooled phone vectors, or of their frames, for the scoring module."""

import numpy as np
import torch

from pyscorer.contract.pooled import PooledSet, places_within, select
from pyscorer.pronunciation.frame_table import FrameTable
from pyscorer.pronunciation.module import Batch


class Batches:
    """Makes batches of any utterances of a PooledSet, their features normalised as they are taken.

    With `frames` the features of `pooled` are the numbers of its phones there, and the batches are
    of frames.
    """

    def __init__(
        self,
        pooled: PooledSet,
        mean: np.ndarray,
        deviation: np.ndarray,
        frames: FrameTable | None = None,
    ) -> None:
        self.pooled, self.frames = pooled, frames
        self.normal = mean, deviation

    def take(self, utterances: np.ndarray, dropped: np.ndarray | None = None) -> Batch:
        """The batch of the utterances at these indices; `dropped` as in `pooled.select`."""
        s = select(self.pooled, utterances, dropped)
        phone = share = None
        if self.frames is None:
            low, spread = self.normal
            features = torch.from_numpy((self.pooled.features[s.phones] - low) / spread)
        else:
            values, phone, share = self.frames.take(self.pooled.features[s.phones, 0])
            mean, deviation = map(torch.from_numpy, self.normal)
            features = (values - mean) / deviation
        return Batch(
            features,
            torch.from_numpy(self.pooled.phones[s.phones]),
            torch.from_numpy(s.word_of_phone),
            torch.from_numpy(pairs(np.bincount(s.word_of_phone))),
            torch.from_numpy(s.utterance_of_word),
            torch.from_numpy(pairs(np.bincount(s.utterance_of_word))),
            phone,
            share,
        )


def pairs(sizes: np.ndarray) -> np.ndarray:
    """Pairs of items of the same group, of groups of these sizes that follow each other: 2 x P."""
    partners = np.repeat(sizes, sizes)
    looking = np.repeat(np.arange(len(partners)), partners)
    group_start = np.repeat(np.repeat(np.cumsum(sizes) - sizes, sizes), partners)
    return np.stack([looking, group_start + places_within(partners)])
