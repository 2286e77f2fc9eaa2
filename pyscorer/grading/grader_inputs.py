"""What a grader reads of a set of utterances, from all its sources, as plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.labels import word_starts
from pyscorer.contract.pooled import PooledSet, concatenate, read_columns, read_pooled
from pyscorer.contract.segments import DURATION_COLUMNS
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.scoring.statistics import duration_norms, positions, rich_statistics

POOLED_SOURCES = ("tdnnf", "gop", "encoder", "learned_gop", "heard")
"""Sources that are pooled directories."""
SOURCES = ("durations", *POOLED_SOURCES, "recogniser")

STATES = " states"
"""How the names of spans of deep features end, see `GraderInputs`."""
_NOT_NUMBERS = {"rival"}
"""Columns that hold phone ids."""
_MEASURES = {
    "tdnnf": ("log_posterior", "log_rival"),
    "gop": ("lpp", "gop", "transition_gop", "gmm_gop", "gmm_posterior_gop"),
    "learned_gop": ("logp", "ratio", "entropy"),
}
"""Columns whose statistics over words and utterances are inputs of theirs."""
_WORD_COLUMNS = ("log_probability", "tokens", "least", "margin", "heard", "log_probability_a_token")
_UTTERANCE_COLUMNS = ("wer", "hypothesis_log_probability", "prompt_log_probability", "difference")
_SHORTEST_PAUSE = 5
"""10 ms frames; what is shorter is more often an uncertain boundary than a pause."""


@dataclass(frozen=True)
class SourcePaths:
    """Where the sources are; of each, `train` and `test` are folders in it."""

    tdnnf: Path | None = option(None, "outputs of pool, on the run's own")
    gop: Path | None = option(None, "outputs of gop")
    encoder: Path | None = option(None, "outputs of pool, on an encoder's states")
    learned_gop: Path | None = option(None, "outputs of learned_gop")
    heard: Path | None = option(None, "outputs of heard_phones")
    recogniser: Path | None = option(None, "outputs of recogniser_view")

    def split(self, name: str) -> "SourcePaths":
        """The sources of one split."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return SourcePaths(**{key: path / name if path else None for key, path in given.items()})


@dataclass(frozen=True)
class Recognised:
    """A recogniser's view of the words of a PooledSet's utterances."""

    words: np.ndarray
    """Words x _WORD_COLUMNS."""
    utterances: np.ndarray
    """Utterances x _UTTERANCE_COLUMNS."""


@dataclass(frozen=True)
class RawInputs:
    """The sources of a set of utterances as they were read."""

    pooled: PooledSet
    """Its features are DURATION_COLUMNS, then the columns of the pooled sources."""
    columns: tuple[tuple[str, str], ...]
    """(source, column) of each feature of `pooled`."""
    recognised: Recognised | None


@dataclass(frozen=True)
class GraderInputs:
    """What a grader reads; not normalised."""

    pooled: PooledSet
    """Its features are the inputs of the phones."""
    spans: tuple[tuple[str, int], ...]
    """(source, number of columns) of the features of `pooled`, in order; the name of what is deep
    features ends in STATES."""
    words: np.ndarray
    """Words x inputs."""
    utterances: np.ndarray
    """Utterances x inputs."""


