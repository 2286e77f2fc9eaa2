"""Batches of pooled phone vectors for the scoring module."""

import numpy as np
import torch

from pyscorer.pooled import PooledSet
from pyscorer.pronunciation.module import Batch


class Batches:
    """Makes batches of any utterances of a PooledSet, its features normalised once."""

    def __init__(self, pooled: PooledSet, mean: np.ndarray, deviation: np.ndarray) -> None:
        self.pooled = pooled
        self.features = torch.from_numpy((pooled.features - mean) / deviation)
        self.starts = np.concatenate([[0], np.cumsum(pooled.phone_counts)])

    def take(self, utterances: np.ndarray) -> Batch:
        """The batch of the utterances at these indices."""
        p = self.pooled
        counts, words = p.phone_counts[utterances], p.word_counts[utterances]
        # Rows of the phones: each utterance's start, plus 0, 1, 2, ... within it.
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.repeat(self.starts[utterances], counts) + within
        word = p.word_index[rows] + np.repeat(np.cumsum(words) - words, counts)
        return Batch(
            self.features[torch.from_numpy(rows)],
            torch.from_numpy(p.phones[rows]),
            torch.from_numpy(word),
            torch.from_numpy(pairs(np.bincount(word))),
            torch.from_numpy(np.repeat(np.arange(len(utterances)), words)),
            torch.from_numpy(pairs(words)),
        )


def pairs(sizes: np.ndarray) -> np.ndarray:
    """Pairs of items of the same group, of groups of these sizes that follow each other: 2 x P."""
    partners = np.repeat(sizes, sizes)
    looking = np.repeat(np.arange(len(partners)), partners)
    group_start = np.repeat(np.repeat(np.cumsum(sizes) - sizes, sizes), partners)
    within = np.arange(len(looking)) - np.repeat(np.cumsum(partners) - partners, partners)
    return np.stack([looking, group_start + within])
