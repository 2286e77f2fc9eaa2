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
        first_word = np.cumsum(words) - words
        word = p.word_index[rows] + np.repeat(first_word, counts)
        place = np.arange(words.sum()) - np.repeat(first_word, words)
        return Batch(
            self.features[torch.from_numpy(rows)],
            torch.from_numpy(p.phones[rows]),
            torch.from_numpy(word),
            torch.from_numpy(p.phone_index[rows]),
            torch.from_numpy(np.repeat(np.arange(len(utterances)), words)),
            torch.from_numpy(place),
        )
