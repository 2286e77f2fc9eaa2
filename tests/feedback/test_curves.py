"""Curves of pitch and loudness, and what was heard against what was wanted."""

from dataclasses import replace

import numpy as np
import pytest

from pyscorer.feedback.curves import HEIGHT, WIDTH, Curves, draw
from pyscorer.feedback.heard_words import Pair, pair_words
from pyscorer.grading.grades import RecordingGrade

RATE = 16000


def buzz(*pitches: float, seconds: float = 1.0) -> np.ndarray:
    """A voice that holds each pitch for so long: 20 harmonics."""
    hertz = np.repeat(pitches, round(seconds * RATE))
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    return (0.2 * sum(np.sin(k * phase) / k for k in range(1, 21))).astype(np.float32)


def spoken(grade: RecordingGrade, *spans: tuple[float, float]) -> RecordingGrade:
    """The grade with words at these seconds."""
    pairs = zip(grade.words, spans, strict=False)
    words = [replace(word, start=start, duration=end - start) for word, (start, end) in pairs]
    return replace(grade, words=tuple(words))


def points(line: str) -> np.ndarray:
    return np.array([point.split(",") for point in line.split()], float)


def drawn(grade: RecordingGrade, samples: np.ndarray, *spans: tuple[float, float]) -> Curves:
    return draw(spoken(grade, *spans), samples)


def test_pitch_is_drawn_in_semitones_from_the_middle(grade: RecordingGrade) -> None:
    # 100, 120 and 120 Hz: the median is 120, and 100 lies 3.16 semitones below it.
    curves = drawn(grade, buzz(100, 120, 120), (0.1, 1.0), (1.0, 2.0))
    assert curves.middle == pytest.approx(120, abs=1)
    line = np.concatenate([points(part) for part in curves.rows[0].pitch])
    early, late = line[line[:, 0] < 0.3 * WIDTH], line[line[:, 0] > 0.7 * WIDTH]
    assert len(early) > 20 and len(late) > 20
    assert late[:, 1] == pytest.approx(HEIGHT / 2, abs=1)
    lower = 12 * np.log2(120 / 100)
    assert early[:, 1] == pytest.approx(HEIGHT / 2 * (1 + lower / 12), abs=1)


def test_silence_has_no_pitch_and_lies_at_the_lower_edge(grade: RecordingGrade) -> None:
    quiet = np.zeros(RATE, np.float32)
    curves = drawn(grade, np.concatenate([buzz(150), quiet, buzz(150)]), (0.05, 2.5))
    (row,) = curves.rows
    assert len(row.pitch) == 2
    level = points(row.loudness)
    middle = level[(level[:, 0] > 0.45 * WIDTH) & (level[:, 0] < 0.7 * WIDTH), 1]
    assert len(middle) > 10 and (middle == HEIGHT).all()
    assert level[10, 1] < 0.1 * HEIGHT
    assert tuple(level[0]) == (0, HEIGHT) and level[-1, 1] == HEIGHT, "the area is closed"


def test_what_is_not_voiced_has_no_middle(grade: RecordingGrade) -> None:
    curves = drawn(grade, np.zeros(2 * RATE, np.float32), (0.1, 1.0))
    assert curves.middle is None and curves.rows[0].pitch == ()


def test_rows_hold_what_a_telephone_has_room_for(grade: RecordingGrade) -> None:
    spans = [(0.1 + i, 0.9 + i) for i in range(5)]
    curves = drawn(grade, buzz(120, seconds=6), *spans)
    assert [len(row.words) for row in curves.rows] == [2, 2, 1]
    assert [p.number for row in curves.rows for p in row.words] == [0, 1, 2, 3, 4]
    for row in curves.rows:
        assert all(p.left >= 0 and p.left + p.width <= 100 for p in row.words)
    first, second = curves.rows[0].words
    # 0.1 to 1.9 s and 0.05 s at either side: 1.9 s.
    assert (first.left, first.width) == pytest.approx((100 * 0.05 / 1.9, 100 * 0.8 / 1.9), abs=0.01)
    assert second.left == pytest.approx(100 * 1.05 / 1.9, abs=0.01)


def test_words_behind_the_end_are_no_fault(grade: RecordingGrade) -> None:
    curves = drawn(grade, buzz(120, seconds=1), (0.1, 0.9), (3.2, 3.9), (6.5, 7.0))
    assert len(curves.rows) == 3
    assert curves.rows[2].pitch == ()


def test_words_heard_stand_against_words_wanted(grade: RecordingGrade) -> None:
    heard = replace(
        grade, text="I THINK THE WEATHER IS FINE", transcript="i sink weather is so fine"
    )
    assert pair_words(heard) == (
        Pair("i", "i"),
        *(Pair("think", "sink"), Pair("the", None), Pair("weather", "weather")),
        *(Pair("is", "is"), Pair(None, "so"), Pair("fine", "fine")),
    )
    assert pair_words(replace(heard, transcript=None)) == ()
    assert pair_words(replace(heard, text="A B", transcript="")) == (
        Pair("a", None),
        Pair("b", None),
    )
