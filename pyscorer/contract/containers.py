"""Where the samples of an audio file lie, whatever its header says of their number.

Recorders, streams and uploads leave headers that are wrong: sizes of 0, of 4 GB, off by a few
bytes, of a file that was longer. libsndfile believes them, or reads the first of two joined files
alone. So each stretch of samples is found here and handed to it behind a header that is right.
"""

import re
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from pyscorer.contract.bitstreams import flac_parts, mp3_parts, ogg_parts, skip_tags
from pyscorer.contract.stretches import Part, bytes_at

_STREAMED = 0x7FFF0000
"""A size from which on it was written to a pipe, by a program that could not know it."""
_TAIL = 1024
"""Bytes after the samples that may be anything; more that are no chunks are samples."""
_TOLERATED = 0.01
"""Seconds that a wrong header may state too many: one frame shift."""
_NAME = re.compile(rb"[A-Za-z0-9_][A-Za-z0-9_ ]{3}")
_TRAILERS = (b"LIST", b"bext", b"id3 ", b"ID3 ", b"cue ", b"JUNK", b"fact", b"iXML", b"PEAK")
_MPEG_TAGS = (0x50, 0x55)
_GSM, _GSM_BLOCK, _GSM_FRAMES = 0x31, 65, 320
_WHOLE_BLOCKS = (1, 3, 6, 7, _GSM, 0xFFFE)
"""Formats of WAV whose last block counts only if it is whole; ADPCM may end within one."""
_W64 = bytes.fromhex("f3acd3118cd100c04f8edb8a")
_WIDTHS = {
    **{b"NONE": 0, b"twos": 0, b"sowt": 0, b"raw ": 0, b"in24": 3, b"in32": 4, b"fl32": 4},
    **{b"FL32": 4, b"fl64": 8, b"FL64": 8, b"ulaw": 1, b"ULAW": 1, b"alaw": 1, b"ALAW": 1},
}
"""Bytes of a sample of AIFF-C; 0: as its header says."""
_AU_WIDTHS = {1: 1, 2: 1, 3: 2, 4: 3, 5: 4, 6: 4, 7: 8, 27: 1}


