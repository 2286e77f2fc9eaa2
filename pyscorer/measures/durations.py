"""Durations of phones and pauses beside them, as a measure."""

from dataclasses import dataclass

import numpy as np

from pyscorer.contract.recording import Recording
from pyscorer.contract.segments import DURATION_COLUMNS, durations


@dataclass(frozen=True)
class Durations:
    """Log duration of each phone, and the pauses before and after it: `segments.durations`."""

    name: str = "durations"
    columns: tuple[str, ...] = DURATION_COLUMNS

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x DURATION_COLUMNS."""
        return durations(recording.segments)
