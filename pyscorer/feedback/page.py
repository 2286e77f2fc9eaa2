"""A grade as a page: one HTML file without anything outside it."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pyscorer.contract.audio import mp3_uri
from pyscorer.contract.scales import Range, decimals, to_unit, told
from pyscorer.evaluation.templates import page_template
from pyscorer.feedback.advice import advise, is_poor, sound
from pyscorer.feedback.curves import draw
from pyscorer.feedback.forms import pace_sentence, pauses_sentence
from pyscorer.feedback.heard_words import heard_phone, pair_words, unlike
from pyscorer.grading.grades import Measure, PhoneGrade, RecordingGrade, Score, WordGrade

SHORTEST_PAUSE = 0.2
"""Seconds from which on a pause between words is shown."""
_ASPECTS = ((0.85, "a"), (0.7, "b"), (0.5, "c"))
"""Share of its range from which on a recording's score has a colour: the steps of speechocean762's
rules."""
_WORDS = ((0.9, "a"), (0.8, "b"), (0.65, "c"))
"""The same of a word: nine words in ten are spoken well."""
_WRONG = ((0.1, "a"), (0.25, "b"))
"""Probability that a phone is wrong below which a colour is given."""


def aspect_level(score: Score, own: Range) -> str:
    """The colour of a recording's score of the range `own`, a (good) to d."""
    share = round(to_unit(score.value, own), 6)
    return next((name for least, name in _ASPECTS if share >= least), "d")


def word_level(score: Score, own: Range) -> str:
    """The colour of a word's score of the range `own`, a (good) to d."""
    share = round(to_unit(score.value, own), 6)
    return next((name for least, name in _WORDS if share >= least), "d")


def word_colour(word: WordGrade, grade: RecordingGrade) -> str:
    """The colour of a word, by what stands for all of its scores; none where none was learnt."""
    ranges = grade.scales.word
    if not ranges:
        return ""
    scores = np.array([[word.aspects[aspect].value for aspect in ranges]])
    value = float(grade.scales.overall_scores("word", scores)[0])
    own = ranges[grade.scales.overall_of("word") or next(iter(ranges))]
    return word_level(Score(value, value, value), own)


def phone_level(phone: PhoneGrade) -> str:
    """The colour of a phone, a to d: d where another was said instead.

    By the probability that it is wrong: predicted scores of phones keep close to their mean.
    None where the grader has not learnt it.
    """
    if is_poor(phone):
        return "d"
    if phone.probability_wrong is None:
        return ""
    return next((name for below, name in _WRONG if phone.probability_wrong < below), "c")


def percent(value: float, own: Range) -> float:
    """Place on a bar of the range `own`, in percent of its length."""
    return round(100 * min(max(to_unit(value, own), 0), 1), 1)


def hundred(value: float, own: Range) -> int:
    """A score of the range `own` on the scale from 0 to 100."""
    return round(percent(value, own))


def of_range(own: Range) -> str:
    """What a score is out of, such as `of 10`."""
    return f"of {own[1]:g}" if own[0] == 0 else f"on a scale from {told(own)}"


def one_range(ranges: Mapping[str, Range]) -> Range | None:
    """The range that all of these aspects have, if they have one."""
    found = set(ranges.values())
    return found.pop() if len(found) == 1 else None


def _gauge(measure: Measure) -> Range:
    return 0.0, 1.15 * max(measure.value, measure.high, 1e-6)


def as_page(grade: RecordingGrade, samples: np.ndarray) -> str:
    """The page of a recording, whose mono `samples` at 16 kHz it carries as MP3.

    Words and phones are coloured by score; a tap on a word plays it and shows its scores with
    intervals and what was said instead of its phones.
    """
    return page_template("page.html.jinja", _number, Path(__file__).parent).render(
        grade=grade,
        audio=mp3_uri(samples),
        advice=advise(grade),
        pace_sentence=pace_sentence(grade),
        pauses_sentence=pauses_sentence(grade),
        pace_range=_gauge(grade.pace),
        pauses_range=_gauge(grade.pauses),
        curves=draw(grade, samples),
        pairs=pair_words(grade),
        unlike=[word for word in grade.words if unlike(word)],
        heard_phone=heard_phone,
        hundred=hundred,
        shortest_pause=SHORTEST_PAUSE,
        aspect_level=aspect_level,
        word_level=word_level,
        word_colour=word_colour,
        phone_level=phone_level,
        percent=percent,
        decimals=decimals,
        told=told,
        of_range=of_range,
        one_range=one_range,
        sound=sound,
    )


def _number(value: float, digits: int = 1) -> str:
    return f"{value:.{digits}f}"
