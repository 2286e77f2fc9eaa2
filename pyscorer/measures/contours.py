"""Pitch and loudness over stretches of a recording: phones, syllables, words."""

from dataclasses import dataclass

import numpy as np

from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.measures.tracks import voicing_probability

CONTOUR = (
    *("voicing", "pitch_level", "pitch_range", "pitch_slope", "pitch_peak", "pitch_peak_place"),
    *("loudness_level", "loudness_peak"),
)
"""Columns of `describe`."""

_VOICED = 0.5
"""Probability from which on a frame is voiced."""
_HIGHEST = 18.0
"""Semitones from the reference beyond which pitch is cut: what is farther is an octave amiss."""
_STEEPEST = 60.0
"""Semitones a second."""
_FEWEST = 3
"""Voiced frames that a slope needs."""


@dataclass(frozen=True)
class Contours:
    """The tracks of a recording, normalised: frames of 10 ms."""

    pitch: np.ndarray
    """Semitones from the reference; 0 where `voiced` is false."""
    voiced: np.ndarray
    loudness: np.ndarray
    """Standard deviations from the mean of speech."""


def semitones(hertz: np.ndarray) -> np.ndarray:
    """Semitones above 1 Hz."""
    return np.asarray(12 * np.log2(hertz))


def voiced_pitch(tracks: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Pitch of the voiced frames of `speech` (one truth value a frame), in semitones above 1 Hz."""
    voiced = (voicing_probability(tracks[:, 0]) >= _VOICED) & speech
    return semitones(tracks[voiced, 1])


def normalised(tracks: np.ndarray, speech: np.ndarray, reference: float | None = None) -> Contours:
    """The `tracks` (see TRACK_COLUMNS) of a recording in which the frames `speech` are phones.

    Pitch is taken from `reference`, semitones above 1 Hz: the speaker's median; without it, from
    the median of the recording itself.
    """
    wide = tracks.astype(np.float64)
    voiced = voicing_probability(wide[:, 0]) >= _VOICED
    pitch = np.zeros(len(wide))
    if (voiced & speech).any():
        reference = np.median(voiced_pitch(wide, speech)) if reference is None else reference
        pitch[voiced] = (semitones(wide[voiced, 1]) - reference).clip(-_HIGHEST, _HIGHEST)
    level = wide[:, 2]
    spread = max(float(level[speech].std()), 1e-3)
    return Contours(pitch, voiced, (level - level[speech].mean()) / spread)


def slope(x: np.ndarray, t: np.ndarray) -> float:
    """Slope of the least-squares line of `x` over the times `t`; 0 of fewer than three points."""
    if len(x) < _FEWEST:
        return 0.0
    centred = t - t.mean()
    return float((centred @ x / (centred @ centred)).clip(-_STEEPEST, _STEEPEST))


def describe(contours: Contours, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """CONTOUR of each stretch of frames from `starts` up to before `ends`: stretches x 8.

    voicing: share of its frames; pitch_level, pitch_peak: mean and highest of the voiced frames, in
    semitones; pitch_range: highest less lowest; pitch_slope: of the least-squares line, semitones a
    second; pitch_peak_place: 0 at the start, 1 at the end of the stretch; loudness_level and
    loudness_peak: mean and highest, in standard deviations. Without voice pitch is 0, and the place
    of its peak 0.5.
    """
    rows = np.zeros((len(starts), len(CONTOUR)))
    rows[:, CONTOUR.index("pitch_peak_place")] = 0.5
    for row, start, end in zip(rows, starts, ends, strict=True):
        loudness = contours.loudness[start:end]
        row[-2:] = loudness.mean(), loudness.max()
        places = np.flatnonzero(contours.voiced[start:end])
        if len(places):
            pitch = contours.pitch[start:end][places]
            row[:5] = (
                *(len(places) / (end - start), pitch.mean(), pitch.max() - pitch.min()),
                *(slope(pitch, places * FRAME_SHIFT), pitch.max()),
            )
            row[5] = (places[pitch.argmax()] + 0.5) / (end - start)
    return rows
