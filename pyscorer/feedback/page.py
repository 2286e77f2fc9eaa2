"""A grade as a page: one HTML file without anything outside it."""

import functools
from pathlib import Path

import jinja2
import numpy as np

from pyscorer.contract.audio import mp3_uri
from pyscorer.evaluation.templates import page_template
from pyscorer.feedback.advice import advise, is_poor, sound
from pyscorer.feedback.forms import pace_sentence, pauses_sentence
from pyscorer.grading.grades import Measure, PhoneGrade, RecordingGrade, Score

SHORTEST_PAUSE = 0.2
"""Seconds from which on a pause between words is shown."""
_ASPECTS = ((8.5, "a"), (7.0, "b"), (5.0, "c"))
"""Score of a recording from which on a colour is given: the steps of speechocean762's rules."""
_WORDS = ((9.0, "a"), (8.0, "b"), (6.5, "c"))
"""The same of a word: nine words in ten are spoken well."""
_WRONG = ((0.1, "a"), (0.25, "b"))
"""Probability that a phone is wrong below which a colour is given."""


def aspect_level(score: Score) -> str:
    """The colour of a recording's score, a (good) to d."""
    return next((name for least, name in _ASPECTS if score.value >= least), "d")


def word_level(score: Score) -> str:
    """The colour of a word's score, a (good) to d."""
    return next((name for least, name in _WORDS if score.value >= least), "d")


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
    return _template().render(
        grade=grade,
        audio=mp3_uri(samples),
        advice=advise(grade),
        pace_sentence=pace_sentence(grade),
        pauses_sentence=pauses_sentence(grade),
        pace_top=_top(grade.pace),
        pauses_top=_top(grade.pauses),
        shortest_pause=SHORTEST_PAUSE,
        aspect_level=aspect_level,
        word_level=word_level,
        phone_level=phone_level,
        percent=percent,
        sound=sound,
    )


@functools.cache
def _template() -> jinja2.Template:
    return page_template("page.html.jinja", "{:.1f}".format, Path(__file__).parent)
