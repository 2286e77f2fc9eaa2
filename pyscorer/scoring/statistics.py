"""What a regressor of utterance scores reads: statistics of an utterance's phones."""

from collections.abc import Sequence

import numpy as np

from pyscorer.contract.pooled import PHONE_NAMES, PooledSet
from pyscorer.contract.segments import DURATION_COLUMNS

_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_SHORTEST_PAUSE = 5
"""10 ms frames; what is shorter is more often an uncertain boundary than a pause."""


def utterance_of_phone(pooled: PooledSet) -> np.ndarray:
    """Index of the utterance of each phone."""
    return np.repeat(np.arange(len(pooled.keys)), pooled.phone_counts)


def positions(pooled: PooledSet) -> np.ndarray:
    """Position of each phone in its word: 1 beginning, 2 middle, 3 end, 4 the only one.

    Lin & Wang, Interspeech 2021.
    """
    utterance = utterance_of_phone(pooled)
    first = pooled.phone_index == 0
    word = np.cumsum(first)
    last = np.ones(len(word), dtype=bool)
    last[:-1] = (word[1:] != word[:-1]) | (utterance[1:] != utterance[:-1])
    return np.select([first & last, first, last], [4, 1, 3], 2)


def _by_phone(pooled: PooledSet, values: np.ndarray) -> np.ndarray:
    """Mean of `values` over each phone of each utterance: utterances x 40; NaN without it."""
    place = utterance_of_phone(pooled) * len(PHONE_NAMES) + pooled.phones
    size = len(pooled.keys) * len(PHONE_NAMES)
    counts = np.bincount(place, minlength=size)
    sums = np.bincount(place, weights=values, minlength=size)
    with np.errstate(invalid="ignore"):
        return (sums / counts).reshape(len(pooled.keys), -1)


def paper_statistics(pooled: PooledSet, measures: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """The inputs of "GOP (GBT)": names, and utterances x statistics.

    For each phone its average GOP and its average position in the word, NaN where the utterance
    lacks the phone, and the number of phones. Lin & Wang 2021. `measures` are the
    names of the pooled columns; each gives an average GOP.
    """
    names = [f"{m}_{phone}" for m in measures for phone in PHONE_NAMES]
    parts = [_by_phone(pooled, pooled.features[:, i]) for i in range(len(measures))]
    names += [f"position_{phone}" for phone in PHONE_NAMES]
    parts.append(_by_phone(pooled, positions(pooled)))
    return [*names, "phones"], np.column_stack([*parts, pooled.phone_counts])


def duration_norms(pooled: PooledSet, log_duration: np.ndarray) -> np.ndarray:
    """Mean and standard deviation of the log duration of each phone: 40 x 2.

    Phones seen fewer than ten times take those of all phones.
    """
    norms = np.tile([log_duration.mean(), log_duration.std()], (len(PHONE_NAMES), 1))
    for phone in range(len(PHONE_NAMES)):
        own = log_duration[pooled.phones == phone]
        if len(own) >= 10:
            norms[phone] = own.mean(), own.std()
    norms[:, 1] = np.maximum(norms[:, 1], 1e-3)
    return norms


def _spread(values: np.ndarray) -> list[float]:
    return [values.mean(), values.std(), values.min(), *np.quantile(values, _QUANTILES)]


def _spread_names(name: str) -> list[str]:
    quantiles = [f"{name}_q{100 * q:.0f}" for q in _QUANTILES]
    return [f"{name}_mean", f"{name}_sd", f"{name}_min", *quantiles]


def _pauses(pauses: np.ndarray, spoken: np.ndarray) -> list[float]:
    """Statistics of the silences between words, and of tempo; times in frames of 10 ms."""
    real = pauses[pauses >= _SHORTEST_PAUSE]
    total = real.sum() + spoken.sum()
    return [
        len(real),
        len(real) / max(len(pauses), 1),
        real.sum(),
        real.max(initial=0),
        real.mean() if len(real) else 0,
        real.sum() / total,
        100 * len(spoken) / total,
        100 * len(spoken) / spoken.sum(),
        total,
    ]


_PAUSE_NAMES = [
    "pauses",
    "pauses_per_gap",
    "pause_total",
    "pause_longest",
    "pause_mean",
    "pause_share",
    "phones_per_second",
    "phones_per_spoken_second",
    "length",
]


def rich_statistics(
    pooled: PooledSet, measures: Sequence[str], norms: np.ndarray
) -> tuple[list[str], np.ndarray]:
    """Inputs of the trees on GOP with durations and pauses: names, and utterances x statistics.

    The features of `pooled` are `measures` and then DURATION_COLUMNS. For each measure, for the log
    duration and for the log duration normalised by the phone's `norms` (see `duration_norms`): the
    mean, standard deviation, minimum and quantiles over the phones; the mean GOP of the utterance's
    worst word; pauses within the utterance (the silence before and after it is the recorder's, not
    the speaker's), tempo, and counts of words and phones.
    """
    at = len(measures)
    log_duration = pooled.features[:, at].astype(np.float64)
    mean, deviation = norms[pooled.phones].T
    per_phone = np.column_stack(
        [pooled.features[:, :at], log_duration, (log_duration - mean) / deviation]
    )
    spoken = np.exp(log_duration)
    pauses = np.expm1(pooled.features[:, at + DURATION_COLUMNS.index("pause_before")])
    names: list[str] = []
    for name in (*measures, "log_duration", "normal_duration"):
        names += _spread_names(name)
    names += [f"{m}_worst_word" for m in measures]
    names += [*_PAUSE_NAMES, "words", "phones"]
    rows = []
    ends = np.cumsum(pooled.phone_counts)
    for start, end, words in zip(ends - pooled.phone_counts, ends, pooled.word_counts, strict=True):
        row: list[float] = []
        for column in per_phone[start:end].T:
            row += _spread(column)
        word = pooled.word_index[start:end]
        for i in range(at):
            sums = np.bincount(word, weights=pooled.features[start:end, i])
            row.append((sums / np.bincount(word)).min())
        first = np.flatnonzero(pooled.phone_index[start:end] == 0)[1:]
        row += _pauses(np.round(pauses[start:end][first]), spoken[start:end])
        rows.append(np.array([*row, words, end - start]))
    return names, np.array(rows)
