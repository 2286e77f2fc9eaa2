"""Batches of pooled phone vectors for the scoring module."""

import numpy as np
import torch

from pyscorer.contract.pooled import PooledSet, places_within, select
from pyscorer.pronunciation.module import Batch


class Batches:
    """Makes batches of any utterances of a PooledSet, its features normalised once."""

    def __init__(self, pooled: PooledSet, mean: np.ndarray, deviation: np.ndarray) -> None:
        self.pooled = pooled
        self.features = torch.from_numpy((pooled.features - mean) / deviation)

    def take(self, utterances: np.ndarray, dropped: np.ndarray | None = None) -> Batch:
        """The batch of the utterances at these indices; `dropped` as in `pooled.select`."""
        s = select(self.pooled, utterances, dropped)
        return Batch(
            self.features[torch.from_numpy(s.phones)],
            torch.from_numpy(self.pooled.phones[s.phones]),
            torch.from_numpy(s.word_of_phone),
            torch.from_numpy(pairs(np.bincount(s.word_of_phone))),
            torch.from_numpy(s.utterance_of_word),
            torch.from_numpy(pairs(np.bincount(s.utterance_of_word))),
        )


def pairs(sizes: np.ndarray) -> np.ndarray:
    """Pairs of items of the same group, of groups of these sizes that follow each other: 2 x P."""
    partners = np.repeat(sizes, sizes)
    looking = np.repeat(np.arange(len(partners)), partners)
    group_start = np.repeat(np.repeat(np.cumsum(sizes) - sizes, sizes), partners)
    return np.stack([looking, group_start + places_within(partners)])
