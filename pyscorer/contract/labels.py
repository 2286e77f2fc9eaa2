"""Human scores of utterances, words and phones, on the units of an alignment."""

import logging
from dataclasses import dataclass, field
from pathlib import Path

import kaldialign
import numpy as np
import pandas as pd

from pyscorer.contract.datadir import read_labels
from pyscorer.contract.files import read_table
from pyscorer.contract.pooled import PHONE_NAMES, PooledSet
from pyscorer.contract.scales import LEVELS, Scales, read_scales
from pyscorer.errors import InputError

_GAP = "*"

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labels:
    """Human scores in their own units, NaN where there is none, and who spoke."""

    utterances: np.ndarray
    """Utterances x aspects of `scales`."""
    raters: np.ndarray
    """Utterances x aspects: mean over the experts; NaN where not published."""
    words: np.ndarray
    """Words x aspects."""
    phones: np.ndarray
    """Score of each aligned phone."""
    speakers: np.ndarray
    """Of each utterance."""
    scales: Scales
    ratings: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 0), dtype=np.float32))
    """Utterances x experts x aspects, NaN where one gave none; empty where none is published."""

    @property
    def overall(self) -> np.ndarray:
        """Of each utterance the score that stands for all (see `Scales.overall_scores`).

        What has no score at all counts as the mean of the others.
        """
        found = self.scales.overall_scores("utterance", self.utterances)
        known = ~np.isnan(found)
        return np.where(known, found, found[known].mean() if known.any() else 0.0)

    def unscored(self) -> list[str]:
        """What nobody gave a score of, as `fluency` or `word stress`."""
        levels = (self.utterances, self.words, self.phones[:, None])
        return [
            aspect if level == "utterance" else f"{level} {aspect}"
            for level, values in zip(LEVELS, levels, strict=True)
            for aspect, column in zip(self.scales.level(level), values.T, strict=False)
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

    Without the table of a level all of its scores are NaN; the log names what nobody scored.
    Raises InputError for an utterance or a word that its table lacks, and if there are no scores.
    """
    keys, scales = pooled.keys, read_scales(data)
    speakers = read_table(data / "utt2spk")
    if lacking := [key for key in keys if key not in speakers]:
        raise InputError(f"{data}: no speaker of utterance {lacking[0]}")
    utterances, raters, ratings = _utterance_scores(data, keys, list(scales.utterance))
    labels = Labels(
        utterances,
        raters,
        _word_scores(data, pooled, list(scales.word)),
        _phone_scores(data, pooled, scales.phone_aspect),
        np.array([speakers[key] for key in keys]),
        scales,
        ratings,
    )
    if unscored := labels.unscored():
        log.warning("%s: not scored by anyone, so left out: %s", data, ", ".join(unscored))
    if all(np.isnan(level).all() for level in (utterances, labels.words, labels.phones)):
        raise InputError(f"{data}: no utterance, word or phone has a score: nothing to learn from")
    return labels


def _utterance_scores(
    data: Path, keys: list[str], aspects: list[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The published scores, the experts' means, each utterances x aspects, and all ratings."""
    utterances = np.full((len(keys), len(aspects)), np.nan, dtype=np.float32)
    raters, ratings = utterances, np.zeros((0, 0, 0), dtype=np.float32)
    if (data / "utterance_scores.csv").exists():
        table = read_labels(data, "utterance").set_index("utterance")
        if lacking := [key for key in keys if key not in table.index]:
            raise InputError(f"{data}: no scores of utterance {lacking[0]}")
        utterances = table.loc[keys, aspects].to_numpy(dtype=np.float32)
    if (data / "rater_scores.csv").exists():
        given = read_labels(data, "rater")
        means = given.groupby("utterance")[aspects].mean()
        raters = means.reindex(keys).to_numpy(dtype=np.float32)
        ratings = _ratings(given, keys, aspects)
    return utterances, raters, ratings


def _ratings(given: pd.DataFrame, keys: list[str], aspects: list[str]) -> np.ndarray:
    """Utterances x experts x aspects of a table of ratings."""
    experts = sorted(given["rater"].unique())
    table = given.drop_duplicates(["utterance", "rater"]).set_index(["utterance", "rater"])
    wanted = pd.MultiIndex.from_product([keys, experts])
    values = table[aspects].reindex(wanted).to_numpy(dtype=np.float32)
    return values.reshape(len(keys), len(experts), len(aspects))


def _words_of(pooled: PooledSet) -> pd.MultiIndex:
    """Utterance and index of every word."""
    names = np.repeat(np.array(pooled.keys, object), pooled.word_counts)
    return pd.MultiIndex.from_arrays([names, pooled.word_index[word_starts(pooled)]])


def _word_scores(data: Path, pooled: PooledSet, aspects: list[str]) -> np.ndarray:
    if not (aspects and (data / "word_scores.csv").exists()):
        return np.full((len(word_starts(pooled)), len(aspects)), np.nan, dtype=np.float32)
    table = read_labels(data, "word").set_index(["utterance", "word_index"])[aspects]
    index = _words_of(pooled)
    if not index.isin(table.index).all():
        key, word = index[~index.isin(table.index)][0]
        raise InputError(f"{data}/word_scores.csv: no scores of word {word} of utterance {key}")
    return table.loc[index].to_numpy(dtype=np.float32)


def _phone_scores(data: Path, pooled: PooledSet, aspect: str | None) -> np.ndarray:
    carried = np.full(len(pooled.phones), np.nan, dtype=np.float32)
    if aspect is None or not (data / "phone_scores.csv").exists():
        return carried
    table = read_labels(data, "phone").sort_values(["utterance", "word_index", "phone_index"])
    words = table[["utterance", "word_index"]]
    begins = np.flatnonzero(~words.duplicated())
    ends = np.append(begins[1:], len(table))
    phones, scores = table["phone"].to_numpy(object), table[aspect].to_numpy(float)
    starts = word_starts(pooled)
    known = pd.MultiIndex.from_frame(words.iloc[begins]).get_indexer(_words_of(pooled))
    for word, start, end in zip(known, starts, np.append(starts[1:], len(carried)), strict=True):
        if word >= 0:
            own = slice(begins[word], ends[word])
            aligned = [PHONE_NAMES[p] for p in pooled.phones[start:end]]
            carried[start:end] = carry_over(list(phones[own]), list(scores[own]), aligned)
    return carried
