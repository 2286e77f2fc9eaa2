"""Alignments by hand, and tracks of pitch and loudness for them."""

from collections.abc import Sequence

import numpy as np

from pyscorer.contract.segments import PhoneSegment


def aligned(*words: str, pauses: Sequence[int] = (), start: int = 10) -> list[PhoneSegment]:
    """Phones of words such as "AH:5 B:7", lengths in frames; `pauses` before all but the first."""
    found: list[PhoneSegment] = []
    at, gaps = start, [0, *pauses, *[0] * len(words)]
    for word, text in enumerate(words):
        at += gaps[word]
        for place, part in enumerate(text.split()):
            phone, length = part.split(":")
            before = gaps[word] if place == 0 and word else (start if not found else 0)
            found.append(PhoneSegment(word, place, phone, at, int(length), before, 0))
            at += int(length)
    return found


def flat_tracks(frames: int, hertz: float = 200.0, loudness: float = -30.0) -> np.ndarray:
    """TRACK_COLUMNS of so many voiced frames."""
    return np.tile([0.99, hertz, loudness], (frames, 1)).astype(np.float32)