def read_inputs(paths: SourcePaths, wanted: Sequence[str] = ()) -> RawInputs:
    """Read the `wanted` sources (default: all that are given) of one split.

    Raises InputError if no pooled directory is given, which alone says what the phones are, if two
    are not of the same phones, or for a wanted source that is not there.
    """
    for name in wanted:
        if name not in SOURCES or (name != "durations" and getattr(paths, name) is None):
            raise InputError(f"source {name}: unknown, or no directory given for it")
    given = [(name, path) for name in POOLED_SOURCES if (path := getattr(paths, name)) is not None]
    if not given:
        raise InputError(f"give a directory of one of the sources {', '.join(POOLED_SOURCES)}")
    # Where none is wanted, one of them gives the durations.
    given = [place for place in given if not wanted or place[0] in wanted] or given[-1:]
    parts: list[PooledSet] = []
    columns = [("durations", name) for name in DURATION_COLUMNS]
    for name, path in given:
        known = read_columns(path) if not wanted or name in wanted else []
        own = [c for c in known if c not in DURATION_COLUMNS and c not in _NOT_NUMBERS]
        lead = list(DURATION_COLUMNS) if not parts else []
        part = read_pooled(path, [*lead, *own])
        if parts and not _same_phones(part, parts[0]):
            raise InputError(f"{path}: its phones are not those of {given[0][1]}; align them alike")
        parts.append(part)
        columns += [(name, c) for c in own]
    first = parts[0]
    pooled = PooledSet(
        first.keys,
        np.concatenate([part.features for part in parts], axis=1),
        *(first.phones, first.word_index, first.phone_index),
        *(first.phone_counts, first.word_counts),
    )
    seen = None
    if paths.recogniser is not None and (not wanted or "recogniser" in wanted):
        seen = read_recognised(paths.recogniser, pooled)
    return RawInputs(pooled, tuple(columns), seen)


def _same_phones(a: PooledSet, b: PooledSet) -> bool:
    return (
        a.keys == b.keys
        and np.array_equal(a.phones, b.phones)
        and np.array_equal(a.word_index, b.word_index)
    )


def read_recognised(view: Path, pooled: PooledSet) -> Recognised:
    """Read words.csv and utterances.csv of recogniser_view for the utterances of `pooled`."""
    words = pd.read_csv(view / "words.csv", dtype={"utterance": str})
    table = words.set_index(["utterance", "word_index"])
    names = np.repeat(pooled.keys, pooled.word_counts)
    index = pd.MultiIndex.from_arrays([names, pooled.word_index[word_starts(pooled)]])
    by_utterance = pd.read_csv(view / "utterances.csv", dtype={"utterance": str})
    by_utterance = by_utterance.set_index("utterance")
    missing = [key for key in pooled.keys if key not in by_utterance.index]
    if missing or not index.isin(table.index).all():
        where = missing[0] if missing else index[~index.isin(table.index)][0][0]
        raise InputError(f"{view}: utterance {where} is missing; run recogniser_view again")
    chosen = table.loc[index]
    return Recognised(
        word_view(*(chosen[name].to_numpy(dtype=float) for name in _WORD_COLUMNS[:-1])),
        by_utterance.loc[pooled.keys, list(_UTTERANCE_COLUMNS)].to_numpy(dtype=np.float32),
    )


def word_view(
    log_probability: np.ndarray,
    tokens: np.ndarray,
    least: np.ndarray,
    margin: np.ndarray,
    heard: np.ndarray,
) -> np.ndarray:
    """Columns _WORD_COLUMNS of words, from the fields of WordView."""
    each = log_probability / np.maximum(tokens, 1)
    columns = [log_probability, tokens, least, margin, heard, each]
    return np.column_stack(columns).astype(np.float32)


def join_inputs(parts: Sequence[RawInputs]) -> RawInputs:
    """The utterances of all `parts`, which have the same columns, one part after the other."""
    seen = [part.recognised for part in parts if part.recognised is not None]
    return RawInputs(
        concatenate([part.pooled for part in parts]),
        parts[0].columns,
        Recognised(
            np.concatenate([view.words for view in seen]),
            np.concatenate([view.utterances for view in seen]),
        )
        if seen
        else None,
    )


def assemble(raw: RawInputs, norms: np.ndarray, durations: bool = True) -> GraderInputs:
    """The inputs of a grader.

    `norms` are the `duration_norms` of the train split. Without `durations`, times enter nowhere.
    """
    pooled = raw.pooled
    blocks = {"durations": phone_times(pooled, norms)} if durations else {}
    for name in POOLED_SOURCES:
        for deep, block in ((False, name), (True, name + STATES)):
            own = [
                i
                for i, (source, c) in enumerate(raw.columns)
                if source == name and c.startswith("deep_") == deep
            ]
            if own:
                blocks[block] = pooled.features[:, own]
    features = np.concatenate([*blocks.values()], axis=1).astype(np.float32)
    return GraderInputs(
        _with_features(pooled, features),
        tuple((name, block.shape[1]) for name, block in blocks.items()),
        word_inputs(raw, norms, durations).astype(np.float32),
        utterance_inputs(raw, norms, durations)[1].astype(np.float32),
    )


