"""A recogniser's view of the words, as a measure of their phones and from the stage's tables."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.labels import word_starts
from pyscorer.contract.pooled import PooledSet
from pyscorer.contract.recording import Recording
from pyscorer.contract.tables import read_frame
from pyscorer.errors import InputError

_OF_WORD = ("log_probability", "tokens", "least", "margin", "heard")
VIEW_OF_WORD = (*_OF_WORD, "log_probability_a_token")
"""Fields of WordView, and the first of them a token: the same for all phones of a word."""
VIEW_OF_UTTERANCE = (
    *("wer", "hypothesis_log_probability", "prompt_log_probability", "difference"),
)
"""Fields of RecordingView: the same for all phones of an utterance."""


@dataclass(frozen=True)
class RecogniserView:
    """A measure: what the recogniser says of a phone's word and utterance."""

    name: str = "recogniser"
    columns: tuple[str, ...] = (*VIEW_OF_WORD, *VIEW_OF_UTTERANCE)

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x columns, float32. Raises InputError for a recording that was not viewed."""
        view = recording.view
        if view is None:
            raise InputError(f"utterance {recording.key}: no recogniser's view, which is read")
        words = np.array([[float(getattr(w, name)) for name in _OF_WORD] for w in view.words])
        whole = np.array([[getattr(view, name) for name in VIEW_OF_UTTERANCE]])
        word = np.array([s.word_index for s in recording.segments])
        return _per_phone(words[word], whole.repeat(len(word), axis=0))


def _per_phone(words: np.ndarray, utterances: np.ndarray) -> np.ndarray:
    each = words[:, 0] / np.maximum(words[:, 1], 1)
    return np.column_stack([words, each, utterances]).astype(np.float32)


def read_view_columns(view: Path, pooled: PooledSet) -> np.ndarray:
    """What `RecogniserView` says of the phones of `pooled`, from the tables of recogniser_view.

    Raises InputError naming an utterance that the tables lack.
    """
    columns = ["utterance", "word_index", *_OF_WORD]
    words = read_frame(view / "words.csv", columns, text=["utterance"])
    table = words.set_index(["utterance", "word_index"])
    names = np.repeat(pooled.keys, pooled.word_counts)
    index = pd.MultiIndex.from_arrays([names, pooled.word_index[word_starts(pooled)]])
    columns = ["utterance", *VIEW_OF_UTTERANCE]
    whole = read_frame(view / "utterances.csv", columns, text=["utterance", "hypothesis"])
    whole = whole.set_index("utterance")
    missing = [key for key in pooled.keys if key not in whole.index]
    if missing or not index.isin(table.index).all():
        where = missing[0] if missing else index[~index.isin(table.index)][0][0]
        raise InputError(f"{view}: utterance {where} is missing; run recogniser_view again")
    starts = word_starts(pooled)
    of_word = np.diff(np.append(starts, len(pooled.phones)))
    return _per_phone(
        table.loc[index, list(_OF_WORD)].to_numpy(dtype=float).repeat(of_word, axis=0),
        whole.loc[pooled.keys, list(VIEW_OF_UTTERANCE)]
        .to_numpy(dtype=float)
        .repeat(pooled.phone_counts, axis=0),
    )
