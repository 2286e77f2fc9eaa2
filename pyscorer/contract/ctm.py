"""Time alignments: runs of 10 ms frames with a label, kept in NIST CTM files."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pyscorer.contract.files import atomic_open, read_lines
from pyscorer.errors import InputError

FRAME_SHIFT = 0.01
"""Seconds between frames of features and alignments."""


@dataclass(frozen=True)
class Segment:
    """`length` frames of 10 ms from frame `start` on, labelled with a phone or a word."""

    label: str
    start: int
    length: int

    @property
    def end(self) -> int:
        """First frame after the segment."""
        return self.start + self.length


def write_ctm(path: Path, alignments: Iterable[tuple[str, list[Segment]]]) -> None:
    """Write `utterance 1 start duration label` lines, times in seconds."""
    with atomic_open(path) as stream:
        for key, segments in alignments:
            for s in segments:
                start, length = s.start * FRAME_SHIFT, s.length * FRAME_SHIFT
                stream.write(f"{key} 1 {start:.2f} {length:.2f} {s.label}\n")


def read_ctm(path: Path) -> Iterator[tuple[str, list[Segment]]]:
    """Yield (utterance, its segments in order of time), streaming.

    Raises InputError naming the line for a malformed line, for segments that overlap and for an
    utterance whose lines are not together.
    """
    done: set[str] = set()
    current, segments = "", list[Segment]()
    for number, line in read_lines(path):
        try:
            key, _, start, length, label = line.split()
            segment = Segment(
                label, round(float(start) / FRAME_SHIFT), round(float(length) / FRAME_SHIFT)
            )
        except ValueError:
            raise InputError(
                f"{path}:{number}: not `utterance channel start duration label`: {line}"
            ) from None
        if key != current:
            if key in done:
                raise InputError(f"{path}:{number}: utterance {key} stands in two places")
            if current:
                yield current, segments
            done.add(key)
            current, segments = key, []
        elif segment.start < segments[-1].end:
            raise InputError(f"{path}:{number}: {key}: starts before the segment above it ends")
        segments.append(segment)
    if current:
        yield current, segments
