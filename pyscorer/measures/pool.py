"""One vector a phone: deep features averaged over its frames, and what the alignment says of it."""

import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pyscorer.contract.archives import Matrices
from pyscorer.contract.files import read_table
from pyscorer.contract.phones import PHONE_ID
from pyscorer.contract.pooled import write_pooled
from pyscorer.contract.segments import (
    DURATION_COLUMNS,
    PhoneSegment,
    check_keys,
    check_length,
    durations,
    read_frame_shift,
    read_wanted,
    segment_means,
)
from pyscorer.progress import progress_bar

EXTRAS = (*DURATION_COLUMNS, "log_posterior", "log_rival")
"""Columns after the deep features, see `extra_inputs`."""


def extra_inputs(
    log_posteriors: np.ndarray, segments: list[PhoneSegment], frame_shift: float
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


def pool_utterance(
    key: str,
    segments: list[PhoneSegment],
    embeddings: np.ndarray,
    log_posteriors: np.ndarray | None,
    frame_shift: float,
    frames: int,
) -> np.ndarray:
    """Pooled vectors of one utterance: phones x (deep feature dimension + extras), float32.

    The extras are EXTRAS, without posteriors DURATION_COLUMNS alone. `frames` is the number of
    10 ms frames of the alignment. Raises InputError naming the utterance if embeddings or
    posteriors do not have the length that the alignment asks for.
    """
    check_length(key, "embed.scp", len(embeddings), frames, frame_shift)
    deep = segment_means(embeddings, segments, frame_shift)
    if log_posteriors is None:
        return np.concatenate([deep, durations(segments)], axis=1).astype(np.float32)
    check_length(key, "post.scp", len(log_posteriors), frames, frame_shift)
    extras = extra_inputs(log_posteriors, segments, frame_shift)
    return np.concatenate([deep, extras], axis=1).astype(np.float32)


def pool(data: Path, ali: Path, deep: Path, out: Path, posteriors: bool = True) -> None:
    """Average the deep features of `deep` over the phones of the alignment `ali`.

    Writes, for every utterance of data/text: out/phones.scp (float matrix, phones x columns),
    out/columns.txt (column names: deep_0, deep_1, ... and then EXTRAS) and out/segments.csv
    (utterance, word_index, phone_index, phone, start, length; times in 10 ms frames), whose rows
    are the rows of the matrices. Lin & Wang 2021, section 2.2: silence is left out.

    `posteriors` switched off: `deep` has no post.scp (see the stage `encode`), and of EXTRAS
    DURATION_COLUMNS alone are written.

    Raises InputError naming the utterance if one is missing, is silence alone, or has alignment and
    features of different lengths.
    """
    wanted = read_table(data / "text")
    embeddings = Matrices(deep / "embed.scp")
    log_posteriors = Matrices(deep / "post.scp") if posteriors else None
    check_keys(deep / "embed.scp", embeddings, wanted, data, "export or encode")
    if log_posteriors is not None:
        check_keys(deep / "post.scp", log_posteriors, wanted, data, "export")
    frame_shift = read_frame_shift(deep)

    def rows() -> Iterator[tuple[str, list[PhoneSegment], np.ndarray]]:
        utterances = read_wanted(ali, wanted, data)
        for key, segments, frames in progress_bar(utterances, "pool", len(wanted), unit="utt"):
            own = None if log_posteriors is None else log_posteriors[key]
            yield (
                key,
                segments,
                pool_utterance(key, segments, embeddings[key], own, frame_shift, frames),
            )

    dimension = next((embeddings[key].shape[1] for key in wanted), 0)
    extras = EXTRAS if posteriors else DURATION_COLUMNS
    write_pooled(out, [*(f"deep_{i}" for i in range(dimension)), *extras], rows())
    logging.getLogger(__name__).info("pooled %d utterances into %s", len(wanted), out)
