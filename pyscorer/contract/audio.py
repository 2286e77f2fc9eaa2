"""Reading audio: any format that libsndfile reads, to mono float32.

Everything that reads audio reads it here, so that a recording that one stage takes is the same to
all others. What counts are the samples that decode, to the end of the file; see `containers` for
what headers say instead. All parts of joined files (Ogg, MP3, FLAC, WAV) are read.
"""

import base64
import io
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile
import soxr

from pyscorer.contract.containers import find_parts
from pyscorer.contract.files import opened, shown
from pyscorer.contract.foreign import what_it_is
from pyscorer.contract.levels import CUT, Levels, Recording, judged
from pyscorer.contract.stretches import Part, PartOfFile, bytes_at
from pyscorer.errors import InputError

SAMPLE_RATE = 16000
LONGEST = 4 * 3600.0
"""Seconds of a file at most: small files can unfold to days of silence."""
OVERSHOOT = 0.5
"""Seconds by which a segment may end behind its recording, as Kaldi's extract-segments allows."""
_SLOWEST, _FASTEST = 1000, 192000
"""Rates that recordings have, in Hz."""
_BLOCK = 1 << 18
"""Samples decoded at a time."""
_FULL_SCALE = {"PCM_U8": 127 / 128, "PCM_S8": 127 / 128, "ULAW": 0.98, "ALAW": 0.984}
"""The highest sample of the coarse codes; of others 32767/32768."""
_EXACT = ("PCM_", "FLOAT", "DOUBLE", "ULAW", "ALAW")
"""Codes in which every sample can be sought."""


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
    with _opened(path) as (file, start, end):
        parts = _parts(path, file, start, end)
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
    return samples_of(path, recording, rate)


def samples_of(path: Path, recording: Recording, rate: int = SAMPLE_RATE) -> np.ndarray:
    """Float32 samples of what was decoded of `path`, at `rate`.

    Raises InputError for the faults of a Recording, and if it is empty.
    """
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
    with _opened(path) as (file, _, _):
        status = os.fstat(file.fileno())
    identity = (status.st_ino, status.st_size, status.st_mtime_ns)
    layout = _layout(path, identity)
    if layout.exact:
        with _opened(path) as (file, _, _):
            advice = "give shorter segments"
            found = _read(path, file, layout.parts, LONGEST, advice, rate, (start, end))
        return _checked_span(path, found, start, end)
    whole = _whole(path, identity, rate)
    first, last = (int(second * whole.rate) for second in (start, end))
    samples = whole.samples[first : None if end < 0 else last]
    faults = tuple(f for f in whole.faults if f != CUT)
    part = Recording(samples, whole.rate, faults, whole.full_scale, whole.peak)
    return _checked_span(path, part, start, end)


@dataclass(frozen=True)
class _Layout:
    parts: list[Part] | None
    exact: bool
    """Whether every sample can be sought."""


# Segments of a recording are asked for one after another: one is remembered.
@lru_cache(maxsize=1)
def _layout(path: Path, identity: tuple[int, ...]) -> _Layout:
    with _opened(path) as (file, start, end):
        parts = _parts(path, file, start, end)
        if parts is None or len(parts) > 1:
            return _Layout(parts, False)
        with _sound(path, file, parts[0]) as sound:
            exact = sound.subtype.startswith(_EXACT) and sound.format not in ("MP3", "OGG")
            return _Layout(parts, exact)


@lru_cache(maxsize=1)
def _whole(path: Path, identity: tuple[int, ...], rate: int | None) -> Recording:
    return decode(path, rate=rate)


def _parts(path: Path, file: IO[bytes], start: int, end: int) -> list[Part] | None:
    """None: let libsndfile find them."""
    parts = find_parts(file, start, end)
    if parts is not None and not parts:
        raise InputError(f"{_named(path)}: not readable as audio (format not recognised)")
    return [Part(start, end)] if parts is None and start else parts


def _checked_span(path: Path, found: Recording, start: float, end: float) -> Recording:
    if len(found.samples) == 0:
        raise InputError(f"{_named(path)}: {start:g} s is behind its end, or the segment is empty")
    if end >= 0 and (missing := end - start - found.seconds) > OVERSHOOT:
        raise InputError(f"{_named(path)}: ends {missing:.2f} s before {end:g} s")
    return found


