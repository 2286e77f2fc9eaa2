"""The parts of MP3, Ogg and FLAC streams: joined files, tags, and counts that are wrong."""

import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO

from pyscorer.contract.stretches import Part, bytes_at

_BLOCK = 1 << 16
_SYNC = re.compile(rb"\xff[\xe2-\xff]")
_FLAC_START = re.compile(rb"fLaC[\x00\x80]\x00\x00\x22")
_KBPS = {
    (3, 3): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (3, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (3, 1): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (2, 3): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (2, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""Of MPEG version bits and layer bits (3: layer I, 1: layer III), by bit rate index - 1."""
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
_SAME = (0xFE, 0x0C)
"""Bits of a header's second and third byte that all frames of a stream share."""
_MOST_SECONDS = 24 * 3600


def skip_tags(file: IO[bytes], start: int, end: int) -> int:
    """The place behind any ID3v2 tags, which every player passes over."""
    while start < end:
        head = bytes_at(file, start, 10)
        if len(head) < 10 or head[:3] != b"ID3":
            break
        size = 0
        for byte in head[6:10]:
            size = size << 7 | byte & 0x7F
        start += 10 + size + (10 if head[5] & 0x10 else 0)
    return start


def ogg_parts(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    """A part for each link of a chain of Ogg streams: one whose first pages begin streams."""
    starts: list[int] = []
    place, beginning, cut, upto = start, False, False, start
    while place < end:
        head = bytes_at(file, place, 27)
        if len(head) < 27 or head[:4] != b"OggS":
            following = _find(file, re.compile(b"OggS"), place + 1, end)
            cut = cut or (following is None and b"OggS".startswith(head[:4]))
            if following is None:
                break
            place = following
            continue
        lengths = bytes_at(file, place + 27, head[26])
        size = 27 + head[26] + sum(lengths)
        if len(lengths) < head[26] or place + size > end:
            cut = True
            break
        first = bool(head[5] & 2)
        if first and not beginning:
            starts.append(place)
        beginning = first
        place = upto = place + size
    if not starts:
        return None
    *whole, last = zip(starts, [*starts[1:], upto], strict=True)
    return [*(Part(*pair) for pair in whole), Part(*last, cut=cut)]


def flac_parts(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    """A part for each FLAC stream of those joined."""
    starts = [start]
    while (following := _find(file, _FLAC_START, starts[-1] + 4, end)) is not None:
        starts.append(following)
    return [Part(*pair) for pair in zip(starts, [*starts[1:], end], strict=True)]


def _find(file: IO[bytes], pattern: re.Pattern[bytes], place: int, end: int) -> int | None:
    """Where `pattern`, of 8 bytes at most, is next found."""
    return next(_places(file, pattern, place, end), None)


def _places(file: IO[bytes], pattern: re.Pattern[bytes], place: int, end: int) -> Iterator[int]:
    while place < end:
        content = bytes_at(file, place, min(_BLOCK, end - place))
        last = len(content) < _BLOCK
        for found in pattern.finditer(content):
            if last or found.start() < len(content) - 7:
                yield place + found.start()
        if last:
            return
        place += len(content) - 7


@dataclass(frozen=True)
class _Frame:
    """What the four bytes of an MPEG audio frame's header say."""

    header: bytes
    size: int
    samples: int
    rate: int

    def like(self, other: "_Frame") -> bool:
        mine, theirs = self.header, other.header
        return all((mine[i + 1] ^ theirs[i + 1]) & mask == 0 for i, mask in enumerate(_SAME))

    @property
    def counts_at(self) -> int:
        """Where a frame of Xing's kind, which holds the number of frames, has its name."""
        mono = self.header[3] >> 6 == 3
        if self.header[1] >> 3 & 3 == 3:
            return 4 + (17 if mono else 32)
        return 4 + (9 if mono else 17)


def _frame(head: bytes) -> _Frame | None:
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    rate_index, speed = head[2] >> 2 & 3, head[2] >> 4
    if version == 1 or layer == 0 or rate_index == 3 or not 1 <= speed <= 14:
        return None
    rate = _RATES[version][rate_index]
    row = (3, layer) if version == 3 else (2, 3 if layer == 3 else 2)
    kbps, padding = _KBPS[row][speed - 1], head[2] >> 1 & 1
    if layer == 3:
        return _Frame(head[:4], (12000 * kbps // rate + padding) * 4, 384, rate)
    samples = 576 if layer == 1 and version != 3 else 1152
    return _Frame(head[:4], 125 * samples * kbps // rate + padding, samples, rate)


@dataclass
class _Stream:
    """Frames of one MP3 file."""

    start: int
    first: _Frame
    content: bytes
    """Of the first frame."""
    frames: int = 0
    end: int = 0
    cut: bool = False
    stated: int | None = field(init=False)

    def __post_init__(self) -> None:
        name = self.content[self.first.counts_at :][:12]
        vbri = self.content[36:54]
        self.stated = None
        if name[:4] in (b"Xing", b"Info"):
            self.stated = struct.unpack(">I", name[8:])[0] if name[7:8] and name[7] & 1 else 0
        elif vbri[:4] == b"VBRI" and len(vbri) == 18:
            self.stated = struct.unpack(">I", vbri[14:])[0]
        self.frames = 0 if self.stated is not None else 1

    def part(self) -> Part:
        """With a first frame that states what there is: mpg123 believes it, or guesses."""
        if self.stated is not None and self.stated >= self.frames:
            return Part(self.start, self.end, b"", self.stated > self.frames + 1)
        if self.stated is not None and self.content[36:40] != b"VBRI":
            place = self.first.counts_at + 4
            flags = struct.unpack(">I", self.content[place : place + 4])[0]
            if flags & 1:
                changed = self.content[: place + 4] + struct.pack(">I", self.frames)
                changed += self.content[place + 8 :]
                return Part(self.start + len(changed), self.end, changed, self.cut)
        start = self.start + (self.first.size if self.stated is not None else 0)
        return Part(start, self.end, _counting_frame(self.first, self.frames), self.cut)


def _counting_frame(like: _Frame, frames: int) -> bytes:
    """A silent frame that holds the number of those after it."""
    one, two, three, four = like.header
    # Of a middle bit rate, so that it has room; without check sum or padding.
    header = bytes([one, two | 1, 0x90 | three & 0x0C, four])
    frame = _frame(header)
    assert frame is not None
    name = b"Xing" + struct.pack(">II", 1, frames)
    return (header.ljust(like.counts_at, b"\0") + name).ljust(frame.size, b"\0")


def mp3_parts(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    """A part for each MP3 of those joined, without what lies between, before and after them.

    None where there are no two frames, one after the other.
    """
    streams: list[_Stream] = []
    place, seconds, broken = start, 0.0, True
    while place < end and seconds < _MOST_SECONDS:
        place = skip_tags(file, place, end)
        frame = _frame(bytes_at(file, place, 4))
        known = frame is not None and streams and not broken and frame.like(streams[-1].first)
        if frame is None or not (known or _is_followed(file, place, frame, end)):
            following = _next_frame(file, place, end)
            if following is None:
                break
            broken, place = True, following
            continue
        if place + frame.size > end:
            if streams:
                streams[-1].cut = True
            break
        if known and not _counts(file, place, frame):
            streams[-1].frames += 1
        else:
            streams.append(_Stream(place, frame, bytes_at(file, place, frame.size)))
        place += frame.size
        streams[-1].end, broken = place, False
        seconds += frame.samples / frame.rate
    return [stream.part() for stream in streams if stream.frames] or None


def _counts(file: IO[bytes], place: int, frame: _Frame) -> bool:
    return bytes_at(file, place + frame.counts_at, 4) in (b"Xing", b"Info")


def _is_followed(file: IO[bytes], place: int, frame: _Frame, end: int) -> bool:
    """Whether another frame of its kind, or nothing, comes after it."""
    if place + frame.size == end:
        return True
    following = _frame(bytes_at(file, place + frame.size, 4))
    return following is not None and following.like(frame)


def _next_frame(file: IO[bytes], place: int, end: int) -> int | None:
    """The next place where two frames follow each other."""
    for found in _places(file, _SYNC, place + 1, end):
        frame = _frame(bytes_at(file, found, 4))
        if frame is not None and _is_followed(file, found, frame, end):
            return found
    return None
