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

    def take(self, utterances: np.ndarray, dropped: np.ndarray | None = None) -> Batch:
        """The batch of the utterances at these indices.

        `dropped` marks words to leave out, of all words of these utterances in order; an utterance
        keeps at least one word, its first if all are marked.
        """
        p = self.pooled
        counts, words = p.phone_counts[utterances], p.word_counts[utterances]
        # Rows of the phones: each utterance's start, plus 0, 1, 2, ... within it.
        within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
        rows = np.repeat(self.starts[utterances], counts) + within
        word = p.word_index[rows] + np.repeat(np.cumsum(words) - words, counts)
        utterance = np.repeat(np.arange(len(utterances)), words)
        if dropped is not None:
            kept = ~dropped
            empty = np.bincount(utterance[kept], minlength=len(words)) == 0
            kept[(np.cumsum(words) - words)[empty]] = True
            present = kept[word]
            rows, word = rows[present], (np.cumsum(kept) - 1)[word[present]]
            utterance = utterance[kept]
        return Batch(
            self.features[torch.from_numpy(rows)],
            torch.from_numpy(p.phones[rows]),
            torch.from_numpy(word),
            torch.from_numpy(pairs(np.bincount(word))),
            torch.from_numpy(utterance),
            torch.from_numpy(pairs(np.bincount(utterance))),
        )


def pairs(sizes: np.ndarray) -> np.ndarray:
    """Pairs of items of the same group, of groups of these sizes that follow each other: 2 x P."""
    partners = np.repeat(sizes, sizes)
    looking = np.repeat(np.arange(len(partners)), partners)
    group_start = np.repeat(np.repeat(np.cumsum(sizes) - sizes, sizes), partners)
    within = np.arange(len(looking)) - np.repeat(np.cumsum(partners) - partners, partners)
    return np.stack([looking, group_start + within])
