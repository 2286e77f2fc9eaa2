"""A grade as a page: one HTML file without anything outside it."""

from pathlib import Path

import numpy as np

from pyscorer.audio import mp3_uri
from pyscorer.evaluation.templates import page_template
from pyscorer.feedback.advice import advise, is_poor, sound
from pyscorer.feedback.forms import pace_sentence, pauses_sentence
from pyscorer.grading.grades import Measure, PhoneGrade, RecordingGrade

SHORTEST_PAUSE = 0.2
"""Seconds from which on a pause between words is shown."""
_LEVELS = ((0.9, "a"), (0.8, "b"), (0.65, "c"))
"""Share of the full score from which on a colour is given; below them all: d."""
_WRONG = ((0.1, "a"), (0.25, "b"))
"""Probability that a phone is wrong below which a colour is given."""


def level(value: float, top: float) -> str:
    """The colour of a score, a (good) to d."""
    return next((name for share, name in _LEVELS if value >= share * top), "d")


def phone_level(phone: PhoneGrade) -> str:
    """The colour of a phone, a to d: d where another was said instead.

    By the probability that it is wrong: predicted scores of phones keep close to their mean.
    """
    if is_poor(phone):
        return "d"
    return next((name for below, name in _WRONG if phone.probability_wrong < below), "c")


def percent(value: float, top: float) -> float:
    """Place on a bar from 0 to `top`, in percent of its length."""
    return round(100 * min(max(value / top, 0), 1), 1)


def _top(measure: Measure) -> float:
    return 1.15 * max(measure.value, measure.high, 1e-6)


def as_page(grade: RecordingGrade, samples: np.ndarray) -> str:
    """The page of a recording, whose mono `samples` at 16 kHz it carries as MP3.

    Words and phones are coloured by score; a tap on a word plays it and shows its scores with
    intervals and what was said instead of its phones.
    """
    template = page_template("page.html.jinja", "{:.1f}".format, Path(__file__).parent)
    return template.render(
        grade=grade,
        audio=mp3_uri(samples),
        advice=advise(grade),
        pace_sentence=pace_sentence(grade),
        pauses_sentence=pauses_sentence(grade),
        pace_top=_top(grade.pace),
        pauses_top=_top(grade.pauses),
        shortest_pause=SHORTEST_PAUSE,
        level=level,
        phone_level=phone_level,
        percent=percent,
        sound=sound,
    )
