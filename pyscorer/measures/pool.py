"""One vector a phone: deep features averaged over its frames, and what the alignment says of it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np

from pyscorer.contract.compact import read_large_table
from pyscorer.contract.phones import PHONE_ID
from pyscorer.contract.recording import Recording
from pyscorer.contract.segments import (
    DURATION_COLUMNS,
    PhoneSegment,
    durations,
    read_frame_shift,
    segment_means,
)
from pyscorer.measures.corpus import Archive, read_recordings, write_measured

EXTRAS = (*DURATION_COLUMNS, "log_posterior", "log_rival")
"""Columns after the deep features, see `extra_inputs`."""


def extra_inputs(
    log_posteriors: np.ndarray, segments: Sequence[PhoneSegment], frame_shift: float
) -> np.ndarray:
    """The columns EXTRAS of each phone: phones x 5.

    Those of `segments.durations`; log_posterior: mean over the frames of the log-posterior of the
    aligned phone; log_rival: the highest such mean of any other phone (silence is a rival too).
    `log_posteriors` is T' x 41 over the phone ids 1..41.
    """
    means = segment_means(log_posteriors, segments, frame_shift)
    own = np.array([PHONE_ID[s.phone] - 1 for s in segments])
    rows = np.arange(len(segments))
    aligned = means[rows, own].copy()
    means[rows, own] = -np.inf
    return np.column_stack([durations(segments), aligned, means.max(axis=1)])


@dataclass(frozen=True)
class PooledStates:
    """Deep features averaged over the frames of each phone: Lin & Wang 2021, section 2.2.

    Reads the output `name` and, with `posteriors`, the output `posteriors` of the recording.
    """

    name: str
    dimension: int
    """Of the deep features."""
    posteriors: bool = True
    """Whether EXTRAS follow, which need posteriors; else DURATION_COLUMNS alone."""

    @property
    def columns(self) -> tuple[str, ...]:
        """deep_0, deep_1, ... and the extras."""
        extras = EXTRAS if self.posteriors else DURATION_COLUMNS
        return (*(f"deep_{i}" for i in range(self.dimension)), *extras)

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x columns, float32; silence is left out."""
        segments, states = recording.segments, recording.output(self.name)
        parts = [segment_means(states.matrix, segments, states.shift)]
        if self.posteriors:
            posteriors = recording.output("posteriors")
            parts.append(extra_inputs(posteriors.matrix, segments, posteriors.shift))
        else:
            parts.append(durations(segments))
        return np.concatenate(parts, axis=1).astype(np.float32)


def pool(data: Path, ali: Path, deep: Path, out: Path, posteriors: bool = True) -> None:
    """Average the deep features of `deep` over the phones of the alignment `ali`.

    Writes, for every utterance of data/text: out/phones.scp (float matrix, phones x columns),
    out/columns.txt (column names: deep_0, deep_1, ... and then EXTRAS) and out/segments.csv
    (utterance, word_index, phone_index, phone, start, length; times in 10 ms frames), whose rows
    are the rows of the matrices.

    `posteriors` switched off: `deep` has no post.scp (see the stage `encode`), and of EXTRAS
    DURATION_COLUMNS alone are written.

    Raises InputError naming the utterance if one is missing, is silence alone, or has alignment and
    features of different lengths.
    """
    wanted, shift = read_large_table(data / "text"), read_frame_shift(deep)
    archives = {"pool": Archive(deep / "embed.scp", shift, "export or encode")}
    if posteriors:
        archives["posteriors"] = Archive(deep / "post.scp", shift, "export")
    recordings = read_recordings(data, wanted, ali, archives)
    first = next(recordings, None)
    dimension = first.output("pool").matrix.shape[1] if first else 0
    known = chain([first] if first else [], recordings)
    write_measured(PooledStates("pool", dimension, posteriors), known, out, len(wanted))
    logging.getLogger(__name__).info("pooled %d utterances into %s", len(wanted), out)
