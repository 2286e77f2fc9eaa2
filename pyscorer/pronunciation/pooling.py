"""One vector a phone: deep features averaged over its frames, and what the alignment says of it."""

import csv
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from pyscorer.archives import Matrices, write_archive
from pyscorer.datadir import PHONE_ID
from pyscorer.errors import InputError
from pyscorer.files import atomic_open, read_table
from pyscorer.progress import progress_bar
from pyscorer.segments import (
    DURATION_COLUMNS,
    PhoneSegment,
    check_length,
    durations,
    read_frame_shift,
    read_segments,
    segment_means,
)

EXTRAS = (*DURATION_COLUMNS, "log_posterior", "log_rival")
"""Columns after the deep features, see `extra_inputs`."""

SEGMENT_COLUMNS = ["utterance", "word_index", "phone_index", "phone", "start", "length"]


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
    log_posteriors: np.ndarray,
    frame_shift: float,
    frames: int,
) -> np.ndarray:
    """Pooled vectors of one utterance: phones x (deep feature dimension + len(EXTRAS)), float32.

    `frames` is the number of 10 ms frames of the alignment. Raises InputError naming the utterance
    if embeddings or posteriors do not have the length that the alignment asks for.
    """
    check_length(key, "embed.scp", len(embeddings), frames, frame_shift)
    check_length(key, "post.scp", len(log_posteriors), frames, frame_shift)
    deep = segment_means(embeddings, segments, frame_shift)
    extras = extra_inputs(log_posteriors, segments, frame_shift)
    return np.concatenate([deep, extras], axis=1).astype(np.float32)


def pool(data: Path, ali: Path, deep: Path, out: Path) -> None:
    """Average the deep features of `deep` over the phones of the alignment `ali`.

    Writes, for every utterance of data/text: out/phones.scp (float matrix, phones x columns),
    out/columns.txt (column names: deep_0 ... deep_255 and then EXTRAS) and out/segments.csv
    (utterance, word_index, phone_index, phone, start, length; times in 10 ms frames), whose rows
    are the rows of the matrices. Lin & Wang 2021, section 2.2: silence is left out.

    Raises InputError naming the utterance if one is missing, is silence alone, or has alignment and
    features of different lengths.
    """
    wanted = read_table(data / "text")
    embeddings, posteriors = Matrices(deep / "embed.scp"), Matrices(deep / "post.scp")
    for name, table in (("embed.scp", embeddings), ("post.scp", posteriors)):
        missing = [key for key in wanted if key not in table]
        if missing:
            raise InputError(
                f"{deep / name}: {len(missing)} of the {len(wanted)} utterances of {data}/text are "
                f"missing, first {missing[0]}; run export on the same data"
            )
    frame_shift = read_frame_shift(deep)
    seen: set[str] = set()
    dimension = 0
    with atomic_open(out / "segments.csv") as stream:
        table_writer = csv.writer(stream, lineterminator="\n")
        table_writer.writerow(SEGMENT_COLUMNS)

        def pooled() -> Iterator[tuple[str, np.ndarray]]:
            nonlocal dimension
            progress = progress_bar(read_segments(ali), "pool", len(wanted), unit="utt")
            for key, segments, frames in progress:
                if key not in wanted:
                    continue
                seen.add(key)
                embedding = embeddings[key]
                dimension = embedding.shape[1]
                table_writer.writerows(
                    (key, s.word_index, s.phone_index, s.phone, s.start, s.length) for s in segments
                )
                yield (
                    key,
                    pool_utterance(key, segments, embedding, posteriors[key], frame_shift, frames),
                )
            unaligned = [key for key in wanted if key not in seen]
            if unaligned:
                raise InputError(
                    f"{ali}/phones.ctm: {len(unaligned)} of the {len(wanted)} utterances of "
                    f"{data}/text are missing, first {unaligned[0]}; run align on the same data"
                )

        write_archive(out / "phones.scp", pooled())
    with atomic_open(out / "columns.txt") as stream:
        stream.writelines(f"deep_{i}\n" for i in range(dimension))
        stream.writelines(f"{name}\n" for name in EXTRAS)
    logging.getLogger(__name__).info("pooled %d utterances into %s", len(seen), out)
