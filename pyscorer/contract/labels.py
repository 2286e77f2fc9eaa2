"""Human scores of utterances, words and phones, on the units of an alignment."""

import logging
from dataclasses import dataclass
from pathlib import Path

import kaldialign
import numpy as np
import pandas as pd

from pyscorer.contract.datadir import UTTERANCE_ASPECTS, WORD_ASPECTS, read_labels
from pyscorer.contract.files import read_table
from pyscorer.contract.pooled import PHONE_NAMES, PooledSet
from pyscorer.errors import InputError

_GAP = "*"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labels:
    """Human scores in their own units, NaN where there is none, and who spoke."""

    utterances: np.ndarray
    """Utterances x UTTERANCE_ASPECTS, 0..10."""
    raters: np.ndarray
    """Utterances x UTTERANCE_ASPECTS: mean over the experts, 0..10; NaN where not published."""
    words: np.ndarray
    """Words x WORD_ASPECTS, 0..10."""
    phones: np.ndarray
    """Accuracy of each aligned phone, 0..2."""
    speakers: np.ndarray
    """Of each utterance."""

    @property
    def overall(self) -> np.ndarray:
        """Of each utterance the total, or without one the mean of its other aspects; 0..10.

        What has no score at all counts as the mean of the others.
        """
        known = ~np.isnan(self.utterances)
        sums, counts = np.where(known, self.utterances, 0).sum(axis=1), known.sum(axis=1)
        middle = sums.sum() / max(counts.sum(), 1)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), middle)
        at = UTTERANCE_ASPECTS.index("total")
        return np.where(known[:, at], self.utterances[:, at], means)

    def unscored(self) -> list[str]:
        """What nobody gave a score of, as `fluency` or `word stress`."""
        levels = {"": self.utterances, "word ": self.words, "phone ": self.phones[:, None]}
        aspects = (UTTERANCE_ASPECTS, WORD_ASPECTS, ["accuracy"])
        return [
            name + aspect
            for (name, values), own in zip(levels.items(), aspects, strict=True)
            for aspect, column in zip(own, values.T, strict=True)
            if np.isnan(column).all()
        ]


def carry_over(
    canonical: list[str], scores: list[float], aligned: list[str], nothing: float = np.nan
) -> list[float]:
    """The `scores` of the canonical phones of a word, on the phones that it was aligned with.

    Along the cheapest edits: a substituted phone has the score of the one it stands for, an
    inserted one `nothing`.
    """
    if canonical == aligned:
        return scores
    given = iter(scores)
    carried = []
    for wanted, found in kaldialign.align(canonical, aligned, _GAP):
        score = next(given) if wanted != _GAP else nothing
        if found != _GAP:
            carried.append(score)
    return carried


def word_starts(pooled: PooledSet) -> np.ndarray:
    """Row of the first phone of each word of all utterances, in order."""
    return np.flatnonzero(pooled.phone_index == 0)


def read_grades(data: Path, pooled: PooledSet) -> Labels:
    """The scores of the utterances of `pooled`, NaN where nobody gave one.

    Without a table of words or of phones all of theirs are NaN; the log names what nobody scored.
    Raises InputError for an utterance or a word that its table lacks, and if there are no scores.
    """
    keys = pooled.keys
    speakers = read_table(data / "utt2spk")
    table = read_labels(data, "utterance").set_index("utterance")
    lacking = [key for key in keys if key not in table.index or key not in speakers]
    if lacking:
        raise InputError(f"{data}: no scores or no speaker of utterance {lacking[0]}")
    utterances = table.loc[keys, UTTERANCE_ASPECTS].to_numpy(dtype=np.float32)
    raters = np.full_like(utterances, np.nan)
    if (data / "rater_scores.csv").exists():
        means = read_labels(data, "rater").groupby("utterance")[UTTERANCE_ASPECTS].mean()
        raters = means.reindex(keys).to_numpy(dtype=np.float32)
    labels = Labels(
        utterances,
        raters,
        _word_scores(data, pooled),
        _phone_scores(data, pooled),
        np.array([speakers[key] for key in keys]),
    )
    if unscored := labels.unscored():
        log.warning("%s: not scored by anyone, so left out: %s", data, ", ".join(unscored))
    if all(np.isnan(level).all() for level in (utterances, labels.words, labels.phones)):
        raise InputError(f"{data}: no utterance, word or phone has a score: nothing to learn from")
    return labels


def _word_scores(data: Path, pooled: PooledSet) -> np.ndarray:
    if not (data / "word_scores.csv").exists():
        return np.full((len(word_starts(pooled)), len(WORD_ASPECTS)), np.nan, dtype=np.float32)
    table = read_labels(data, "word").set_index(["utterance", "word_index"])[WORD_ASPECTS]
    names = np.repeat(pooled.keys, pooled.word_counts)
    starts = word_starts(pooled)
    index = pd.MultiIndex.from_arrays([names, pooled.word_index[starts]])
    if not index.isin(table.index).all():
        key, word = index[~index.isin(table.index)][0]
        raise InputError(f"{data}/word_scores.csv: no scores of word {word} of utterance {key}")
    return table.loc[index].to_numpy(dtype=np.float32)


def _phone_scores(data: Path, pooled: PooledSet) -> np.ndarray:
    carried = np.full(len(pooled.phones), np.nan, dtype=np.float32)
    if not (data / "phone_scores.csv").exists():
        return carried
    known: dict[tuple[str, int], tuple[list[str], list[float]]] = {}
    table = read_labels(data, "phone").sort_values(["utterance", "word_index", "phone_index"])
    columns = [table[name] for name in ("utterance", "word_index", "phone", "accuracy")]
    for key, word, phone, score in zip(*columns, strict=True):
        phones, scores = known.setdefault((key, word), ([], []))
        phones.append(phone)
        scores.append(score)
    starts = word_starts(pooled)
    ends = np.append(starts[1:], len(pooled.phones))
    names = np.repeat(pooled.keys, pooled.word_counts)
    for key, start, end in zip(names, starts, ends, strict=True):
        place = (str(key), int(pooled.word_index[start]))
        if place in known:
            aligned = [PHONE_NAMES[p] for p in pooled.phones[start:end]]
            carried[start:end] = carry_over(*known[place], aligned)
    return carried
