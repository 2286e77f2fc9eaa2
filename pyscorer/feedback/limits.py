"""How badly a recording may fit its text: measured on recordings under texts that are not theirs.

Not on recordings under their own texts: those of the train split, which the TDNN-F has heard, fit
far better than anyone else's, so what one in a hundred of them does not reach, many readers do not.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import FiniteFloat

from pyscorer.contract.archives import Matrices
from pyscorer.contract.recording import pooled_recordings
from pyscorer.feedback.acoustics import ARCHIVES, Acoustics
from pyscorer.feedback.likeness import Words, fit, random_texts, words_of
from pyscorer.lexicon.dictionary import Lexicon

_RECORDINGS = 200
_WARNED = (0.92, 0.75)
"""Quantiles over recordings of other texts: of `above_others`, and of `below_free`, which is low
for good recordings of noisy rooms as well."""
_REFUSED = (0.75, 0.6)
"""Likewise; of 750 recordings of new speakers under their own texts none is below both."""


@dataclass(frozen=True)
class Limits:
    """Of a `likeness.Fit`."""

    unlike: FiniteFloat
    """What `above_others` is at least where the text is what was read."""
    beyond: FiniteFloat
    """What `below_free` is at least where nothing else was said."""
    refused: tuple[FiniteFloat, FiniteFloat]
    """The two below which a recording is of something else."""


def measure_limits(model: Acoustics, lexicon: Lexicon, pool: Path, deep: Path) -> Limits:
    """The Limits by recordings under the texts of others: at most 200, drawn evenly.

    `pool` is the pooled directory of the model for the train split, `deep` that of its outputs.
    """
    recordings = list(pooled_recordings(pool))
    chosen = np.linspace(0, len(recordings) - 1, min(_RECORDINGS, len(recordings)))
    texts = {r.key: words_of(r.segments) for r in (recordings[round(i)] for i in chosen)}
    states = Matrices(deep / ARCHIVES[model.judged])
    found = []
    for place, (key, own) in enumerate(texts.items()):
        other = _another(own, list(texts.values())[place + 1 :] + list(texts.values())[:place])
        text = other or random_texts(lexicon, sum(map(len, own)), place + 1)[place]
        found.append(fit(model.phone_scores(states[key]), text, lexicon))
    unlike, beyond = [f.above_others for f in found], [f.below_free for f in found]

    def low(values: list[float], quantile: float) -> float:
        return round(float(np.quantile(values, quantile)), 3)

    return Limits(
        low(unlike, _WARNED[0]),
        low(beyond, _WARNED[1]),
        (low(unlike, _REFUSED[0]), low(beyond, _REFUSED[1])),
    )


def _another(own: Words, texts: list[Words]) -> Words | None:
    """The first text that differs."""
    return next((text for text in texts if text != own), None)
