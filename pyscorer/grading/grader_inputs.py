"""What a grader reads of a set of utterances, from all its sources, as plain arrays."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.labels import word_starts
from pyscorer.contract.large import filled
from pyscorer.contract.pooled import (
    OF_UTTERANCE,
    OF_WORD,
    PooledSet,
    concatenate,
    read_columns,
    read_pooled,
)
from pyscorer.contract.segments import DURATION_COLUMNS
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.pretrained.view_columns import (
    VIEW_OF_UTTERANCE,
    VIEW_OF_WORD,
    RecogniserView,
    read_view_columns,
)
from pyscorer.scoring.statistics import duration_norms, positions, rich_statistics

STATES = " states"
"""How the names of spans of deep features end, see `GraderInputs`."""
_NOT_NUMBERS = {"rival"}
"""Columns that hold phone ids."""
_SHORTEST_PAUSE = 5
"""10 ms frames; what is shorter is more often an uncertain boundary than a pause."""


@dataclass(frozen=True)
class SourcePaths:
    """Where the sources are; of each, `train` and `test` are folders in it.

    A new source of graders is registered here, and in _SUMMARISED.
    """

    tdnnf: Path | None = option(None, "outputs of pool, on the run's own")
    gop: Path | None = option(None, "outputs of gop")
    encoder: Path | None = option(None, "outputs of pool, on an encoder's states")
    learned_gop: Path | None = option(None, "outputs of learned_gop")
    heard: Path | None = option(None, "outputs of heard_phones")
    recogniser: Path | None = option(None, "outputs of recogniser_view")
    prosody: Path | None = option(None, "outputs of prosody")
    ctc_gop: Path | None = option(None, "outputs of ctc_gop")

    def split(self, name: str) -> "SourcePaths":
        """The sources of one split."""
        given = {f.name: getattr(self, f.name) for f in fields(self)}
        return SourcePaths(**{key: path / name if path else None for key, path in given.items()})


_SUMMARISED = {
    "tdnnf": ("log_posterior", "log_rival"),
    "gop": ("lpp", "gop", "transition_gop", "gmm_gop", "gmm_posterior_gop"),
    "learned_gop": ("logp", "ratio", "entropy"),
    "ctc_gop": ("ctc_gop", "ctc_gop_norm", "log_rival"),
}
"""Columns whose statistics over words and utterances are inputs of theirs."""
SOURCES = ("durations", *(f.name for f in fields(SourcePaths)))
POOLED_SOURCES = tuple(name for name in SOURCES if name not in ("durations", "recogniser"))
"""Sources that are pooled directories."""


@dataclass(frozen=True)
class RawInputs:
    """The sources of a set of utterances as they were read."""

    pooled: PooledSet
    """Its features are DURATION_COLUMNS, then the columns of the pooled sources."""
    columns: tuple[tuple[str, str], ...]
    """(source, column) of each feature of `pooled`."""

    def places(self, source: str, columns: Sequence[str]) -> list[int]:
        """Of these columns of a source among the features; none if it is not read."""
        of = {column: i for i, column in enumerate(self.columns)}
        return [of[source, name] for name in columns if (source, name) in of]

    def beginning(self, prefix: str) -> list[int]:
        """Places of the columns whose names begin so, as OF_WORD."""
        return [i for i, (_, column) in enumerate(self.columns) if column.startswith(prefix)]


@dataclass(frozen=True)
class GraderInputs:
    """What a grader reads; not normalised."""

    pooled: PooledSet
    """As in RawInputs."""
    times: np.ndarray
    """The first inputs of the phones, see `phone_times`."""
    places: list[int]
    """Of the others among the features of `pooled`."""
    spans: tuple[tuple[str, int], ...]
    """(source, number of columns) of the inputs of the phones, in order; the name of what is deep
    features ends in STATES."""
    words: np.ndarray
    """Words x inputs."""
    utterances: np.ndarray
    """Utterances x inputs."""

    @property
    def shape(self) -> tuple[int, int]:
        """Phones x inputs of phones."""
        return len(self.times), self.times.shape[1] + len(self.places)

    def phones(self, rows: slice) -> np.ndarray:
        """Inputs of some phones, float32: all together they are larger than all else."""
        own = self.pooled.features[rows][:, self.places]
        return np.concatenate([self.times[rows], own], axis=1).astype(np.float32, copy=False)


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
    blocks = [part.features for part in parts]
    if paths.recogniser is not None and (not wanted or "recogniser" in wanted):
        blocks.append(read_view_columns(paths.recogniser, parts[0]))
        columns += [("recogniser", name) for name in RecogniserView().columns]
    features = filled(
        (len(parts[0].phones), len(columns)),
        blocks[0].dtype,
        lambda rows: np.concatenate([block[rows] for block in blocks], axis=1),
    )
    pooled = replace(parts[0], features=features)
    return RawInputs(pooled, tuple(columns))


def _same_phones(a: PooledSet, b: PooledSet) -> bool:
    return (
        a.keys == b.keys
        and np.array_equal(a.phones, b.phones)
        and np.array_equal(a.word_index, b.word_index)
    )


def join_inputs(parts: Sequence[RawInputs]) -> RawInputs:
    """The utterances of all `parts`, which have the same columns, one part after the other."""
    return RawInputs(concatenate([part.pooled for part in parts]), parts[0].columns)


def assemble(raw: RawInputs, norms: np.ndarray, durations: bool = True) -> GraderInputs:
    """The inputs of a grader.

    `norms` are the `duration_norms` of the train split. Without `durations`, times enter by
    `prosody` alone.
    """
    spans, places = [], []
    times = phone_times(raw.pooled, norms).astype(np.float32)
    if durations:
        spans.append(("durations", times.shape[1]))
    for name in POOLED_SOURCES:
        for deep, span in ((False, name), (True, name + STATES)):
            own = [
                i
                for i, (source, c) in enumerate(raw.columns)
                if source == name
                and c.startswith("deep_") == deep
                and not c.startswith((OF_WORD, OF_UTTERANCE))
            ]
            if own:
                spans.append((span, len(own)))
                places += own
    return GraderInputs(
        *(raw.pooled, times[:, : times.shape[1] * durations], places, tuple(spans)),
        word_inputs(raw, norms, durations).astype(np.float32),
        utterance_inputs(raw, norms, durations)[1].astype(np.float32),
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
    """Places of the columns to summarise among the features of `raw`."""
    return [i for i, (source, c) in enumerate(raw.columns) if c in _SUMMARISED.get(source, ())]


def word_inputs(raw: RawInputs, norms: np.ndarray, durations: bool = True) -> np.ndarray:
    """Words x inputs: statistics over the word's phones, and what is said of it as a whole.

    The number of phones, then mean and least of each measure, of the normalised log duration and
    of the pause before a phone, then the recogniser's view, and the columns OF_WORD.
    """
    starts = word_starts(raw.pooled)
    values = raw.pooled.features[:, _measures(raw)]
    if durations:
        values = np.column_stack([values, phone_times(raw.pooled, norms)[:, 1:3]])
    counts = np.diff(np.append(starts, len(values)))[:, None]
    parts = [counts, np.add.reduceat(values, starts) / counts, np.minimum.reduceat(values, starts)]
    whole = [*raw.places("recogniser", VIEW_OF_WORD), *raw.beginning(OF_WORD)]
    parts.append(raw.pooled.features[starts[:, None], whole])
    return np.concatenate(parts, axis=1)


def utterance_inputs(
    raw: RawInputs, norms: np.ndarray, durations: bool = True
) -> tuple[list[str], np.ndarray]:
    """Names, and utterances x statistics of measures, times and the recogniser's view.

    Then the columns OF_UTTERANCE.
    """
    at = len(DURATION_COLUMNS)
    chosen = _measures(raw)
    measures = ["_".join(raw.columns[i]) for i in chosen]
    features = raw.pooled.features[:, [*chosen, *range(at)]]
    names, table = rich_statistics(replace(raw.pooled, features=features), measures, norms)
    if not durations:
        kept = [i for i, name in enumerate(names) if name.startswith(tuple(measures))]
        names, table = [names[i] for i in kept], table[:, kept]
    first = np.cumsum(raw.pooled.phone_counts) - raw.pooled.phone_counts
    if seen := raw.places("recogniser", VIEW_OF_UTTERANCE):
        utterance = np.repeat(np.arange(len(raw.pooled.keys)), raw.pooled.word_counts)
        starts, of_word = word_starts(raw.pooled), raw.places("recogniser", VIEW_OF_WORD)
        words = pd.DataFrame(raw.pooled.features[starts[:, None], of_word]).groupby(utterance)
        whole = raw.pooled.features[first[:, None], seen]
        table = np.column_stack([table, whole, words.mean().to_numpy(), words.min().to_numpy()])
        names = [*names, *VIEW_OF_UTTERANCE]
        names += [f"{c}_{how}" for how in ("mean", "least") for c in VIEW_OF_WORD]
    said = raw.beginning(OF_UTTERANCE)
    table = np.column_stack([table, raw.pooled.features[first[:, None], said]])
    names = [*names, *("_".join(raw.columns[i]) for i in said)]
    return names, table


def norms_of(raw: RawInputs) -> np.ndarray:
    """`duration_norms` of these utterances."""
    return duration_norms(raw.pooled, raw.pooled.features[:, 0])


def place_in_word(pooled: PooledSet) -> np.ndarray:
    """0 beginning, 1 middle, 2 end, 3 the only phone of its word."""
    return positions(pooled) - 1
