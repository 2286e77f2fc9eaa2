"""Audio that is not as stages read it: copies at 16 kHz, of one channel where one is named."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import soundfile
import soxr

from pyscorer.contract.audio import SAMPLE_RATE, encoded, read_audio
from pyscorer.contract.datadir import DataDir
from pyscorer.contract.files import atomic_open
from pyscorer.contract.names import file_name
from pyscorer.corpora.part import CorpusPart
from pyscorer.errors import InputError
from pyscorer.parallel import ordered_map
from pyscorer.progress import progress_bar

FOLDER = "audio"


def with_readable_audio(part: CorpusPart, folder: Path, final: Path, jobs: int = 1) -> CorpusPart:
    """`part` with copies (FLAC, 16 kHz) of what has another rate, or of which a channel is meant.

    They are written to `folder`/audio and named as in `final`/audio, which `folder` will be renamed
    to. A file that does not decode is left to the stage `validate`, which names its utterances.
    Raises InputError for a channel that a file does not have.
    """
    recordings: dict[str, Path] = {}
    for u in part.data.utterances.values():
        recordings.setdefault(u.span.recording if u.span else u.key, u.audio)
    wanted = [
        (key, file, part.channels.get(key))
        for key, file in recordings.items()
        if key in part.channels or _rate(file) not in (None, SAMPLE_RATE)
    ]
    if not wanted:
        return part
    work = ordered_map(partial(_convert, folder=folder / FOLDER), wanted, jobs)
    bar = progress_bar(work, desc=f"audio at {SAMPLE_RATE} Hz", total=len(wanted))
    names = {key: name for (key, *_), name in zip(wanted, bar, strict=True) if name}
    return _renamed(part, {key: final.absolute() / FOLDER / name for key, name in names.items()})


def _rate(file: Path) -> int | None:
    """Samples a second; None of what is no file that libsndfile reads."""
    with suppress(RuntimeError, OSError, ValueError):
        return int(soundfile.info(str(file)).samplerate)
    return None


def _convert(wanted: tuple[str, Path, int | None], folder: Path) -> str:
    """Write a copy; its name, or nothing where the file does not decode."""
    key, file, channel = wanted
    if channel is None:
        try:
            samples = read_audio(file, resample=True)
        except InputError:
            return ""
    else:
        try:
            whole, rate = soundfile.read(str(file), dtype="float32", always_2d=True)
        except (RuntimeError, OSError, ValueError):
            return ""
        if channel >= whole.shape[1]:
            raise InputError(f"{file}: no channel {channel + 1}: it has {whole.shape[1]}")
        samples = soxr.resample(np.ascontiguousarray(whole[:, channel]), rate, SAMPLE_RATE)
    name = f"{file_name(key)}.flac"
    with atomic_open(folder / name, "wb") as stream:
        stream.write(encoded(np.clip(samples, -1, 1), "FLAC", subtype="PCM_16"))
    return name


def _renamed(part: CorpusPart, files: Mapping[str, Path]) -> CorpusPart:
    utterances = {
        key: replace(u, audio=files.get(u.span.recording if u.span else key, u.audio))
        for key, u in part.data.utterances.items()
    }
    return replace(part, data=DataDir(utterances, part.data.speakers))
