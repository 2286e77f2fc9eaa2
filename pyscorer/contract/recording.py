"""One recording as measures see it, whoever computed what they read; and what a measure is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np

from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.pooled import PooledSet, make_pooled, read_segment_table
from pyscorer.contract.segments import PhoneSegment, check_length
from pyscorer.errors import InputError


@dataclass(frozen=True)
class Frames:
    """What a model says of a recording, row by row."""

    matrix: np.ndarray
    """Rows x columns."""
    shift: float = FRAME_SHIFT
    """Seconds between rows."""
    source: str = ""
    """Where it comes from, for messages: a file."""


@dataclass(frozen=True)
class WordView:
    """One word of the text as a recogniser hears it; log-probabilities are natural."""

    log_probability: float
    """Of all its tokens, each after the text before it."""
    tokens: int
    least: float
    """Of its least likely token."""
    margin: float
    """The least log-probability of a token less that of the likeliest token in its place; <= 0."""
    heard: bool
    """Whether the transcript has it, where the two are aligned by edit distance."""


@dataclass(frozen=True)
class RecordingView:
    """A recogniser's view of a recording; log-probabilities are natural, and means over tokens."""

    words: tuple[WordView, ...]
    hypothesis: str
    """What was heard, without knowledge of the text."""
    wer: float
    """Its word error rate, at most 1."""
    hypothesis_log_probability: float
    prompt_log_probability: float

    @property
    def difference(self) -> float:
        """How much likelier the hypothesis is than the text, a token."""
        return self.hypothesis_log_probability - self.prompt_log_probability


@dataclass(frozen=True)
class Measured:
    """What a measure says of the phones of a recording."""

    columns: tuple[str, ...]
    matrix: np.ndarray
    """Phones x columns."""

    def column(self, name: str) -> np.ndarray:
        """One column, of all phones."""
        values: np.ndarray = self.matrix[:, self.columns.index(name)]
        return values


@dataclass(frozen=True)
class Recording:
    """A recording aligned with its text, and what models and measures say of it so far.

    The stages fill it from archives, `pyscorer score` from the models themselves.
    """

    key: str
    segments: Sequence[PhoneSegment]
    frames: int
    """Of 10 ms, of the alignment."""
    words: tuple[str, ...] = ()
    """Of the text."""
    outputs: Mapping[str, Frames] = field(default_factory=dict)
    """By the name of the model's output."""
    transcript: str | None = None
    """What a recogniser heard."""
    view: RecordingView | None = None
    measured: Mapping[str, Measured] = field(default_factory=dict)
    """By the name of the measure."""

    def output(self, name: str) -> Frames:
        """The output of this name. Raises InputError if it is not there or of another length."""
        if name not in self.outputs:
            raise InputError(f"utterance {self.key}: no {name}, which the measure reads")
        found = self.outputs[name]
        check_length(self.key, found.source or name, len(found.matrix), self.frames, found.shift)
        return found

    def measured_by(self, *measures: "Measure") -> "Recording":
        """This recording with what the `measures` say of it, each after the ones before it."""
        recording = self
        for measure in measures:
            found = Measured(measure.columns, measure(recording))
            known = {**recording.measured, measure.name: found}
            recording = replace(recording, measured=known)
        return recording


def pooled_recordings(pool: Path) -> Iterator[Recording]:
    """The recordings of a pooled directory, in its order: their phones, without pauses."""
    table = read_segment_table(pool)
    for key, rows in table.groupby("utterance", sort=False):
        names = ("word_index", "phone_index", "phone", "start", "length")
        segments = [
            PhoneSegment(word, place, phone, start, length, 0, 0)
            for word, place, phone, start, length in zip(*(rows[n] for n in names), strict=True)
        ]
        yield Recording(str(key), segments, segments[-1].start + segments[-1].length)


def one_pooled(recording: Recording, wanted: Sequence[tuple[str, str]]) -> PooledSet:
    """The phones of one recording with the `wanted` (measure, column) as features, float32.

    Raises InputError for one that was not measured.
    """
    for measure, column in wanted:
        if measure not in recording.measured or column not in recording.measured[measure].columns:
            raise InputError(f"the model reads {column} of source {measure}, which is not given")
    features = [recording.measured[measure].column(column) for measure, column in wanted]
    return make_pooled(
        [recording.key],
        np.column_stack(features).astype(np.float32),
        np.zeros(len(recording.segments), dtype=np.int64),
        [s.phone for s in recording.segments],
        np.array([s.word_index for s in recording.segments]),
        np.array([s.phone_index for s in recording.segments]),
    )


class Measure(Protocol):
    """A measure of pronunciation: one row a phone.

    The stage over a corpus, a bundle and `pyscorer score` use the same object.
    """

    @property
    def name(self) -> str:
        """By which graders know what it says as a source."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of what it says of a phone."""

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x columns. Raises InputError for a recording that lacks what it reads."""
