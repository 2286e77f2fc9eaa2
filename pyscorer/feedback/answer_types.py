"""What `pyscorer.score` returns and `pyscorer score --format json` writes, as types.

Plain dictionaries, lists, numbers and text, as JSON has them. Times are seconds from the start of
the recording.
"""

from typing import NotRequired, TypedDict


class Score(TypedDict):
    """A predicted score with its 90 % predictive interval, on the scale in `ranges`."""

    value: float
    low: float
    high: float


class Measure(TypedDict):
    """Something measured, and the range from the 10th to the 90th percentile of good readers."""

    value: float
    low: float
    high: float


class Phone(TypedDict):
    """One phone of a word's pronunciation, in ARPAbet.

    Score, said and probability_wrong are there where the grader has learnt to score phones.
    """

    phone: str
    start: float
    duration: float
    score: NotRequired[Score | None]
    said: NotRequired[str | None]
    """What was heard instead, where the phone is judged wrong and a rival is likelier."""
    probability_wrong: NotRequired[float | None]


class Word(TypedDict):
    """One word of the text."""

    word: str
    start: float
    duration: float
    aspects: dict[str, Score]
    """What the grader has learnt to score of words; what stands for all comes first."""
    phones: list[Phone]
    pause_before: float
    heard: bool | None
    """Whether a recogniser, which was not told the text, heard it; None: there is none."""
    guessed: bool
    """Its pronunciation comes from spelling, not from the lexicon."""


class Advice(TypedDict):
    """What to work on: a phone, the words that it went wrong in, and how it is made."""

    phone: str
    said: str | None
    """What was heard instead most often, where that is known."""
    words: list[str]
    sentence: str


class Answer(TypedDict):
    """Feedback on one recording of a text read aloud."""

    text: str
    duration: float
    aspects: dict[str, Score]
    """Scores of the recording; what stands for all comes first."""
    words: list[Word]
    transcript: str | None
    pace: Measure
    """Phones a second, pauses left out."""
    pauses: Measure
    """Share of silence between the first word and the last, 0 to 1."""
    long_pause: float
    """From which on a pause between words is long."""
    warnings: list[str]
    readers: str
    """Whom pace and pauses are held against."""
    advice: list[Advice]
    ranges: dict[str, dict[str, list[float]]]
    """Level (utterance, word, phone) -> aspect -> lowest and highest score."""