def _with_features(pooled: PooledSet, features: np.ndarray) -> PooledSet:
    return PooledSet(
        pooled.keys,
        features,
        *(pooled.phones, pooled.word_index, pooled.phone_index),
        *(pooled.phone_counts, pooled.word_counts),
    )


def phone_times(pooled: PooledSet, norms: np.ndarray) -> np.ndarray:
    """Log duration, the same by the phone's norm, and pauses before and after: phones x 6.

    A pause is log(1 + frames) and whether it is longer than an uncertain boundary. The silence
    before the first and after the last phone is the recorder's, so it is left out.
    """
    log_duration = pooled.features[:, 0]
    before, after = pooled.features[:, 1].copy(), pooled.features[:, 2].copy()
    ends = np.cumsum(pooled.phone_counts)
    before[ends - pooled.phone_counts] = 0
    after[ends - 1] = 0
    mean, deviation = norms[pooled.phones].T
    shortest = np.log1p(_SHORTEST_PAUSE) - 1e-3
    return np.column_stack(
        [
            log_duration,
            (log_duration - mean) / deviation,
            *(before, after),
            *(before > shortest, after > shortest),
        ]
    )


def _measures(raw: RawInputs) -> list[int]:
    """Places of the columns of _MEASURES among the features of `raw`."""
    return [i for i, (source, c) in enumerate(raw.columns) if c in _MEASURES.get(source, ())]


def word_inputs(raw: RawInputs, norms: np.ndarray, durations: bool = True) -> np.ndarray:
    """Words x inputs: statistics over the word's phones, and the recogniser's view of it.

    The number of phones, then mean and least of each measure, of the normalised log duration and
    of the pause before a phone.
    """
    starts = word_starts(raw.pooled)
    values = raw.pooled.features[:, _measures(raw)]
    if durations:
        values = np.column_stack([values, phone_times(raw.pooled, norms)[:, 1:3]])
    counts = np.diff(np.append(starts, len(values)))[:, None]
    parts = [counts, np.add.reduceat(values, starts) / counts, np.minimum.reduceat(values, starts)]
    if raw.recognised is not None:
        parts.append(raw.recognised.words)
    return np.concatenate(parts, axis=1)


def utterance_inputs(
    raw: RawInputs, norms: np.ndarray, durations: bool = True
) -> tuple[list[str], np.ndarray]:
    """Names, and utterances x statistics of measures, times and the recogniser's view."""
    at = len(DURATION_COLUMNS)
    chosen = _measures(raw)
    measures = ["_".join(raw.columns[i]) for i in chosen]
    features = raw.pooled.features[:, [*chosen, *range(at)]]
    names, table = rich_statistics(_with_features(raw.pooled, features), measures, norms)
    if not durations:
        kept = [i for i, name in enumerate(names) if name.startswith(tuple(measures))]
        names, table = [names[i] for i in kept], table[:, kept]
    if raw.recognised is not None:
        utterance = np.repeat(np.arange(len(raw.pooled.keys)), raw.pooled.word_counts)
        words = pd.DataFrame(raw.recognised.words).groupby(utterance)
        table = np.column_stack(
            [table, raw.recognised.utterances, words.mean().to_numpy(), words.min().to_numpy()]
        )
        names = [*names, *_UTTERANCE_COLUMNS]
        names += [f"{c}_{how}" for how in ("mean", "least") for c in _WORD_COLUMNS]
    return names, table


def norms_of(raw: RawInputs) -> np.ndarray:
    """`duration_norms` of these utterances."""
    return duration_norms(raw.pooled, raw.pooled.features[:, 0])


def place_in_word(pooled: PooledSet) -> np.ndarray:
    """0 beginning, 1 middle, 2 end, 3 the only phone of its word."""
    return positions(pooled) - 1
