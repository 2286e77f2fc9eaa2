"""The frame shift of a model that does not say it, measured on a made signal."""

from collections.abc import Callable

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.errors import InputError

_SECONDS = (1, 1.5)
"""Lengths after which the next two rows are looked for."""


def measured_shift(rows: Callable[[np.ndarray], int], name: str) -> float:
    """Seconds between the rows that `rows` counts for a recording at 16 kHz.

    Strided convolutions and windows of features make one row more every so many samples. Those
    lengths at which a row is added are found by bisection, so the answer is exact, whatever is lost
    at the edges. Raises InputError, naming the model, for one whose rows do not grow with what is
    said: it pads every recording to one length.
    """
    noise = np.random.default_rng(0).normal(0, 0.1, 4 * SAMPLE_RATE).astype(np.float32)

    def count(samples: int) -> int:
        return rows(noise[:samples])

    starts = [int(seconds * SAMPLE_RATE) for seconds in _SECONDS]
    first, second = map(count, starts)
    if second <= first:
        raise InputError(
            f"{name}: {first} rows for {_SECONDS[0]} s of speech and {second} for {_SECONDS[1]} s: "
            "not a model whose rows follow the recording"
        )
    most = 2 * (starts[1] - starts[0]) // (second - first) + 1
    places = []
    for start, before in zip(starts, (first, second), strict=True):
        low, high = start, start + most
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if count(middle) > before else (middle, high)
        places.append(high)
    return (places[1] - places[0]) / (second - first) / SAMPLE_RATE
