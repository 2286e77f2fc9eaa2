"""Fluency of an answer out of the times of its sounds: rates, pauses, runs.

The measures of Cucchiarini, Strik & Boves 2000 (JASA 107, 989-999), who found that rate of speech,
articulation rate and the mean length of runs predict what people call fluent.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from pyscorer.contract.ctm import FRAME_SHIFT

PAUSE = 20
"""10 ms frames from which on a silence between sounds is a pause: 0.2 s, as in the paper."""


class Sound(Protocol):
    """A phone or a word; times in 10 ms frames."""

    @property
    def start(self) -> int:
        """Its first frame."""

    @property
    def length(self) -> int:
        """Its frames, at least 1."""


def fluency(sounds: Sequence[Sound], words: int, seconds: float) -> dict[str, float]:
    """Figures of one answer of `words` words, whose `sounds` (at least one) are in order of time.

    `sounds` are phones or, where there is no alignment, words; `seconds` last the recording. Times
    in seconds, rates a second of the answer, which runs from its first sound to its last:

    onset, tail: silence before and after the answer. answer_seconds, phonation_seconds: all of it,
    and without its pauses. phonation_ratio: their ratio; speech_share: phonation of the recording.
    words_per_second, sounds_per_second: of the answer; articulation_rate: sounds a second without
    pauses. pauses, pauses_per_second, pause_total, pause_mean, pause_longest (0 without a pause);
    gap_share: all silences between sounds, however short, of the answer. runs: stretches between
    pauses; run_sounds, run_seconds: their mean length; run_longest in seconds.
    """
    start = np.array([s.start for s in sounds])
    end = start + [s.length for s in sounds]
    gaps = np.maximum(start[1:] - end[:-1], 0)
    breaks = np.flatnonzero(gaps >= PAUSE)
    pauses = gaps[breaks] * FRAME_SHIFT
    answer = float(end[-1] - start[0]) * FRAME_SHIFT
    phonation = answer - float(pauses.sum())
    runs = (end[np.append(breaks, -1)] - start[np.append(0, breaks + 1)]) * FRAME_SHIFT
    return {
        "onset": float(start[0]) * FRAME_SHIFT,
        "tail": max(seconds - float(end[-1]) * FRAME_SHIFT, 0.0),
        "answer_seconds": answer,
        "phonation_seconds": phonation,
        "phonation_ratio": phonation / answer,
        "speech_share": phonation / max(seconds, answer),
        "words_per_second": words / answer,
        "sounds_per_second": len(sounds) / answer,
        "articulation_rate": len(sounds) / phonation,
        "pauses": float(len(pauses)),
        "pauses_per_second": len(pauses) / answer,
        "pause_total": float(pauses.sum()),
        "pause_mean": float(pauses.mean()) if len(pauses) else 0.0,
        "pause_longest": float(pauses.max(initial=0)),
        "gap_share": float(gaps.sum()) * FRAME_SHIFT / answer,
        "runs": float(len(runs)),
        "run_sounds": len(sounds) / len(runs),
        "run_seconds": phonation / len(runs),
        "run_longest": float(runs.max()),
    }
