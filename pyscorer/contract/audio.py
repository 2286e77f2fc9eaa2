"""Reading audio: any format that libsndfile reads, to mono float32.

Everything that reads audio reads it here, so that a recording that one stage takes is the same to
all others. What counts are the samples that decode, to the end of the file; see `containers` for
what headers say instead. All parts of joined files (Ogg, MP3, FLAC, WAV) are read.
"""

import base64
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile
import soxr

from pyscorer.contract.containers import find_parts
from pyscorer.contract.files import opened, shown
from pyscorer.contract.foreign import what_it_is
from pyscorer.contract.stretches import Part, PartOfFile, bytes_at
from pyscorer.errors import InputError

SAMPLE_RATE = 16000
LONGEST = 4 * 3600.0
"""Seconds of a file at most: small files can unfold to days of silence."""
OVERSHOOT = 0.5
"""Seconds by which a segment may end behind its recording, as Kaldi's extract-segments allows."""
_SLOWEST, _FASTEST = 1000, 192000
"""Rates that recordings have, in Hz."""
_OFFSET = 0.005
"""Mean of the samples from which on it is an offset of the recorder's, and taken off."""
_SCALE = 4.0
"""A peak above it is not loud but of another scale: float samples run from -1 to 1."""
_CANCELLED = 0.2
"""Of the power that unrelated channels leave in their mean; less means that they cancel out."""
_BLOCK = 1 << 18
"""Samples decoded at a time."""
_FULL_SCALE = {"PCM_U8": 127 / 128, "PCM_S8": 127 / 128, "ULAW": 0.98, "ALAW": 0.984}
"""The highest sample of the coarse codes; of others 32767/32768."""
_EXACT = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")
"""Codes in which every sample can be sought."""


@dataclass(frozen=True)
class Recording:
    """What an audio file holds, and what is wrong with it."""

    samples: np.ndarray
    """Mono float32, the mean of the channels. An offset (a mean of the samples beyond 0.005, which
    no speech has) is taken off; without one they are as decoded, bit for bit."""
    rate: int
    """Hz."""
    faults: tuple[str, ...]
    """Why models would hear something else than was recorded: samples that are not numbers or of
    another scale, channels that cancel each other out, a file that is cut short."""
    full_scale: float
    """Share of the samples at full scale, in the channel that has most of them."""
    peak: float
    """Of the samples, the offset taken off; NaN where some are not numbers."""

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.samples) / self.rate


def decode(
    path: Path,
    longest: float = LONGEST,
    advice: str = "cut it into parts, or name its utterances in `segments`",
    rate: int | None = None,
) -> Recording:
    """Decode a file (or, as `file.ark:byte`, a WAV in a Kaldi archive) to its end.

    Memory is bounded: by `longest`, in seconds. Raises InputError naming the file if it is missing
    or no audio, for more seconds than that (`advice` says what to do about it), for rates that no
    recording has and, given `rate`, for any other.
    """
    with _opened(path) as (file, parts):
        return _read(path, file, parts, longest, advice, rate)


def read_audio(
    path: Path,
    rate: int = SAMPLE_RATE,
    resample: bool = False,
    span: tuple[float, float] | None = None,
) -> np.ndarray:
    """Samples of `path` as float32 in [-1, 1), channels averaged, any offset taken off.

    `span`: first and last second of a segment; the last is -1 for the end of the file.
    See `Recording.samples`. Raises InputError as `decode`, if the file is empty, for the faults of
    a Recording, if its rate is not `rate` and `resample` is not set, and for a span outside of it.
    """
    wanted = None if resample else rate
    recording = decode(path, rate=wanted) if span is None else decode_span(path, *span, wanted)
    if recording.faults:
        raise InputError(f"{_named(path)}: {recording.faults[0]}")
    if len(recording.samples) == 0:
        raise InputError(f"{_named(path)}: empty audio: no samples")
    samples = recording.samples
    if recording.rate != rate:
        samples = soxr.resample(samples, recording.rate, rate)
    return np.ascontiguousarray(samples, dtype=np.float32)


def decode_span(path: Path, start: float, end: float, rate: int | None = None) -> Recording:
    """Seconds `start` to `end` (-1: to the end) of a file, rounded as Kaldi's extract-segments.

    Sought where the format allows; else the file is decoded once for the segments of it that are
    asked for one after another. Raises InputError as `decode`, and for a span outside of the file.
    """
    with _opened(path) as (file, parts):
        exact = parts is not None and len(parts) == 1 and _is_exact(path, file, parts[0])
        if exact:
            found = _read(path, file, parts, LONGEST, "give shorter segments", rate, (start, end))
            return _checked_span(path, found, start, end)
    status = _file_and_place(path)[0].stat()
    whole = _whole(path, status.st_mtime_ns, status.st_size, rate)
    first, last = (int(second * whole.rate) for second in (start, end))
    samples = whole.samples[first : None if end < 0 else last]
    faults = tuple(f for f in whole.faults if f != _CUT)
    part = Recording(samples, whole.rate, faults, whole.full_scale, whole.peak)
    return _checked_span(path, part, start, end)


