"""Prosody as a measure: pitch, loudness, length and rhythm of phones, syllables and words."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.phones import VOWELS
from pyscorer.contract.pooled import OF_UTTERANCE, OF_WORD
from pyscorer.contract.recording import Recording
from pyscorer.contract.segments import DURATION_COLUMNS, PhoneSegment, durations
from pyscorer.errors import InputError
from pyscorer.lexicon.syllables import Stresses, syllabify, word_stress
from pyscorer.measures.contours import CONTOUR, Contours, describe, normalised, slope
from pyscorer.measures.rhythm import RHYTHM, rhythm
from pyscorer.measures.tracks import TRACKS

_CONTRASTS = ("stress_pitch", "stress_loudness", "stress_length")
_MELODY = (
    *("voicing", "pitch_deviation", "pitch_range", "declination", "final_pitch", "final_slope"),
    *("pitch_steps", "loudness_range", "loudness_steps"),
)


def _named(prefix: str, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(prefix + name for name in names)


PROSODY_COLUMNS = (
    *(*DURATION_COLUMNS, *CONTOUR, "length", "stress"),
    *_named("syllable_", (*CONTOUR, "length", "vowel_length")),
    *_named(OF_WORD, (*CONTOUR, "length", "syllables", "stress_known", *_CONTRASTS)),
    *_named(OF_UTTERANCE, (*RHYTHM, *_MELODY, *_CONTRASTS)),
)
"""What `Prosody` says of a phone: of its own, its syllable, its word, its utterance."""

_SECONDARY = 0.5
"""Stress of a syllable, of which the primary has 1."""


@dataclass(frozen=True)
class Prosody:
    """A measure: PROSODY_COLUMNS, from the output `tracks` (see `tracks.prosody_tracks`).

    After DURATION_COLUMNS each of phone, syllable and word has CONTOUR (see `contours.describe`),
    pitch in semitones from the reference, loudness in standard deviations from the mean of the
    utterance's phones; and `length`: of a phone its log length less the mean of the utterance's
    phones of its kind (vowels, consonants), of a syllable its log length less the mean of the
    syllables, of a word the mean of its phones' `length`; `vowel_length`: that of the syllable's
    vowel.

    `stress`: what the word's lexical stress wants of the syllable: 1 primary, 0.5 secondary, 0 none
    or not known. Of a word of several syllables whose stress is known (`stress_known`),
    `stress_pitch`, `stress_loudness` and `stress_length`: how much higher, louder and longer
    (`pitch_level`, `loudness_level`, `vowel_length`) the syllable of primary stress is than the
    most prominent of the others; of the utterance their means over such words.

    Of the utterance also RHYTHM (see `rhythm.rhythm`); voicing: share of voiced frames in its
    phones; pitch_deviation: standard deviation, pitch_range: from the 5th percentile to the 95th,
    declination: slope, semitones a second, of pitch from the first phone to the last; final_pitch,
    final_slope: pitch_level and pitch_slope of the last syllable; pitch_steps: mean absolute
    difference of pitch_level between neighbouring voiced syllables; loudness_range (10th to 90th
    percentile of the phones' frames, dB) and loudness_steps.

    Where nothing is voiced, as in whispering, all pitch is 0 and so is voicing.
    """

    stresses: Stresses
    reference: float | None = None
    """The speaker's median pitch, semitones above 1 Hz; None: the median of the recording."""
    name: str = "prosody"
    columns: tuple[str, ...] = PROSODY_COLUMNS

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x PROSODY_COLUMNS, finite. Raises InputError for a recording without tracks."""
        tracks, segments = recording.output(TRACKS).matrix, recording.segments
        units = _Units.of(segments, len(tracks))
        contours = normalised(tracks, speech_frames(segments, len(tracks)), self.reference)
        stress, known = self._stress(recording, units)
        lengths = _relative(np.log([s.length for s in segments]), units.vowel)
        own = [durations(segments), describe(contours, *units.phones), lengths, stress]
        syllables = _syllables(contours, units, lengths)
        words = _words(contours, units, lengths, syllables, stress, known)
        utterance = _utterance(tracks, contours, units, segments, syllables, words)
        return np.column_stack(
            [
                *own,
                syllables[units.syllable],
                words[units.word],
                np.tile(utterance, (len(segments), 1)),
            ]
        ).astype(np.float32)

    def _stress(self, recording: Recording, units: "_Units") -> tuple[np.ndarray, np.ndarray]:
        """Wanted stress of each phone's syllable; of each word whether it is known."""
        if len(recording.words) != units.word[-1] + 1:
            raise InputError(
                f"utterance {recording.key}: {len(recording.words)} words in the text, "
                f"{units.word[-1] + 1} in the alignment; align the same text"
            )
        names = np.array([s.phone for s in recording.segments])
        stress, known = np.zeros(len(names)), np.zeros(len(recording.words))
        for number, word in enumerate(recording.words):
            own = np.flatnonzero(units.word == number)
            pattern = word_stress(word, names[own].tolist(), self.stresses)
            if pattern is None or len(pattern) < 2:
                continue
            known[number] = 1
            degrees = np.array([(0.0, 1.0, _SECONDARY)[digit] for digit in pattern])
            stress[own] = degrees[units.syllable[own] - units.syllable[own[0]]]
        return stress, known


@dataclass(frozen=True)
class _Units:
    """The phones of an utterance in its syllables and words; frames from start to before end."""

    word: np.ndarray
    """Of each phone."""
    syllable: np.ndarray
    """Of each phone, numbered through the utterance."""
    vowel: np.ndarray
    """Whether a phone is one."""
    phones: tuple[np.ndarray, np.ndarray]
    """Starts and ends."""

    @classmethod
    def of(cls, segments: Sequence[PhoneSegment], frames: int) -> "_Units":
        word = np.array([s.word_index for s in segments])
        names = [s.phone for s in segments]
        syllable, first = np.zeros(len(word), dtype=int), 0
        for number in range(word[-1] + 1):
            own = np.flatnonzero(word == number)
            syllable[own] = np.array(syllabify([names[i] for i in own])) + first
            first = syllable[own[-1]] + 1
        # Where the alignment runs past the tracks, their last frame stands for what is missing.
        starts = np.minimum([s.start for s in segments], frames - 1)
        ends = np.clip([s.start + s.length for s in segments], starts + 1, frames)
        return cls(word, syllable, np.array([n in VOWELS for n in names]), (starts, ends))

    def spans(self, owner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Starts and ends of the syllables or words that `owner` numbers."""
        first = np.flatnonzero(np.diff(owner, prepend=-1))
        last = np.append(first[1:], len(owner)) - 1
        return self.phones[0][first], self.phones[1][last]


def speech_frames(segments: Sequence[PhoneSegment], frames: int) -> np.ndarray:
    """Of each of so many frames of 10 ms whether it is in a phone."""
    speech = np.zeros(frames, dtype=bool)
    for s in segments:
        speech[min(s.start, frames - 1) : s.start + s.length] = True
    return speech


def _relative(logs: np.ndarray, kind: np.ndarray) -> np.ndarray:
    """`logs` less their means over each kind."""
    counts = np.bincount(kind, minlength=2)
    means = np.bincount(kind, weights=logs, minlength=2) / np.maximum(counts, 1)
    return np.asarray(logs - means[kind.astype(int)])


def _syllables(contours: Contours, units: _Units, lengths: np.ndarray) -> np.ndarray:
    """Syllables x (CONTOUR, length, vowel_length)."""
    starts, ends = units.spans(units.syllable)
    logs = np.log(ends - starts)
    vowels = np.zeros(len(starts))
    vowels[units.syllable[units.vowel]] = lengths[units.vowel]
    return np.column_stack([describe(contours, starts, ends), logs - logs.mean(), vowels])


_PROMINENCE = [CONTOUR.index("pitch_level"), CONTOUR.index("loudness_level"), len(CONTOUR) + 1]
"""Columns of a syllable that tell its prominence, as _CONTRASTS."""


def _words(
    contours: Contours,
    units: _Units,
    lengths: np.ndarray,
    syllables: np.ndarray,
    stress: np.ndarray,
    known: np.ndarray,
) -> np.ndarray:
    """Words x (CONTOUR, length, syllables, stress_known, _CONTRASTS)."""
    counts, contrasts = np.zeros(len(known)), np.zeros((len(known), len(_CONTRASTS)))
    wanted = np.zeros(len(syllables))
    wanted[units.syllable] = stress
    for word in range(len(known)):
        own = np.unique(units.syllable[units.word == word])
        counts[word] = len(own)
        if known[word]:
            primary = own == own[wanted[own].argmax()]
            prominence = syllables[own][:, _PROMINENCE]
            contrasts[word] = prominence[primary][0] - prominence[~primary].max(axis=0)
    mean_length = np.bincount(units.word, weights=lengths) / np.bincount(units.word)
    own_contours = describe(contours, *units.spans(units.word))
    return np.column_stack([own_contours, mean_length, counts, known, contrasts])


def _utterance(
    tracks: np.ndarray,
    contours: Contours,
    units: _Units,
    segments: Sequence[PhoneSegment],
    syllables: np.ndarray,
    words: np.ndarray,
) -> np.ndarray:
    """(RHYTHM, _MELODY, _CONTRASTS)."""
    speech = speech_frames(segments, len(tracks))
    voiced = np.flatnonzero(contours.voiced & speech)
    pitch, level = contours.pitch[voiced], tracks[speech, 2]
    low, high = np.quantile(pitch, [0.05, 0.95]) if len(pitch) else (0.0, 0.0)
    quiet, loud = np.quantile(level, [0.1, 0.9])
    column = dict(zip(CONTOUR, syllables.T, strict=False))
    melody = [
        len(voiced) / speech.sum(),
        float(pitch.std()) if len(pitch) else 0.0,
        high - low,
        slope(pitch, voiced * FRAME_SHIFT),
        *(column["pitch_level"][-1], column["pitch_slope"][-1]),
        _steps(column["pitch_level"][column["voicing"] > 0]),
        loud - quiet,
        _steps(column["loudness_level"]),
    ]
    known = words[:, -len(_CONTRASTS) - 1] > 0
    contrasts = words[known, -len(_CONTRASTS) :].mean(axis=0) if known.any() else np.zeros(3)
    return np.array([*rhythm(segments, units.syllable), *melody, *contrasts])


def _steps(levels: np.ndarray) -> float:
    """Mean absolute difference of neighbours."""
    return float(np.abs(np.diff(levels)).mean()) if len(levels) > 1 else 0.0
