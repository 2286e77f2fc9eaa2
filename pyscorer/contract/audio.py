"""Reading audio: any format that libsndfile reads, to mono float32."""

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from pyscorer.errors import InputError

SAMPLE_RATE = 16000


def read_audio(path: Path, rate: int = SAMPLE_RATE, resample: bool = False) -> np.ndarray:
    """Samples of `path` as float32 in [-1, 1), channels averaged.

    Raises InputError if the file is missing, unreadable or empty, or if its rate is not `rate`
    and `resample` is not set.
    """
    if not path.exists():
        raise InputError(f"{path}: no such audio file")
    try:
        samples, found = soundfile.read(path, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise InputError(f"{path}: not readable as audio ({error.error_string})") from None
    if len(samples) == 0:
        raise InputError(f"{path}: empty audio")
    mono = samples.mean(axis=1)
    if found != rate:
        if not resample:
            raise InputError(f"{path}: sampled at {found} Hz where {rate} Hz is expected")
        mono = soxr.resample(mono, found, rate)
    return np.ascontiguousarray(mono, dtype=np.float32)


def mp3_uri(samples: np.ndarray) -> str:
    """Mono samples at 16 kHz as a data: URI: MP3, which browsers on any device play."""
    mp3 = encoded(samples, "MP3", compression_level=0.7)
    return f"data:audio/mpeg;base64,{base64.b64encode(mp3).decode()}"


def encoded(samples: np.ndarray, form: str, **options: Any) -> bytes:
    """Mono samples at 16 kHz as an audio file; `form` and `options` are those of soundfile.write.

    To memory: libsndfile does not say what went wrong with a file, such as a full disk.
    """
    stream = io.BytesIO()
    soundfile.write(stream, samples, SAMPLE_RATE, format=form, **options)
    return stream.getvalue()