@lru_cache(maxsize=1)
def _whole(path: Path, changed: int, size: int, rate: int | None) -> Recording:
    return decode(path, rate=rate)


def _checked_span(path: Path, found: Recording, start: float, end: float) -> Recording:
    if len(found.samples) == 0:
        raise InputError(f"{_named(path)}: {start:g} s is behind its end, or the segment is empty")
    if end >= 0 and (missing := end - start - found.seconds) > OVERSHOOT:
        raise InputError(f"{_named(path)}: ends {missing:.2f} s before {end:g} s")
    return found


def _is_exact(path: Path, file: BinaryIO, part: Part) -> bool:
    with _sound(path, file, part) as sound:
        return sound.subtype.startswith(_EXACT) and sound.format not in ("MP3", "OGG")


def _file_and_place(path: Path) -> tuple[Path, int]:
    """The file, and the byte where its audio begins: `wav.ark:123` is how wav-copy indexes."""
    found = re.fullmatch(r"(.+):(\d{1,15})", str(path), re.DOTALL)
    if found and not path.exists():
        return Path(found[1]), int(found[2])
    return path, 0


def _named(path: Path) -> str:
    return shown(str(path), 300)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, list[Part] | None]]:
    """The file and its parts; None: let libsndfile find them."""
    name, start = _file_and_place(path)
    try:
        mode_is_file, exists = name.is_file(), name.exists()
    except (OSError, ValueError) as error:
        raise InputError(f"{_named(path)}: cannot be read: {error}") from None
    if not exists:
        raise InputError(f"{_named(path)}: no such audio file")
    if not mode_is_file:
        # A pipe or a device may never end, or never begin.
        kind = "a folder" if name.is_dir() else "not a file on a disk"
        raise InputError(f"{_named(path)}: not readable as audio: it is {kind}")
    with opened(name) as file:
        end = file.seek(0, io.SEEK_END)
        if end == 0:
            raise InputError(f"{_named(path)}: not readable as audio: the file is empty (0 bytes)")
        if start:
            size = bytes_at(file, start, 8)
            if size[:4] != b"RIFF" or len(size) < 8:
                raise InputError(f"{_named(path)}: no WAV at byte {start} of {shown(str(name))}")
            end = min(end, start + 8 + int.from_bytes(size[4:], "little"))
        foreign = what_it_is(bytes_at(file, start, 512))
        if foreign:
            raise InputError(f"{_named(path)}: not readable as audio: it is {foreign}")
        parts = find_parts(file, start, end)
        if parts is None and start:
            parts = [Part(start, end)]
        yield file, parts


class _Stream(soundfile.SoundFile):
    """Read from front to back; else soundfile seeks after every block.

    Seeking starts the decoders of Ogg and MP3 anew, and fails at the end of streamed FLAC.
    """

    def seekable(self) -> bool:
        """Not of its own accord."""
        return False


@contextmanager
def _sound(path: Path, file: BinaryIO, part: Part | None) -> Iterator[soundfile.SoundFile]:
    try:
        with _Stream(path if part is None else PartOfFile(file, part)) as sound:
            yield sound
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        if part is not None and part.cut:
            raise InputError(f"{_named(path)}: {_CUT}") from None
        reason = getattr(error, "error_string", error) or "FLAC frames that cannot be decoded"
        known = "; it is damaged or cut short: get it again" if part is not None else ""
        raise InputError(f"{_named(path)}: not readable as audio ({reason}){known}") from None


class _Levels:
    """Sums over the channels of a recording, block by block."""

    def __init__(self) -> None:
        self.count = 0
        self.peak = 0.0
        self.sums: Sequence[np.ndarray] = ()
        self.shares = 0.0

    def add(self, block: np.ndarray, mono: np.ndarray, full: float) -> None:
        """Blocks of frames x channels, and their mean."""
        size = np.abs(block)
        self.peak = float(np.maximum(self.peak, size.max(initial=0)))
        both = np.concatenate([block, mono[:, None]], axis=1, dtype=np.float64)
        sums = (both.sum(axis=0), np.square(both).sum(axis=0), (size >= full).sum(axis=0))
        same = self.count and len(self.sums[0]) == len(sums[0])
        self.sums = [old + new for old, new in zip(self.sums, sums, strict=True)] if same else sums
        self.count = self.count + len(block) if same else len(block)

    def full_scale(self) -> float:
        """Share of the samples at full scale, of the channel that has most of them."""
        return float(self.sums[2].max()) / self.count if self.count else 0.0

    def cancel(self) -> bool:
        """Whether the mean of the channels has lost what the channels have."""
        if not self.count:
            return False
        mean = self.sums[0] / self.count
        power = self.sums[1] / self.count - mean**2
        channels = len(power) - 1
        each = float(power[:-1].mean())
        return channels > 1 and each > 1e-8 and power[-1] < _CANCELLED / channels * each


