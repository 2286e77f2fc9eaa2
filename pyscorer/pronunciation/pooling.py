"""One vector a phone: deep features averaged over its frames, and what the alignment says of it."""

import csv
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pyscorer.alignment import FRAME_SHIFT, Segment, read_ctm
from pyscorer.archives import Matrices, write_archive
from pyscorer.datadir import PHONE_ID, SILENCE
from pyscorer.errors import InputError
from pyscorer.files import atomic_open, read_lines, read_table

EXTRAS = ("log_duration", "pause_before", "pause_after", "log_posterior", "log_rival")
"""Columns after the deep features, see `extra_inputs`."""

SEGMENT_COLUMNS = ["utterance", "word_index", "phone_index", "phone", "start", "length"]

_LENGTH_TOLERANCE = 2.0
"""Output frames by which alignment and deep features may differ (edges of an utterance)."""


@dataclass(frozen=True)
class PhoneSegment:
    """One phone of one word; times in 10 ms frames."""

    word_index: int
    phone_index: int
    """Place of the phone in its word, from 0."""
    phone: str
    start: int
    length: int
    pause_before: int
    """Frames of silence between this phone and the one before it (or the start)."""
    pause_after: int


def phone_segments(key: str, phones: list[Segment], words: list[Segment]) -> list[PhoneSegment]:
    """The phones of an utterance, silence left out, each placed in its word.

    Raises InputError naming the utterance if it has no phone but silence or if a phone lies in no
    word.
    """
    spoken = [p for p in phones if p.label != SILENCE]
    if not spoken:
        raise InputError(
            f"utterance {key}: aligned to silence alone, so there is nothing to score; check its "
            "audio and text, or drop it from the data directory"
        )
    end = phones[-1].end
    rows: list[PhoneSegment] = []
    word, place = -1, 0
    for i, p in enumerate(spoken):
        inside = word >= 0 and p.start < words[word].end
        if not inside:
            word, place = word + 1, 0
        if word >= len(words) or not words[word].start <= p.start < p.end <= words[word].end:
            raise InputError(
                f"utterance {key}: phone {p.label} at {p.start * FRAME_SHIFT:.2f} s lies in no "
                "word: phones.ctm and words.ctm are not of the same alignment"
            )
        before = p.start - (spoken[i - 1].end if i else 0)
        after = (spoken[i + 1].start if i + 1 < len(spoken) else end) - p.end
        rows.append(PhoneSegment(word, place, p.label, p.start, p.length, before, after))
        place += 1
    if word + 1 != len(words):
        raise InputError(f"utterance {key}: word {words[word + 1].label} has no phones")
    return rows


def segment_means(
    frames: np.ndarray, segments: list[PhoneSegment], frame_shift: float
) -> np.ndarray:
    """Mean of `frames` (T x D, one row a `frame_shift` seconds) over each segment: phones x D.

    Row i covers the time from i to i + 1 frame shifts; rows that a segment shares with its
    neighbours are weighted by the overlap, so that the shortest phone has a mean as well. Where a
    segment runs past the last row, the last row is repeated.
    """
    ratio = FRAME_SHIFT / frame_shift
    start = np.array([s.start for s in segments]) * ratio
    end = np.array([s.start + s.length for s in segments]) * ratio
    short = math.ceil(end.max()) - len(frames)
    if short > 0:
        frames = np.concatenate([frames, np.repeat(frames[-1:], short, axis=0)])
    total = np.zeros((len(frames) + 1, frames.shape[1]))
    np.cumsum(frames, axis=0, dtype=np.float64, out=total[1:])
    # The last row again, so that an end exactly at the last frame has a right neighbour.
    total = np.concatenate([total, total[-1:]])

    def integral(x: np.ndarray) -> np.ndarray:
        left = np.floor(x).astype(int)
        part = (x - left)[:, None]
        return (1 - part) * total[left] + part * total[left + 1]

    return (integral(end) - integral(start)) / (end - start)[:, None]


def extra_inputs(
    log_posteriors: np.ndarray, segments: list[PhoneSegment], frame_shift: float
) -> np.ndarray:
    """The columns EXTRAS of each phone: phones x 5.

    log_duration: log of the number of 10 ms frames; pause_before, pause_after: log(1 + frames of
    silence); log_posterior: mean over the frames of the log-posterior of the aligned phone;
    log_rival: the highest such mean of any other phone (silence is a rival too).
    `log_posteriors` is T' x 41 over the phone ids 1..41.
    """
    means = segment_means(log_posteriors, segments, frame_shift)
    own = np.array([PHONE_ID[s.phone] - 1 for s in segments])
    rows = np.arange(len(segments))
    aligned = means[rows, own].copy()
    means[rows, own] = -np.inf
    return np.stack(
        [
            np.log([s.length for s in segments]),
            np.log1p([s.pause_before for s in segments]),
            np.log1p([s.pause_after for s in segments]),
            aligned,
            means.max(axis=1),
        ],
        axis=1,
    )


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
    expected = frames * FRAME_SHIFT / frame_shift
    for name, matrix in (("embed", embeddings), ("post", log_posteriors)):
        if abs(len(matrix) - expected) > _LENGTH_TOLERANCE:
            raise InputError(
                f"utterance {key}: {name}.scp has {len(matrix)} frames of {frame_shift} s, the "
                f"alignment {frames} of {FRAME_SHIFT} s: they are not of the same audio; run the "
                "stages features, align and export again"
            )
    deep = segment_means(embeddings, segments, frame_shift)
    extras = extra_inputs(log_posteriors, segments, frame_shift)
    return np.concatenate([deep, extras], axis=1).astype(np.float32)


def read_segments(ali: Path) -> Iterator[tuple[str, list[PhoneSegment], int]]:
    """Yield (utterance, its phones, 10 ms frames of the utterance) of an alignment directory.

    Raises InputError if phones.ctm and words.ctm do not hold the same utterances in one order.
    """
    words = read_ctm(ali / "words.ctm")
    for key, phones in read_ctm(ali / "phones.ctm"):
        if all(p.label == SILENCE for p in phones):
            phone_segments(key, phones, [])  # raises
        word_key, word_segments = next(words, ("nothing", []))
        if word_key != key:
            raise InputError(
                f"{ali}/words.ctm: {word_key} where phones.ctm has {key}; run align again"
            )
        yield key, phone_segments(key, phones, word_segments), phones[-1].end


def read_frame_shift(deep: Path) -> float:
    """Seconds between rows of embed.scp and post.scp, from the file `frame_shift` beside them."""
    text = " ".join(line for _, line in read_lines(deep / "frame_shift"))
    try:
        return float(text)
    except ValueError:
        raise InputError(f"{deep}/frame_shift: {text!r} is not a number of seconds") from None


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
            progress = tqdm(read_segments(ali), "pool", len(wanted), mininterval=1, unit="utt")
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