def is_there(path: Path) -> bool:
    """Whether a path leads to something, also if it is none that the system takes."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _file_and_place(path: Path) -> tuple[Path, int]:
    """The file, and the byte where its audio begins: `wav.ark:123` is how wav-copy indexes."""
    found = re.fullmatch(r"(.+):(\d{1,15})", str(path), re.DOTALL)
    if found and not is_there(path):
        return Path(found[1]), int(found[2])
    return path, 0


def _named(path: Path) -> str:
    return shown(str(path), 300)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], int, int]]:
    """The file, and where its audio begins and ends."""
    name, start = _file_and_place(path)
    if str(path).rstrip().endswith("|"):
        raise InputError(
            f"{_named(path)}: a command, not a file; convert the audio to files first, or let "
            "validate do so: --allow-commands"
        )
    try:
        exists, is_file = name.exists(), name.is_file()
    except OSError as error:
        raise InputError(f"{_named(path)}: cannot be read: {error.strerror}") from None
    if not exists:
        raise InputError(f"{_named(path)}: no such audio file")
    if not is_file:
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
        yield file, start, end


class _Stream(soundfile.SoundFile):
    """Read from front to back; else soundfile seeks after every block.

    Seeking starts the decoders of Ogg and MP3 anew, and fails at the end of streamed FLAC.
    """

    def seekable(self) -> bool:
        """Not of its own accord."""
        return False


@contextmanager
def _sound(path: Path, file: IO[bytes], part: Part | None) -> Iterator[soundfile.SoundFile]:
    try:
        sound = _Stream(path if part is None else PartOfFile(file, part))
    except (soundfile.SoundFileError, OSError, RuntimeError) as error:
        told = CUT if part is not None and part.cut else f"not readable as audio ({_said(error)})"
        raise InputError(f"{_named(path)}: {told}") from None
    with sound:
        try:
            yield sound
        except (soundfile.SoundFileError, OSError, RuntimeError) as error:
            told = (
                f"not readable as audio ({_said(error)}): it is damaged or cut short; get it again"
            )
            raise InputError(f"{_named(path)}: {told}") from None


def _said(error: Exception) -> str:
    return str(getattr(error, "error_string", error)).strip(" .") or "it cannot be decoded"


def _read(
    path: Path,
    file: IO[bytes],
    parts: list[Part] | None,
    longest: float,
    advice: str,
    wanted: int | None,
    span: tuple[float, float] | None = None,
) -> Recording:
    levels, blocks, rates = Levels(), [], []
    cut = span is None and any(part.cut for part in parts or ())
    total = 0
    for part in parts or (None,):
        with _sound(path, file, part) as sound:
            rates.append(_checked_rate(path, sound.samplerate, wanted))
            first, last = _stretch(sound, part, span)
            full = _FULL_SCALE.get(sound.subtype, 32767 / 32768)
            decoded = 0
            for block in _blocks(sound, first, last):
                decoded += len(block)
                total += len(block)
                if total > longest * rates[0]:
                    alone = last is not None and (parts is None or len(parts) == 1)
                    said = f"{(last or 0) / rates[0]:.0f}" if alone else f"more than {longest:g}"
                    raise InputError(f"{_named(path)}: {said} s of audio; {advice}")
                blocks.append(_mono(block))
                levels.add(block, blocks[-1], full)
            cut |= sound.format == "FLAC" and last is not None and decoded < last - first
    if len(set(rates)) > 1:
        raise InputError(
            f"{_named(path)}: files of {' and '.join(f'{rate} Hz' for rate in rates)}, joined to "
            "one; convert them to one rate first"
        )
    samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
    return judged(samples, rates[0], levels, cut)


def _mono(block: np.ndarray) -> np.ndarray:
    """Mean of the channels."""
    with np.errstate(invalid="ignore"):  # NaN is judged in the end
        return block[:, 0] if block.shape[1] == 1 else block.mean(axis=1)


def _stretch(
    sound: soundfile.SoundFile, part: Part | None, span: tuple[float, float] | None
) -> tuple[int, int | None]:
    """The frames of a span, or of all; the end is None where no header tells it."""
    # A FLAC that was written to a pipe states no number, which libsndfile takes for the greatest.
    end = sound.frames if sound.frames < 1 << 60 else None
    if part is not None and part.frames is not None:
        end = part.frames
    if span is None:
        return 0, end
    first, last = (int(second * sound.samplerate) for second in span)
    if span[1] < 0:
        return first, end
    return first, last if end is None else min(last, end)


def _blocks(sound: soundfile.SoundFile, first: int, last: int | None) -> Iterator[np.ndarray]:
    """Frames x channels, from one frame to another."""
    if first >= sound.frames:
        return
    if first or sound.format == "MP3":
        # Its decoder rounds otherwise after seeking, as soundfile.read does, even to 0.
        sound.seek(first)
    size = max(1, _BLOCK // sound.channels)
    while last is None or first < last:
        block = sound.read(size if last is None else min(size, last - first), "float32", True)
        if len(block) == 0:
            return
        first += len(block)
        yield block


def _checked_rate(path: Path, rate: int, wanted: int | None) -> int:
    if wanted is not None and rate != wanted:
        raise InputError(f"{_named(path)}: wrong rate {rate} Hz instead of {wanted} Hz")
    if not _SLOWEST <= rate <= _FASTEST:
        raise InputError(
            f"{_named(path)}: a rate of {rate} Hz, which no recording has: its header is wrong"
        )
    return rate


def as_int16(samples: np.ndarray) -> np.ndarray:
    """Samples, full scale 1, as 16-bit PCM."""
    return np.round(samples * 32768).clip(-32768, 32767).astype(np.int16)


def mp3_uri(samples: np.ndarray) -> str:
    """Mono samples at 16 kHz as a data: URI: MP3, which browsers on any device play."""
    mp3 = encoded(samples, "MP3", compression_level=0.7)
    return f"data:audio/mpeg;base64,{base64.b64encode(mp3).decode()}"


def encoded(samples: np.ndarray, form: str, rate: int = SAMPLE_RATE, **options: Any) -> bytes:
    """Mono samples as an audio file; `form` and `options` are those of soundfile.write.

    To memory: libsndfile does not say what went wrong with a file, such as a full disk.
    """
    stream = io.BytesIO()
    soundfile.write(stream, samples, rate, format=form, **options)
    return stream.getvalue()
