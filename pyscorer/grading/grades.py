"""The grade of one recording: what the model says, and what every way of telling it reads."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Score:
    """A predicted score with its 90 % predictive interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Measure:
    """Something measured, and the range from the 10th to the 90th percentile of fluent readers."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class PhoneGrade:
    """One phone; times in seconds from the start of the recording."""

    phone: str
    """ARPAbet, as the word's pronunciation has it."""
    start: float
    duration: float
    score: Score
    """Accuracy, 0 to 2."""
    said: str | None
    """The phone that was heard instead, where this one is judged wrong and a rival is likelier."""
    probability_wrong: float
    """That the mean of the experts' scores is below 1."""


@dataclass(frozen=True)
class WordGrade:
    """One word of the text; times in seconds, scores 0 to 10."""

    word: str
    start: float
    duration: float
    accuracy: Score
    stress: Score
    total: Score
    phones: tuple[PhoneGrade, ...]
    pause_before: float
    """Seconds of silence between the word before and this one; 0 for the first word."""
    heard: bool | None
    """Whether the recogniser, which was not told the text, heard the word; None: not asked."""
    guessed: bool = False
    """The pronunciation is not of the lexicon but from spelling (grapheme to phoneme)."""


@dataclass(frozen=True)
class RecordingGrade:
    """One recording of a text read aloud."""

    text: str
    duration: float
    """Seconds."""
    aspects: dict[str, Score]
    """total, accuracy, completeness, fluency, prosodic: 0 to 10."""
    words: tuple[WordGrade, ...]
    transcript: str | None
    """What the recogniser heard without being told the text; None: not asked."""
    pace: Measure
    """Phones a second, pauses left out."""
    pauses: Measure
    """Share of the time from the first word to the last that is silent, 0 to 1."""
    long_pause: float
    """Seconds from which on a pause between words is long: fluent readers make 1 in 20 longer."""
    warnings: tuple[str, ...] = ()
    """What the reader of the grade has to know to trust it or not."""
