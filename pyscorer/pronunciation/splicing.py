"""Spliced utterances: words of a speaker's recordings in new company, as more unlabelled speech."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.large import taken
from pyscorer.contract.pooled import PooledSet, places_within, ranges
from pyscorer.contract.tables import read_frame, write_csv
from pyscorer.errors import InputError
from pyscorer.scoring.statistics import utterance_of_phone

_COLUMNS = ["utterance", "source", "word_index"]


@dataclass(frozen=True)
class Splices:
    """Made-up utterances, each a sequence of words that were recorded elsewhere."""

    keys: list[str]
    counts: np.ndarray
    """Words of each."""
    names: Sequence[str]
    """Utterances that words are of."""
    sources: np.ndarray
    """Index into `names` of each word, flat."""
    words: np.ndarray
    """The word's index there, flat."""


def draw_splices(pooled: PooledSet, speakers: np.ndarray, each: int) -> Splices:
    """Make up `each` utterances of every utterance of `pooled`, of its speaker's words.

    A made-up utterance has as many words as the one that it is named after, drawn without
    replacement from all words of the speaker (`speakers`: of each utterance).
    """
    generator = np.random.default_rng(each)
    utterance = np.repeat(np.arange(len(pooled.keys)), pooled.word_counts)
    word = places_within(pooled.word_counts)
    of_speaker = {s: np.flatnonzero(speakers[utterance] == s) for s in np.unique(speakers)}
    keys: list[str] = []
    drawn: list[np.ndarray] = []
    for copy in range(each):
        for key, speaker, count in zip(pooled.keys, speakers, pooled.word_counts, strict=True):
            keys.append(f"splice{copy}-{key}")
            drawn.append(generator.choice(of_speaker[speaker], count, replace=False))
    flat = np.concatenate(drawn) if drawn else np.zeros(0, dtype=np.int64)
    counts = np.tile(pooled.word_counts, each)
    return Splices(keys, counts, pooled.keys, utterance[flat], word[flat])


def splice(pooled: PooledSet, splices: Splices) -> PooledSet:
    """The made-up utterances, each phone as it is in `pooled`.

    Raises InputError for a word that `pooled` does not have.
    """
    place = {key: i for i, key in enumerate(pooled.keys)}
    source = np.array([place.get(key, -1) for key in splices.names], np.int64)[splices.sources]
    strange = (source < 0) | (splices.words >= pooled.word_counts[source])
    if strange.any():
        at = np.flatnonzero(strange)[0]
        raise InputError(
            f"splices: no word {splices.words[at]} of utterance "
            f"{splices.names[splices.sources[at]]}; run synthetic_scores on the same data"
        )
    first = np.cumsum(pooled.word_counts) - pooled.word_counts
    utterance = utterance_of_phone(pooled)
    lengths = np.bincount(first[utterance] + pooled.word_index, minlength=pooled.word_counts.sum())
    starts = np.cumsum(lengths) - lengths
    chosen = first[source] + splices.words
    counts = lengths[chosen]
    rows = ranges(starts[chosen], counts)
    made_up = np.repeat(np.arange(len(splices.keys)), splices.counts)
    word = places_within(splices.counts)
    return PooledSet(
        splices.keys,
        taken(pooled.features, rows),
        taken(pooled.phones, rows),
        np.repeat(word, counts),
        taken(pooled.phone_index, rows),
        np.bincount(made_up, weights=counts, minlength=len(splices.keys)).astype(np.int64),
        splices.counts,
    )


def write_splices(path: Path, splices: Splices) -> None:
    """Write a CSV table with a row a word: utterance, source, word_index."""
    keys = np.repeat(splices.keys, splices.counts)
    sources = (splices.names[source] for source in splices.sources)
    write_csv(path, _COLUMNS, zip(keys, sources, splices.words, strict=True))


def read_splices(path: Path) -> Splices:
    """Read what `write_splices` wrote. Raises InputError if it is missing or malformed."""
    if not path.exists():
        raise InputError(f"{path}: no such file; run synthetic_scores with --splices")
    table = read_frame(path, _COLUMNS, text=["utterance", "source"])
    made_up, keys = pd.factorize(table["utterance"])
    sources, names = pd.factorize(table["source"])
    words = table["word_index"].to_numpy()
    return Splices(list(keys), np.bincount(made_up), list(names), sources, words)
