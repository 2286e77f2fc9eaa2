"""Bags of words: prompt and response as two concatenated count or TF-IDF vectors."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def choose_vocabulary(texts: Iterable[Sequence[str]], size: int) -> list[str]:
    """The `size` most frequent words, ties in alphabetical order; fewer if the text has fewer."""
    counts = Counter(word for text in texts for word in text)
    return sorted(counts, key=lambda w: (-counts[w], w))[:size]


def bags(texts: Iterable[Sequence[str]], vocabulary: Sequence[str]) -> NDArray[np.float32]:
    """Counts of vocabulary words: texts x vocabulary; other words are left out."""
    index = {word: i for i, word in enumerate(vocabulary)}
    rows = []
    for text in texts:
        row = np.zeros(len(vocabulary), np.float32)
        for word in text:
            if word in index:
                row[index[word]] += 1
        rows.append(row)
    return np.stack(rows)


def inverse_document_frequency(counts: NDArray, weights: NDArray) -> NDArray[np.float32]:
    """log((1 + n) / (1 + n_w)) + 1 of every word, n_w weighted texts of n having it."""
    having = weights @ (counts > 0)
    idf: NDArray[np.float32] = (np.log((1 + weights.sum()) / (1 + having)) + 1).astype(np.float32)
    return idf


def tfidf(counts: NDArray, idf: NDArray) -> NDArray[np.float32]:
    """Counts times idf, each row scaled to length 1 (an empty text stays 0)."""
    values = counts * idf
    length = np.linalg.norm(values, axis=1, keepdims=True)
    scaled: NDArray[np.float32] = (values / np.maximum(length, 1e-12)).astype(np.float32)
    return scaled
