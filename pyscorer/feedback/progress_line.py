"""Whether scores rise over time: the slope of Theil and Sen."""

from dataclasses import dataclass
from typing import Any

import numpy as np

FEWEST = 5
"""Recordings from which on a trend is told."""
_CONFIDENCE = 0.9
_DAYS = 30.0


@dataclass(frozen=True)
class Trend:
    """How an aspect changes: points a step, of 30 days or from recording to recording."""

    mean: float
    times: tuple[float, ...]
    """Of the recordings: days from the first, or their numbers."""
    step: float
    """Days, or recordings, that the slope is told for."""
    slope: float | None = None
    """None: too few recordings, or all at one time."""
    low: float | None = None
    high: float | None = None
    """The 90 % interval of the slope."""
    start: float = 0.0
    """Of the line, at the first recording."""

    @property
    def is_told(self) -> bool:
        """Whether the interval is on one side of no change."""
        return self.low is not None and self.high is not None and self.low * self.high > 0

    def row(self) -> dict[str, Any]:
        """Columns of progress.csv."""
        unit = f"{self.step:g} days" if self.step > 1 else "recording"
        found = {"slope": self.slope, "slope_low": self.low, "slope_high": self.high}
        cells = {name: "" if value is None else value for name, value in found.items()}
        return {"mean": self.mean, **cells, "a": unit}


def trend(times: np.ndarray, scores: np.ndarray, days: bool) -> Trend:
    """The median slope between any two recordings (Sen 1968), with its 90 % interval.

    `times` are days from the first recording if `days`, else the recordings' numbers.
    """
    step, mean = _DAYS if days else 1.0, float(scores.mean())
    told = tuple(float(time) for time in times)
    if len(scores) < FEWEST or np.ptp(times) == 0:
        return Trend(mean, told, step)
    from scipy.stats import theilslopes  # takes a second

    found = theilslopes(scores, times, alpha=_CONFIDENCE)
    slope, low, high = (float(v) * step for v in (found.slope, found.low_slope, found.high_slope))
    return Trend(mean, told, step, slope, low, high, float(found.intercept))
