"""Stage `encode`: states of a pretrained speech encoder, as deep features."""

import functools
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from pyscorer.archives import archive_writer
from pyscorer.audio import SAMPLE_RATE, read_audio
from pyscorer.datadir import read_data_dir
from pyscorer.encoders.huggingface import HuggingFaceEncoder, load_huggingface
from pyscorer.encoders.loading import load_whisper, read_config
from pyscorer.encoders.packaged import model_directory
from pyscorer.encoders.whisper import FRAME_SHIFT, Whisper, check_duration, log_mel
from pyscorer.errors import InputError, naming_utterances
from pyscorer.files import atomic_open
from pyscorer.parallel import chunks, one_thread, ordered_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

_SORTED = 4
"""Batches whose recordings are sorted by length together, so that little of a batch is silence."""


@dataclass(frozen=True)
class EncodeOptions:
    """What `encode` takes of an encoder."""

    layers: tuple[int, ...] = field(
        default=(), metadata={"help": "layers, from 1, whose states are joined; none: the last"}
    )
    pad: float = field(
        default=0.5, metadata={"help": "seconds of silence after the recording, for Whisper"}
    )
    batch: int = field(default=8, metadata={"help": "recordings that Whisper encodes together"})
    jobs: int = field(default=0, metadata={"help": "processes; 0: as many as there are cores"})


@dataclass(frozen=True)
class WhisperEncoder:
    """The encoder of a Whisper model."""

    model: Whisper
    pad: float = 0.5
    frame_shift: float = FRAME_SHIFT

    @property
    def layers(self) -> int:
        """How many it has."""
        return self.model.config.encoder_layers

    def states(self, recordings: Sequence[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
        """States of recordings at 16 kHz: T x dimension of the layers together, for each.

        T as the recording lasts. Raises InputError for one that is empty or too long.
        """
        config, mels = self.model.config, []
        for samples in recordings:
            check_duration(samples, config)
            mels.append(log_mel(samples, config.mels, self.pad)[: 2 * config.longest])
        frames = torch.tensor([len(mel) for mel in mels])
        batch = torch.zeros(len(mels), int(frames.max()), config.mels)
        for row, mel in zip(batch, mels, strict=True):
            row[: len(mel)] = torch.from_numpy(mel)
        with torch.inference_mode():
            states = self.model.encode(batch, frames if len(mels) > 1 else None)
        joined = torch.cat([states[layer - 1] for layer in layers], dim=2).numpy()
        rows = (int(np.ceil(len(s) / SAMPLE_RATE / FRAME_SHIFT)) for s in recordings)
        return [own[:count] for own, count in zip(joined, rows, strict=True)]


Encoder = WhisperEncoder | HuggingFaceEncoder
"""Whatever has `layers`, `frame_shift` and `states`."""


def load_encoder(model: Path, pad: float = 0.5) -> Encoder:
    """The encoder of a directory, or of a packaged model (see `packaged.PACKAGED`).

    A directory holds Whisper in CTranslate2's format, or any speech encoder in Hugging Face's
    (Whisper, wav2vec 2.0, HuBERT, WavLM, ...). Raises InputError for what cannot be read.
    """
    directory = model_directory(model)
    if (directory / "model.bin").exists() or read_config(directory)["model_type"] == "whisper":
        return WhisperEncoder(load_whisper(directory), pad)
    return load_huggingface(directory)


def encode(data: Path, model: Path, out: Path, options: EncodeOptions) -> None:
    """Compute the states of the encoder `model` for the recordings of `data`.

    `model` is a directory or the name of a packaged model, see `load_encoder`. Writes
    `out/embed.scp` (T x dimension of the layers together; as many rows as the recording lasts) and
    `out/frame_shift` (seconds; 0.02 for Whisper). Streams; one thread a process. The states of a
    recording do not depend on those that it is encoded with.

    Raises InputError for a model that cannot be read, a layer that it does not have, and, naming
    the utterance, for a recording that is empty or longer than the encoder takes (Whisper: 30 s).
    """
    utterances = read_data_dir(data).utterances
    encoder = load_encoder(model, options.pad)
    layers = options.layers or (encoder.layers,)
    unknown = [layer for layer in layers if not 1 <= layer <= encoder.layers]
    if unknown:
        raise InputError(f"{model}: no encoder layer {unknown[0]}; it has 1 to {encoder.layers}")
    started, seconds = time.monotonic(), 0.0
    tasks = (
        (model, options.pad, layers, options.batch, [(u.key, u.audio) for u in part])
        for part in chunks(utterances.values(), _SORTED * options.batch)
    )
    with (
        archive_writer(out / "embed.scp") as write,
        progress_bar(desc="encode", total=len(utterances), unit="utt") as bar,
    ):
        for encoded in ordered_map(_encode, tasks, options.jobs):
            for key, states in encoded:
                write(key, states)
                seconds += len(states) * encoder.frame_shift
            bar.update(len(encoded))
    with atomic_open(out / "frame_shift") as stream:
        stream.write(f"{encoder.frame_shift:g}\n")
    elapsed = time.monotonic() - started
    log.info(
        "%d utterances, %.0f s of speech, in %.1f s: %.0f times faster than real time",
        *(len(utterances), seconds, elapsed, seconds / elapsed),
    )


@functools.lru_cache(maxsize=1)
def _encoder(model: Path, pad: float) -> Encoder:
    return load_encoder(model, pad)


@one_thread()
def _encode(
    task: tuple[Path, float, tuple[int, ...], int, list[tuple[str, Path]]],
) -> list[tuple[str, np.ndarray]]:
    model, pad, layers, batch, members = task
    encoder = _encoder(model, pad)
    recordings = [(key, read_audio(audio)) for key, audio in members]
    found: dict[str, np.ndarray] = {}
    for part in chunks(sorted(recordings, key=lambda r: len(r[1])), batch):
        keys, samples = [key for key, _ in part], [s for _, s in part]
        states = naming_utterances(lambda items: encoder.states(items, layers), keys, samples)
        found.update(zip(keys, states, strict=True))
    return [(key, found[key]) for key, _ in members]
