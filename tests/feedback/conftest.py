"""A grade made by hand, and the recording that it could be of."""

import numpy as np
import pytest

from pyscorer.grading.grades import Measure, PhoneGrade, RecordingGrade, Score, WordGrade
from pyscorer.lexicon.espeak import Voice, mnemonics, synthesise

WORDS = {
    "I": "AY",
    "THINK": "TH IH NG K",
    "THE": "DH AH",
    "WEATHER": "W EH DH ER",
    "IS": "IH Z",
    "FINE": "F AY N",
    "NOWADAYS": "N AW AH D EY Z",
}
WRONG = {("THINK", "TH"): "S", ("WEATHER", "DH"): "D"}
LENGTH = 0.08
"""Seconds of every phone; there is a pause of 0.64 s before IS."""


def phone_grade(word: str, phone: str, start: float) -> PhoneGrade:
    said = WRONG.get((word, phone))
    score = Score(0.6, 0.1, 1.2) if said else Score(1.9, 1.5, 2.0)
    return PhoneGrade(phone, round(start, 2), LENGTH, score, said, 0.8 if said else 0.03)


def word_grade(word: str, start: float) -> WordGrade:
    phones = tuple(
        phone_grade(word, phone, start + i * LENGTH) for i, phone in enumerate(WORDS[word].split())
    )
    value = 4.5 if any(p.said for p in phones) else 9.4
    score = Score(value, value - 2, min(value + 1.5, 10))
    return WordGrade(
        word=word,
        start=round(start, 2),
        duration=round(LENGTH * len(phones), 2),
        aspects={"total": score, "accuracy": score, "stress": Score(9.8, 8.0, 10.0)},
        phones=phones,
        pause_before=0.64 if word == "IS" else 0.0,
        heard=word != "WEATHER",
        guessed=word == "NOWADAYS",
    )


@pytest.fixture
def grade() -> RecordingGrade:
    """Seven words; TH said as S, DH as D, a long pause before IS, one word not in the lexicon."""
    words, at = [], 0.3
    for word in WORDS:
        at += 0.64 if word == "IS" else 0
        words.append(word_grade(word, at))
        at += words[-1].duration
    return RecordingGrade(
        text="I THINK THE WEATHER IS FINE NOWADAYS",
        duration=round(at + 0.3, 2),
        aspects={
            "total": Score(6.8, 5.4, 8.1),
            "accuracy": Score(6.5, 5.0, 7.9),
            "completeness": Score(9.9, 9.0, 10.0),
            "fluency": Score(7.6, 6.2, 8.9),
            "prosodic": Score(7.2, 5.9, 8.5),
        },
        words=tuple(words),
        transcript="i sink the ladder is fine nowadays",
        pace=Measure(12.5, 6.2, 11.0),
        pauses=Measure(0.27, 0.0, 0.11),
        long_pause=0.49,
        warnings=("The recording has a rate of 8000 Hz.",),
    )


@pytest.fixture(scope="session")
def samples() -> np.ndarray:
    """Synthetic speech, 16 kHz."""
    spoken = [mnemonics(phones.split(), None) for phones in WORDS.values()]
    return synthesise(Voice("en-us+f1", 50, 1.0), spoken, 150, 40)