_CUT = "it is cut short: its header states more than the file holds; get it again"


def _read(
    path: Path,
    file: BinaryIO,
    parts: list[Part] | None,
    longest: float,
    advice: str,
    wanted: int | None,
    span: tuple[float, float] | None = None,
) -> Recording:
    levels, blocks, rates = _Levels(), [], []
    cut = span is None and any(part.cut for part in parts or ())
    total = 0
    for part in parts or [None]:
        with _sound(path, file, part) as sound:
            rates.append(_checked_rate(path, sound.samplerate, wanted))
            first, left = 0, None if part is None else part.frames
            if span is not None:
                first, last = (int(second * rates[0]) for second in span)
                left = None if span[1] < 0 else max(0, last - first)
            if first >= sound.frames:
                left = 0
            elif first or sound.format == "MP3":
                # Its decoder rounds otherwise after seeking, as soundfile.read does, even to 0.
                sound.seek(first)
            full = _FULL_SCALE.get(sound.subtype, 32767 / 32768)
            decoded = 0
            while left is None or decoded < left:
                size = max(1, _BLOCK // sound.channels)
                block = sound.read(
                    size if left is None else min(size, left - decoded), "float32", always_2d=True
                )
                if len(block) == 0:
                    break
                decoded += len(block)
                total += len(block)
                if total > longest * rates[0]:
                    raise InputError(f"{_named(path)}: more than {longest:g} s of audio; {advice}")
                blocks.append(block.mean(axis=1))
                levels.add(block, blocks[-1], full)
            # What stands in the header of a FLAC that was written to a pipe: no number.
            stated = sound.frames if sound.frames < 1 << 60 else 0
            cut |= span is None and sound.format == "FLAC" and decoded < stated
    if len(set(rates)) > 1:
        raise InputError(
            f"{_named(path)}: files of {' and '.join(f'{rate} Hz' for rate in rates)}, joined to "
            "one; convert them to one rate first"
        )
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    return _judged(samples, rates[0], levels, cut)


def _checked_rate(path: Path, rate: int, wanted: int | None) -> int:
    if wanted is not None and rate != wanted:
        raise InputError(f"{_named(path)}: sampled at {rate} Hz where {wanted} Hz is expected")
    if not _SLOWEST <= rate <= _FASTEST:
        raise InputError(
            f"{_named(path)}: a rate of {rate} Hz, which no recording has: its header is wrong"
        )
    return rate


def _judged(samples: np.ndarray, rate: int, levels: _Levels, cut: bool) -> Recording:
    faults = []
    if not np.isfinite(levels.peak):
        faults.append("samples that are not numbers (NaN or infinite); convert it again")
        return Recording(samples, rate, tuple(faults), 0.0, float("nan"))
    if levels.peak > _SCALE:
        faults.append(
            f"samples up to {levels.peak:.4g} where float samples run from -1 to 1: they seem to be"
            " on the scale of integers; divide them by 32768 (or by 2 to the 23rd or 31st)"
        )
    if levels.cancel():
        faults.append(
            "its channels cancel each other out (opposite phase), so that their mean, which is "
            "what models get, is all but silent; take one channel"
        )
    if cut:
        faults.append(_CUT)
    mean = float(samples.mean(dtype=np.float64)) if len(samples) else 0.0
    if abs(mean) > _OFFSET:
        samples = samples - np.float32(mean)
        mean = 0.0
    extremes = (float(samples.min()), float(samples.max())) if len(samples) else (0.0, 0.0)
    peak = max(extremes[1] - mean, mean - extremes[0])
    return Recording(samples, rate, tuple(faults), levels.full_scale(), peak)


def mp3_uri(samples: np.ndarray) -> str:
    """Mono samples at 16 kHz as a data: URI: MP3, which browsers on any device play."""
    stream = io.BytesIO()
    soundfile.write(stream, samples, SAMPLE_RATE, format="MP3", compression_level=0.7)
    return f"data:audio/mpeg;base64,{base64.b64encode(stream.getvalue()).decode()}"
