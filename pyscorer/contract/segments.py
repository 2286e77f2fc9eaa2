"""The phones of an alignment: each in its word, with its pauses, and means of frames over them."""

import math
from collections.abc import Collection, Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.ctm import FRAME_SHIFT, Segment, read_ctm
from pyscorer.contract.files import atomic_open, read_lines
from pyscorer.contract.phones import PHONE_ID, SILENCE
from pyscorer.errors import InputError

DURATION_COLUMNS = ("log_duration", "pause_before", "pause_after")
"""Columns of `durations`."""

_LENGTH_TOLERANCE = 2.5
"""Rows by which alignment and features may differ: at 20 ms, one for a part and 1.25 for the 25 ms
window of which the alignment has no frame."""


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

    Raises InputError naming the utterance for a phone outside the inventory (phones.PHONES), if it
    has no phone but silence, or if a phone lies in no word.
    """
    for p in phones:
        if not PHONE_ID.get(p.label):
            raise InputError(
                f"utterance {key}: phone {p.label} at {p.start * FRAME_SHIFT:.2f} s is not one of "
                "the inventory (SIL, SPN and the 39 stress-stripped ARPAbet phones); map it in "
                "phones.ctm"
            )
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


def check_keys(
    path: Path, table: Container[str], wanted: Collection[str], data: Path, stage: str
) -> None:
    """Raise InputError unless the archive `path` has every utterance of data/text.

    `stage` is what makes such an archive.
    """
    missing = [key for key in wanted if key not in table]
    if missing:
        raise InputError(
            f"{path}: {len(missing)} of the {len(wanted)} utterances of {data}/text are missing, "
            f"first {missing[0]}; run {stage} on the same data"
        )


def read_wanted(
    ali: Path, wanted: Collection[str], data: Path
) -> Iterator[tuple[str, list[PhoneSegment], int]]:
    """Yield what `read_segments` does, of the utterances of data/text alone.

    Raises InputError, in the end, naming one that the alignment lacks.
    """
    seen = 0
    for key, segments, frames in read_segments(ali):
        if key in wanted:
            seen += 1
            yield key, segments, frames
    if seen < len(wanted):
        there = {key for key, _ in read_ctm(ali / "phones.ctm")}
        check_keys(ali / "phones.ctm", there, wanted, data, "align")


def read_frame_shift(deep: Path) -> float:
    """Seconds between rows of embed.scp and post.scp, from the file `frame_shift` beside them."""
    text = " ".join(line for _, line in read_lines(deep / "frame_shift"))
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise InputError(f"{deep}/frame_shift: {text!r} is not a number of seconds")
    return seconds


def write_frame_shift(deep: Path, seconds: float) -> None:
    """Write what `read_frame_shift` reads."""
    with atomic_open(deep / "frame_shift") as stream:
        stream.write(f"{seconds:g}\n")


def check_length(key: str, name: str, rows: int, frames: int, frame_shift: float) -> None:
    """Raise InputError naming utterance and file unless `rows` fit `frames` of the alignment.

    `rows` last `frame_shift` seconds each, `frames` 10 ms each.
    """
    if abs(rows - frames * FRAME_SHIFT / frame_shift) > _LENGTH_TOLERANCE:
        raise InputError(
            f"utterance {key}: {name} has {rows} frames of {frame_shift:g} s, the alignment "
            f"{frames} of {FRAME_SHIFT} s: they are not of the same audio, or frame_shift is "
            "wrong; run the stages features, align and export again"
        )


def segment_means(
    frames: np.ndarray, segments: Sequence[PhoneSegment], frame_shift: float
) -> np.ndarray:
    """Mean of `frames` (T x D, one row a `frame_shift` seconds) over each segment: phones x D.

    Row i is computed at the 10 ms frame i * frame_shift / 10 ms, so it stands for one frame shift
    of time with that frame in its middle: at 30 ms, row i for the frames 3 i - 1 to 3 i + 1. Rows
    that a segment shares with its neighbours are weighted by the overlap, so that the shortest
    phone has a mean as well. Where a segment runs past the last row, the last row is repeated.
    """
    ratio = FRAME_SHIFT / frame_shift
    # Frames by which row 0 begins before frame 0.
    early = (1 / ratio - 1) / 2
    start = (np.array([s.start for s in segments]) + early) * ratio
    end = (np.array([s.start + s.length for s in segments]) + early) * ratio
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


def durations(segments: Sequence[PhoneSegment]) -> np.ndarray:
    """The columns DURATION_COLUMNS of each phone: phones x 3.

    log_duration: log of the number of 10 ms frames; pause_before, pause_after: log(1 + frames of
    silence).
    """
    return np.stack(
        [
            np.log([s.length for s in segments]),
            np.log1p([s.pause_before for s in segments]),
            np.log1p([s.pause_after for s in segments]),
        ],
        axis=1,
    )
