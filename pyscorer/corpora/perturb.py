"""Copies of a data directory at another speed and volume: more unlabelled speech."""

import hashlib
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import soxr

from pyscorer.contract.audio import SAMPLE_RATE, encoded
from pyscorer.contract.datadir import DataDir, Utterance, read_data_dir, read_wav, write_data_dir
from pyscorer.contract.files import atomic_open, write_table
from pyscorer.contract.names import file_name
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import read_lexicon, write_lexicon
from pyscorer.options import option
from pyscorer.parallel import chunks, ordered_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

_CHUNK = 16
"""Utterances handed to a process at a time."""


@dataclass(frozen=True)
class PerturbOptions:
    """How the copies differ from the recordings."""

    speed: float = option(0.9, "factor; tempo and pitch change together", gt=0)
    lowest_volume: float = option(0.125, "factor, drawn by utterance", gt=0)
    highest_volume: float = option(2.0, "factor, drawn by utterance", gt=0)
    seed: int = option(0, "of the volumes", ge=0)
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


def perturb_samples(samples: np.ndarray, speed: float, volume: float) -> np.ndarray:
    """`samples` played at `speed` times the speed, `volume` times as loud, never clipped.

    Speed is changed by resampling, so pitch and formants move with the tempo: Ko et al., "Audio
    augmentation for speech recognition", Interspeech 2015 (`sox speed`).
    """
    if speed != 1:
        samples = soxr.resample(samples, SAMPLE_RATE * speed, SAMPLE_RATE)
    peak = float(np.abs(samples).max(initial=0))
    return (samples * min(volume, 0.99 / peak if peak else volume)).astype(np.float32)


def _volume(key: str, options: PerturbOptions) -> float:
    # Of the key and not of the place in the list: a subset gets the same copies.
    digest = hashlib.sha256(f"{options.seed} {options.speed:g} {key}".encode()).digest()
    share = int.from_bytes(digest[:8], "big") / 2**64
    return options.lowest_volume + share * (options.highest_volume - options.lowest_volume)


def _write_copies(utterances: list[Utterance], audio: Path, options: PerturbOptions) -> int:
    for utterance in utterances:
        samples = read_wav(utterance)
        copy = perturb_samples(samples, options.speed, _volume(utterance.key, options))
        with atomic_open(audio / f"{file_name(utterance.key)}.flac", "wb") as stream:
            stream.write(encoded(copy, "FLAC", subtype="PCM_16"))
    return len(utterances)


def perturb(data: Path, out: Path, options: PerturbOptions = PerturbOptions()) -> None:
    """Copy a data directory at another speed and volume, without its human scores.

    Writes a data directory with audio in out/wav (FLAC), the keys and speakers of `data` behind the
    prefix `sp<speed>-` (as Kaldi's perturb_data_dir_speed.sh), its text, canonical phones and
    lexicon, and `utt2uniq`: copy -> utterance that it was made from. Each volume is drawn from the
    utterance's key (perturb_data_dir_volume.sh's range); a gain that would clip is reduced. The
    copies are unlabelled speech: no score tables are written.

    Raises InputError for a speed or volume out of range, and for audio that cannot be read.
    """
    if not 0.5 <= options.speed <= 2:
        raise InputError(f"--speed {options.speed:g}: give a factor from 0.5 to 2")
    if not 0 < options.lowest_volume <= options.highest_volume:
        raise InputError(
            f"--lowest-volume {options.lowest_volume:g} --highest-volume "
            f"{options.highest_volume:g}: give factors above 0, the lowest first"
        )
    source = read_data_dir(data)
    prefix = f"sp{options.speed:g}-"
    audio = out / "wav"
    copies = DataDir()
    for u in source.utterances.values():
        path = audio / f"{file_name(u.key)}.flac"
        key, speaker = prefix + u.key, prefix + u.speaker
        copies.utterances[key] = replace(u, key=key, speaker=speaker, audio=path, span=None)
    copies.speakers = {prefix + name: known for name, known in source.speakers.items()}

    def done() -> Iterator[int]:
        work = partial(_write_copies, audio=audio, options=options)
        yield from ordered_map(work, chunks(source.utterances.values(), _CHUNK), options.jobs)

    with progress_bar(total=len(source.utterances), desc=f"perturb {data}") as progress:
        for count in done():
            progress.update(count)
    write_lexicon(out / "lexicon.txt", read_lexicon(data / "lexicon.txt"))
    write_table(out / "utt2uniq", {prefix + key: key for key in source.utterances})
    write_data_dir(out, copies)
    log.info("%d copies at speed %g in %s", len(copies.utterances), options.speed, out)
