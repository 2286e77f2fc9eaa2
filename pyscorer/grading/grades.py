"""The grade of one recording: what the model says, and what every way of telling it reads."""

from dataclasses import dataclass

from pyscorer.contract.scales import SPEECHOCEAN, Scales


@dataclass(frozen=True)
class Score:
    """A predicted score with its 90 % predictive interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Measure:
    """Something measured, and the range from the 10th to the 90th percentile of good readers."""

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
    score: Score | None
    """How right it is; None: the grader has not learnt it, and nothing is called wrong."""
    said: str | None
    """The phone that was heard instead, where this one is judged wrong and a rival is likelier."""
    probability_wrong: float | None
    """That the mean of the experts' scores is below the middle of the range; None with `score`."""


@dataclass(frozen=True)
class WordGrade:
    """One word of the text; times in seconds."""

    word: str
    start: float
    duration: float
    aspects: dict[str, Score]
    """What the grader has learnt of words; that which stands for all comes first."""
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
    """What the grader has learnt of utterances; that which stands for all comes first."""
    words: tuple[WordGrade, ...]
    transcript: str | None
    """What the recogniser heard without being told the text; None: not asked."""
    pace: Measure
    """Phones a second, pauses left out."""
    pauses: Measure
    """Share of the time from the first word to the last that is silent, 0 to 1."""
    long_pause: float
    """Seconds from which on a pause between words is long: good readers make 1 in 20 longer."""
    warnings: tuple[str, ...] = ()
    """What the reader of the grade has to know to trust it or not."""
    scales: Scales = SPEECHOCEAN
    """The aspects that the grader has learnt, with their ranges."""
    readers: str = "fluent readers"
    """Whom pace and pauses are held against."""
