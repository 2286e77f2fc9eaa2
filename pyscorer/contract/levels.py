"""How loud recordings are, and what is wrong with their samples."""

from dataclasses import dataclass

import numpy as np

CUT = "it is cut short: its header states more than the file holds; get it again"
_OFFSET = 0.005
"""Mean of the samples from which on it is an offset of the recorder's, and taken off."""
_SCALE = 4.0
"""A peak above it is not loud but of another scale: float samples run from -1 to 1."""
_CANCELLED = 0.2
"""Of the power that unrelated channels leave in their mean; less means that they cancel out."""


@dataclass(frozen=True)
class Recording:
    """What an audio file holds, and what is wrong with it."""

    samples: np.ndarray
    """Mono float32, the mean of the channels. An offset (a mean of the samples beyond 0.005, which
    no speech has) is taken off; without one they are as decoded, bit for bit."""
    rate: int
    """Hz."""
    faults: tuple[str, ...]
    """Why models would hear something else than was recorded: samples that are not numbers or of
    another scale, channels that cancel each other out, a file that is cut short."""
    full_scale: float
    """Share of the samples at full scale, in the channel that has most of them."""
    peak: float
    """Of the samples, the offset taken off; NaN where some are not numbers."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


class Levels:
    """Sums over the channels of a recording, block by block."""

    def __init__(self) -> None:
        self.count = 0
        self.peak = 0.0
        self.full = np.zeros(1)
        self.sums = np.zeros((2, 1))

    @np.errstate(invalid="ignore", over="ignore")
    def add(self, block: np.ndarray, mono: np.ndarray, full: float) -> None:
        """Blocks of frames x channels, and their mean."""
        size = np.abs(block)
        self.peak = float(np.maximum(self.peak, size.max(initial=0)))
        if block.shape[1] != len(self.full):
            # The channels of joined files may differ in number; what cancels is named of the last.
            self.count, self.full = 0, np.zeros(block.shape[1])
            self.sums = np.zeros((2, block.shape[1] + 1))
        self.count += len(block)
        self.full += np.count_nonzero(size >= full, axis=0)
        if block.shape[1] > 1:
            both = np.concatenate([block, mono[:, None]], axis=1, dtype=np.float64)
            self.sums += both.sum(axis=0), np.square(both).sum(axis=0)

    def full_scale(self) -> float:
        """Share of the samples at full scale, of the channel that has most of them."""
        return float(self.full.max()) / self.count if self.count else 0.0

    def cancel(self) -> bool:
        """Whether the mean of the channels has lost what the channels have."""
        channels = len(self.full)
        if self.count == 0 or channels == 1:
            return False
        power = self.sums[1] / self.count - (self.sums[0] / self.count) ** 2
        each = float(power[:-1].mean())
        return each > 1e-8 and power[-1] < _CANCELLED / channels * each


def judged(samples: np.ndarray, rate: int, levels: Levels, cut: bool) -> Recording:
    """A recording, with what its levels tell of it."""
    faults = []
    if not np.isfinite(levels.peak):
        faults.append("samples that are not numbers (NaN or infinite); convert it again")
        return Recording(samples, rate, tuple(faults), 0.0, float("nan"))
    if levels.peak > _SCALE:
        faults.append(
            f"samples up to {levels.peak:.4g} where float samples run from -1 to 1: they seem to be"
            " on the scale of integers; divide them by 32768 (or by 2 to the 23rd or 31st)"
        )
    if levels.cancel():
        faults.append(
            "its channels cancel each other out (opposite phase), so that their mean, which is "
            "what models get, is all but silent; take one channel"
        )
    if cut:
        faults.append(CUT)
    mean = float(samples.mean(dtype=np.float64)) if len(samples) else 0.0
    if abs(mean) > _OFFSET:
        samples = samples - np.float32(mean)
        mean = 0.0
    extremes = (float(samples.min()), float(samples.max())) if len(samples) else (0.0, 0.0)
    peak = max(extremes[1] - mean, mean - extremes[0])
    return Recording(samples, rate, tuple(faults), levels.full_scale(), peak)
