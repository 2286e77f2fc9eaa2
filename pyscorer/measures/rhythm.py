"""Rhythm and tempo of an utterance, from the lengths of its vowels, consonants and pauses.

Sources: Ramus, Nespor & Mehler 1999 (%V, deltaV, deltaC), Grabe & Low 2002 (nPVI, rPVI), Dellwo
2006 (VarcoV).
"""

from collections.abc import Sequence
from itertools import chain, pairwise

import numpy as np

from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.phones import VOWELS
from pyscorer.contract.segments import PhoneSegment

RHYTHM = (
    *("npvi_vowels", "rpvi_consonants", "percent_vowels", "delta_vowels", "delta_consonants"),
    *("varco_vowels", "speech_rate", "articulation_rate", "pauses", "pause_share", "run_length"),
    "final_lengthening",
)
"""Columns of `rhythm`."""

_SPLIT = 5
"""Frames of silence that end an interval; less is more often an uncertain boundary."""
PAUSE = 25
"""Frames of silence that are a pause: 250 ms (de Jong & Bosker 2013)."""

Interval = tuple[bool, int, int]
"""Whether it is vocalic; its frames; the stretch of speech without silence that it is in."""


def intervals(segments: Sequence[PhoneSegment]) -> list[Interval]:
    """Vocalic and consonantal intervals: neighbours of one kind are one, also across words."""
    found: list[Interval] = []
    stretch = 0
    for i, s in enumerate(segments):
        vocalic = s.phone in VOWELS
        stretch += i > 0 and s.pause_before >= _SPLIT
        if found and found[-1][0] == vocalic and found[-1][2] == stretch:
            found[-1] = (vocalic, found[-1][1] + s.length, stretch)
        else:
            found.append((vocalic, s.length, stretch))
    return found


def pairwise_variability(lengths: Sequence[Sequence[float]], normalise: bool) -> float:
    """Pairwise variability index of neighbouring `lengths`, of stretches that pauses part.

    Mean of the absolute differences, `normalise`d each by the mean of the two, times 100 (nPVI);
    else in the unit of the lengths (rPVI). 0 where there are no neighbours.
    """
    pairs = np.array([pair for own in lengths for pair in pairwise(own)], float)
    if not len(pairs):
        return 0.0
    apart = np.abs(pairs[:, 0] - pairs[:, 1])
    return float((100 * apart / pairs.mean(axis=1) if normalise else apart).mean())


def rhythm(segments: Sequence[PhoneSegment], syllables: np.ndarray) -> np.ndarray:
    """RHYTHM of an utterance; `syllables` numbers the syllable of each phone, over all words.

    npvi_vowels, rpvi_consonants (ms); percent_vowels: share of speech, 0 to 100; delta_*: standard
    deviation of the intervals' lengths, ms; varco_vowels: that of vowels, in percent of their mean;
    speech_rate, articulation_rate: syllables a second, with pauses and without; pauses a second;
    pause_share: of the time from first to last phone, 0 to 1; run_length: syllables between pauses;
    final_lengthening: log of the mean length of vowels in syllables before a pause or the end over
    that of the others (0 where one of them has none). The silence before the first and after the
    last phone is the recorder's, not the speaker's.
    """
    found = intervals(segments)
    stretches = range(found[-1][2] + 1)
    vowels, consonants = (
        [[10.0 * n for kind, n, at in found if kind == vocalic and at == s] for s in stretches]
        for vocalic in (True, False)
    )
    all_vowels, all_consonants = list(chain(*vowels)), list(chain(*consonants))
    vocalic, spoken = sum(all_vowels), sum(all_vowels) + sum(all_consonants)
    silences = np.array([s.pause_before for s in segments[1:]], dtype=int)
    pauses = silences[silences >= PAUSE]
    seconds = (segments[-1].start + segments[-1].length - segments[0].start) * FRAME_SHIFT
    count, delta = syllables[-1] + 1, _deviation(all_vowels)
    return np.array(
        [
            pairwise_variability(vowels, normalise=True),
            pairwise_variability(consonants, normalise=False),
            *(100 * vocalic / spoken, delta, _deviation(all_consonants)),
            100 * delta / np.mean(all_vowels) if all_vowels else 0.0,
            *(count / seconds, count / (seconds - silences.sum() * FRAME_SHIFT)),
            *(len(pauses) / seconds, silences.sum() * FRAME_SHIFT / seconds),
            *(count / (len(pauses) + 1), _final_lengthening(segments, syllables)),
        ]
    )


def _deviation(lengths: Sequence[float]) -> float:
    return float(np.std(lengths)) if lengths else 0.0


def _final_lengthening(segments: Sequence[PhoneSegment], syllables: np.ndarray) -> float:
    """See `rhythm`."""
    ends = [i for i, s in enumerate(segments[1:]) if s.pause_before >= PAUSE]
    final = {syllables[i] for i in (*ends, len(segments) - 1)}
    lengths: dict[bool, list[int]] = {True: [], False: []}
    for s, syllable in zip(segments, syllables, strict=True):
        if s.phone in VOWELS:
            lengths[syllable in final].append(s.length)
    if not (lengths[True] and lengths[False]):
        return 0.0
    return float(np.log(np.mean(lengths[True]) / np.mean(lengths[False])))