def find_parts(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    """The stretches of samples between two places of a file, in order.

    Empty if there can be none. None for a format that is not known here, and for a header that
    cannot be understood: what libsndfile makes of those is what they are.
    """
    parts: list[Part] = []
    start = skip_tags(file, start, end)
    while (found := _find_one(file, start, end)) is not None:
        parts += found
        following = (p for p in _behind(found) if p > start and _starts_file(file, p))
        start = next(following, end)
        if start == end:
            return parts
    return parts or None


def _find_one(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    head = bytes_at(file, start, 16)
    try:
        for known, find in _FORMATS:
            if known(head):
                return find(file, start, end)
        return (mp3_parts(file, start, end) or []) if _mpeg_sync(head) else None
    except (struct.error, OverflowError):  # a header that ends early
        return None


def _behind(parts: list[Part]) -> range:
    """Where another file may begin: samples are padded to an even number of bytes, or to 8."""
    return range(parts[-1].end, parts[-1].end + 8) if parts else range(0)


def _starts_file(file: IO[bytes], place: int) -> bool:
    head = bytes_at(file, place, 16)
    return any(known(head) for known, _ in _FORMATS)


def _mpeg_sync(head: bytes) -> bool:
    return len(head) > 1 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0 and head[1] & 0x06 != 0


@dataclass(frozen=True)
class _Data:
    """The end of a stretch of samples, and whether there should be more."""

    end: int
    missing: int = 0


def _data(file: IO[bytes], body: int, size: int, end: int, order: str = "<") -> _Data:
    """How far `size` bytes of samples from `body` on truly reach."""
    if size == 0 and _follows(file, body, end, order) and body < end:
        return _Data(body)  # no samples, but other chunks
    if size == 0 or (size >= _STREAMED and body + size > end):
        return _Data(end)
    if body + size > end:
        return _Data(end, body + size - end)
    known = _after(file, body, size, end, order) or _starts_file(file, body + size)
    if known or end - body - size < _TAIL:
        return _Data(body + size)
    return _Data(end)


def _after(file: IO[bytes], body: int, size: int, end: int, order: str) -> int | None:
    """Where the next chunk begins: chunks of odd size are padded, by most programs."""
    for place in (body + size + size % 2, body + size):
        if _follows(file, place, end, order):
            return place
    return None


def _follows(file: IO[bytes], place: int, end: int, order: str) -> bool:
    if place >= end:
        return True
    head = bytes_at(file, place, 8)
    if len(head) < 8 or not _NAME.fullmatch(head[:4]):
        return False
    size = int(struct.unpack(order + "I", head[4:])[0])
    return place + 8 + size <= end or head[:4] in (*_TRAILERS, b"RIFF", b"data", b"SSND")


def _riff(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    order = ">" if bytes_at(file, start, 4) == b"RIFX" else "<"
    parts: list[Part] = []
    form, long_size = b"", 0
    place = start + 12
    while place + 8 <= end:
        name, size = struct.unpack(order + "4sI", bytes_at(file, place, 8))
        body = place + 8
        if name in (b"RIFF", b"RIFX", b"RF64") and bytes_at(file, body, 4) == b"WAVE":
            place, form = body + 4, b""  # another file, joined to the first
            continue
        if name == b"ds64":
            long_size = struct.unpack("<QQ", bytes_at(file, body, 16))[1]
        elif name == b"fmt ":
            form = bytes_at(file, body, min(size, 1024, end - body))
        elif name == b"data":
            if len(form) < 16:
                return None
            if size == 0xFFFFFFFF and long_size:
                size = long_size
            data = _data(file, body, size, end, order)
            parts += _wave_parts(file, body, data, form, order)
            size = data.end - body
        following = _after(file, body, size, end, order)
        if following is None:
            break
        place = following
    return parts or None


def _wave_parts(
    file: IO[bytes], body: int, data: _Data, form: bytes, order: str = "<"
) -> list[Part]:
    tag, channels, rate, by_second, block = struct.unpack(order + "HHIIH", form[:14])
    if tag == 0xFFFE and len(form) >= 26:
        tag = struct.unpack(order + "H", form[24:26])[0]
    if tag in _MPEG_TAGS:
        return mp3_parts(file, body, data.end) or []
    size = data.end - body
    if tag in _WHOLE_BLOCKS and block:
        size -= size % block
    by_second = by_second or rate * max(block, channels)
    magic = b"RIFX" if order == ">" else b"RIFF"
    long = b""
    if size >= 0xFFFF0000:
        magic, long = b"RF64", struct.pack("<4sIQQQI", b"ds64", 28, size + 512, size, 0, 0)
    stated = min(size, 0xFFFFFFFF)
    body_of_form = form + b"\0" * (len(form) % 2)
    chunks = long + struct.pack(order + "4sI", b"fmt ", len(form)) + body_of_form
    whole = min(4 + len(chunks) + 8 + size, 0xFFFFFFFF)
    prefix = struct.pack(order + "4sI", magic, whole) + b"WAVE" + chunks
    prefix += struct.pack(order + "4sI", b"data", stated)
    frames = size // _GSM_BLOCK * _GSM_FRAMES if tag == _GSM else None
    return [Part(body, body + size, prefix, _is_cut(data, by_second), frames)]


def _is_cut(data: _Data, bytes_a_second: float) -> bool:
    return data.missing > _TOLERATED * bytes_a_second


def _w64(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    form, place = b"", start + 40
    while place + 24 <= end:
        name, size = struct.unpack("<16sQ", bytes_at(file, place, 24))
        body, size = place + 24, max(0, size - 24)
        if name == b"fmt " + _W64:
            form = bytes_at(file, body, min(size, 1024, end - body))
        elif name == b"data" + _W64:
            if len(form) < 16:
                return None
            unknown = size == 0 or (size >= _STREAMED and body + size > end)
            missing = 0 if unknown else max(0, body + size - end)
            upto = end if unknown or missing else body + size
            return _wave_parts(file, body, _Data(upto, missing), form)
        place = body + size + -size % 8
    return None


def _aiff(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    kind = bytes_at(file, start + 8, 4)
    common, place = b"", start + 12
    while place + 8 <= end:
        name, size = struct.unpack(">4sI", bytes_at(file, place, 8))
        body = place + 8
        if name == b"COMM":
            common = bytes_at(file, body, min(size, 512, end - body))
        elif name == b"SSND" and len(common) >= 18:
            break
        following = _after(file, body, size, end, ">")
        if following is None:
            return None
        place = following
    else:
        return None
    channels, _, bits = struct.unpack(">hIh", common[:8])
    compression = common[18:22] if kind == b"AIFC" else b"NONE"
    if compression not in _WIDTHS:
        return None
    width = channels * (_WIDTHS[compression] or -(-bits // 8))
    offset = struct.unpack(">I", bytes_at(file, body, 4))[0]
    begin = body + 8 + offset
    if width <= 0 or begin > end:
        return None
    data = _data(file, begin, max(0, size - 8 - offset) if size else 0, end, ">")
    length = (data.end - begin) // width * width
    common = common[:2] + struct.pack(">I", length // width) + common[6:]
    common += b"\0" * (len(common) % 2)
    chunks = struct.pack(">4sI", b"COMM", len(common)) + common
    chunks += struct.pack(">4sIII", b"SSND", min(length + 8, 0xFFFFFFFF), 0, 0)
    whole = min(4 + len(chunks) + length, 0xFFFFFFFF)
    prefix = struct.pack(">4sI4s", b"FORM", whole, kind) + chunks
    exponent, mantissa = struct.unpack(">HQ", common[8:18])
    rate = mantissa * 2.0 ** ((exponent & 0x7FFF) - 16383 - 63)
    return [Part(begin, begin + length, prefix, _is_cut(data, rate * width))]


def _au(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    order = ">" if bytes_at(file, start, 4) == b".snd" else "<"
    offset, size, encoding, rate, channels = struct.unpack(
        order + "5I", bytes_at(file, start + 4, 20)
    )
    begin = start + offset
    if offset < 24 or begin > end:
        return []
    data = _data(file, begin, size, end, order)
    width = _AU_WIDTHS.get(encoding, 1) * max(1, channels)
    length = (data.end - begin) // width * width
    fields = (24, min(length, 0xFFFFFFFE), encoding, rate, channels)
    prefix = bytes_at(file, start, 4) + struct.pack(order + "5I", *fields)
    return [Part(begin, begin + length, prefix, _is_cut(data, rate * width))]


def _caf(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    description, place = b"", start + 8
    while place + 12 <= end:
        name, size = struct.unpack(">4sq", bytes_at(file, place, 12))
        body = place + 12
        if name == b"desc":
            description = bytes_at(file, body, 32)
        elif name == b"data" and len(description) == 32:
            break
        if size < 0:
            return None
        place = body + size
    else:
        return None
    rate, code, _, packet, frames, _, _ = struct.unpack(">d4s5I", description)
    if code not in (b"lpcm", b"ulaw", b"alaw") or not packet or not frames:
        return None  # packets of no fixed size, listed in a chunk after them
    begin = body + 4  # behind the number of edits
    data = _data(file, begin, 0 if size < 0 else max(0, size - 4), end, ">")
    length = (data.end - begin) // packet * packet
    prefix = bytes_at(file, start, 8) + struct.pack(">4sq", b"desc", 32) + description
    prefix += struct.pack(">4sqI", b"data", length + 4, 0)
    return [Part(begin, begin + length, prefix, _is_cut(data, rate * packet / frames))]


def _sphere(file: IO[bytes], start: int, end: int) -> list[Part] | None:
    lines = bytes_at(file, start, 16).split(b"\n")
    length = int(lines[1]) if len(lines) > 1 and lines[1].strip().isdigit() else 0
    if not 32 <= length <= 65536:
        return None
    header = bytes_at(file, start, length)
    # "-s1 1" is how libsndfile writes the width of mu-law.
    number = re.compile(rb"^(\w+) -(?:i|s\d+) (\d{1,10})[ \r]*$", re.MULTILINE)
    found = {name: int(value) for name, value in number.findall(header)}
    width = found.get(b"channel_count", 1) * found.get(b"sample_n_bytes", 2)
    begin = start + length
    if b"shorten" in header or width <= 0 or begin > end:
        return None
    stated = found.get(b"sample_count", 0) * width
    data = _data(file, begin, stated, end)
    samples = (data.end - begin) // width
    fields = re.sub(rb"^sample_count -i .*\n", b"", header, flags=re.MULTILINE)
    fields = fields.partition(b"end_head")[0] + b"sample_count -i %d\nend_head\n" % samples
    if len(fields) > length:
        return None
    cut = _is_cut(data, found.get(b"sample_rate", 0) * width)
    return [Part(begin, begin + samples * width, fields.ljust(length), cut)]


_FORMATS: tuple[
    tuple[Callable[[bytes], bool], Callable[[IO[bytes], int, int], list[Part] | None]], ...
] = (
    (
        lambda head: head[:4] in (b"RIFF", b"RIFX", b"RF64", b"BW64") and head[8:12] == b"WAVE",
        _riff,
    ),
    (lambda head: head[:4] == b"riff", _w64),
    (lambda head: head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"), _aiff),
    (lambda head: head[:4] in (b".snd", b"dns."), _au),
    (lambda head: head[:4] == b"caff", _caf),
    (lambda head: head[:7] == b"NIST_1A", _sphere),
    (lambda head: head[:4] == b"OggS", ogg_parts),
    (lambda head: head[:4] == b"fLaC", flac_parts),
)
