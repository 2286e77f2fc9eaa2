"""Time alignments: runs of 10 ms frames with a label, kept in NIST CTM files."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pyscorer.contract.files import atomic_open, read_lines, shown
from pyscorer.errors import InputError

FRAME_SHIFT = 0.01
"""Seconds between frames of features and alignments."""


@dataclass(frozen=True)
class Segment:
    """`length` frames of 10 ms from frame `start` on, labelled with a phone or a word."""

    label: str
    start: int
    length: int
    confidence: float | None = None
    """From 0 to 1, where a recogniser gave one."""

    @property
    def end(self) -> int:
        """First frame after the segment."""
        return self.start + self.length


def write_ctm(path: Path, alignments: Iterable[tuple[str, list[Segment]]]) -> None:
    """Write `utterance 1 start duration label` lines, times in seconds."""
    with atomic_open(path) as stream:
        for key, segments in alignments:
            stream.writelines(ctm_lines(key, segments))


def ctm_lines(key: str, segments: Iterable[Segment]) -> Iterator[str]:
    """The lines of an utterance; confidences, where there are any, as the sixth column."""
    for s in segments:
        start, length = s.start * FRAME_SHIFT, s.length * FRAME_SHIFT
        confidence = "" if s.confidence is None else f" {s.confidence:.4f}"
        yield f"{key} 1 {start:.2f} {length:.2f} {s.label}{confidence}\n"


_LONGEST = 1e6
"""Seconds of a recording, at most: more is damage."""


def read_ctm(path: Path) -> Iterator[tuple[str, list[Segment]]]:
    """Yield (utterance, its segments in order of time), streaming.

    Empty lines and comments (`;;`) are passed over; a sixth column is the confidence, where it is a
    number from 0 to 1. Raises InputError naming the line for a malformed one, for times that are no
    times, for segments that overlap or are shorter than a frame, for two channels in one utterance,
    and for an utterance whose lines are not together.
    """
    done: set[str] | None = None  # while the file is sorted, none can stand in two places
    current, channel, segments = "", "", list[Segment]()
    for number, line in read_lines(path):
        if not line.strip() or line.lstrip().startswith(";;"):
            continue
        key, side, segment = _parse(line, f"{path}:{number}")
        if key != current:
            if done is None and key < current:
                done = _keys_before(path, number)
            if done is not None and key in done:
                raise InputError(f"{path}:{number}: utterance {shown(key)} stands in two places")
            if current:
                yield current, segments
            if done is not None:
                done.add(key)
            current, channel, segments = key, side, []
        elif side != channel:
            raise InputError(
                f"{path}:{number}: {shown(key)}: channel {shown(side)} after channel "
                f"{shown(channel)}: give each channel an utterance of its own"
            )
        elif segment.start < segments[-1].end:
            raise InputError(
                f"{path}:{number}: {shown(key)}: starts before the segment above it ends"
            )
        segments.append(segment)
    if current:
        yield current, segments


def _keys_before(path: Path, line: int) -> set[str]:
    lines = (text for number, text in read_lines(path) if number < line)
    return {
        text.split()[0] for text in lines if text.strip() and not text.lstrip().startswith(";;")
    }


def _parse(line: str, place: str) -> tuple[str, str, Segment]:
    """Utterance, channel and segment of a line."""
    fields = line.split()
    if len(fields) not in (5, 6):
        raise InputError(f"{place}: not `utterance channel start duration label`: {shown(line)}")
    key, channel, start, length, label = fields[:5]
    try:
        begin, duration = float(start), float(length)
    except ValueError:
        begin = duration = math.nan
    if not (0 <= begin < _LONGEST and 0 <= duration < _LONGEST):
        raise InputError(
            f"{place}: not `utterance channel start duration label`, times in seconds: "
            f"{shown(line)}"
        )
    # The end is rounded, and not the duration: lines that meet in the file meet in frames.
    first, end = round(begin / FRAME_SHIFT), round((begin + duration) / FRAME_SHIFT)
    if end <= first:
        raise InputError(
            f"{place}: {shown(key)}: {shown(label)} lasts {length} s, less than a frame of "
            f"{FRAME_SHIFT} s: remove the line or mend its times"
        )
    return key, channel, Segment(label, first, end - first, _confidence(fields[5:]))


def _confidence(rest: list[str]) -> float | None:
    try:
        value = float(rest[0])
    except (IndexError, ValueError):
        return None
    return value if 0 <= value <= 1 else None
