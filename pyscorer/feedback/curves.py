"""Pitch and loudness of a recording as lines to be drawn, above its words, in rows like music."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.grading.grades import RecordingGrade, WordGrade
from pyscorer.measures.contours import semitones
from pyscorer.measures.tracks import prosody_tracks, voicing_probability

WIDTH, HEIGHT = 1000, 100
"""Of a row, in the units of its lines."""
OCTAVE = 12.0
"""Semitones from the middle to the upper and lower edge of a row."""
LOUDNESS = 40.0
"""Decibels from the loudest moment down to the lower edge."""
_VOICED = 0.5
"""Probability from which on a frame has a pitch."""
_LONGEST = 2.6
"""Seconds of a row: so many words stand side by side on a telephone."""
_MARGIN = 0.05
"""Seconds that are shown before and after the words of a row."""
_EVERY = 2
"""Frames from point to point."""


@dataclass(frozen=True)
class Place:
    """Where a word stands in its row, in percent of the width."""

    word: str
    number: int
    """Of the text, from 0."""
    left: float
    width: float


@dataclass(frozen=True)
class Row:
    """A stretch of the recording."""

    words: tuple[Place, ...]
    pitch: tuple[str, ...]
    """Points of a line for each voiced stretch; the middle of the row is the speaker's."""
    loudness: str
    """Points of the area below the loudness."""


@dataclass(frozen=True)
class Curves:
    """All rows of a recording."""

    rows: tuple[Row, ...]
    middle: float | None
    """The speaker's median pitch in Hz; None: nothing is voiced."""


def draw(grade: RecordingGrade, samples: np.ndarray) -> Curves:
    """The curves of a graded recording's mono `samples` at 16 kHz.

    Pitch is told in semitones from the median of the recording, cut at an octave; loudness in
    decibels below its loudest moment.
    """
    tracks = prosody_tracks(samples).astype(np.float64)
    pitch, level = semitones(tracks[:, 1]), tracks[:, 2] - tracks[:, 2].max()
    voiced = (voicing_probability(tracks[:, 0]) >= _VOICED) & (level > -LOUDNESS)
    middle = float(np.median(pitch[voiced])) if voiced.any() else None
    across = np.where(voiced, pitch - (middle or 0), np.nan).clip(-OCTAVE, OCTAVE)
    heights = HEIGHT / 2 * (1 - across / OCTAVE)
    depths = HEIGHT * (-level / LOUDNESS).clip(0, 1)
    rows = tuple(_row(words, heights, depths) for words in _rows(grade.words))
    return Curves(rows, None if middle is None else float(2 ** (middle / 12)))


def _rows(words: Sequence[WordGrade]) -> Iterator[list[tuple[int, WordGrade]]]:
    """Words with their numbers, as many in a row as it has room for."""
    row: list[tuple[int, WordGrade]] = []
    for number, word in enumerate(words):
        if row and word.start + word.duration - row[0][1].start > _LONGEST:
            yield row
            row = []
        row.append((number, word))
    yield row


def _row(words: list[tuple[int, WordGrade]], heights: np.ndarray, depths: np.ndarray) -> Row:
    (_, first), (_, last) = words[0], words[-1]
    start = max(first.start - _MARGIN, 0.0)
    seconds = last.start + last.duration + _MARGIN - start
    frames = np.arange(round(start / FRAME_SHIFT), round((start + seconds) / FRAME_SHIFT), _EVERY)
    frames = frames[frames < len(heights)]
    across = WIDTH * (frames * FRAME_SHIFT - start) / seconds
    places = tuple(
        Place(
            word.word,
            number,
            round(100 * (word.start - start) / seconds, 2),
            round(100 * word.duration / seconds, 2),
        )
        for number, word in words
    )
    known = ~np.isnan(heights[frames])
    cuts = np.flatnonzero(np.diff(known)) + 1
    lines = [part for part in np.split(np.arange(len(frames)), cuts) if len(part) > 1]
    pitch = [_points(across[p], heights[frames[p]]) for p in lines if known[p[0]]]
    ends = [across[:1], across[-1:]]
    area = np.concatenate([ends[0], across, ends[1]])
    bottom = np.full(1, float(HEIGHT))[: len(frames)]
    return Row(
        places, tuple(pitch), _points(area, np.concatenate([bottom, depths[frames], bottom]))
    )


def _points(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{a:.0f},{b:.0f}" for a, b in zip(x, y, strict=True))
