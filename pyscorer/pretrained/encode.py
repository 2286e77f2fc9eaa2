"""Stage `encode`: states of a pretrained speech encoder, as deep features."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import NegativeInt, PositiveInt

from pyscorer.contract.archives import archive_writer
from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.datadir import Utterance, read_data_dir, read_wav
from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError, naming_utterances
from pyscorer.options import option
from pyscorer.parallel import chunks, one_thread, shared_map
from pyscorer.pretrained.huggingface import HuggingFaceEncoder, load_huggingface
from pyscorer.pretrained.packaged import model_directory
from pyscorer.pretrained.whisper import FRAME_SHIFT, Whisper, check_duration, log_mel
from pyscorer.pretrained.whisper_models import load_whisper, read_config
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

_SORTED = 4
"""Batches whose recordings are sorted by length together, so that little of a batch is silence."""


@dataclass(frozen=True)
class EncodeOptions:
    """What `encode` takes of an encoder."""

    layers: tuple[NegativeInt | PositiveInt, ...] = option(
        (-1,), "whose states are joined: from 1, or -1, -2, ... from the last", min_length=1
    )
    pad: float = option(0.5, "seconds of silence after the recording, for Whisper", ge=0)
    batch: int = option(8, "recordings that Whisper encodes together", ge=1)
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


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

    def dimension(self, layers: Sequence[int]) -> int:
        """Columns of the states of these layers."""
        return self.model.config.dim * len(layers)

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
        chosen = [states[layer - 1 if layer > 0 else layer] for layer in layers]
        joined = torch.cat(chosen, dim=2).numpy()
        rows = (int(np.ceil(len(s) / SAMPLE_RATE / FRAME_SHIFT)) for s in recordings)
        return [own[:count] for own, count in zip(joined, rows, strict=True)]


@dataclass(frozen=True)
class JoinedEncoders:
    """Several encoders of the same frame shift as one, whose states are theirs side by side."""

    encoders: tuple[WhisperEncoder | HuggingFaceEncoder, ...]

    @property
    def layers(self) -> int:
        """How many each of them has at least."""
        return min(encoder.layers for encoder in self.encoders)

    @property
    def frame_shift(self) -> float:
        """Seconds."""
        return self.encoders[0].frame_shift

    def dimension(self, layers: Sequence[int]) -> int:
        """Columns of the states of these layers, of all encoders together."""
        return sum(encoder.dimension(layers) for encoder in self.encoders)

    def states(self, recordings: Sequence[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
        """The `layers` of each encoder, one encoder after the other; errors as theirs."""
        each = [encoder.states(recordings, layers) for encoder in self.encoders]
        rows = [min(map(len, parts)) for parts in zip(*each, strict=True)]
        return [
            np.concatenate([part[:count] for part in parts], axis=1)
            for count, parts in zip(rows, zip(*each, strict=True), strict=True)
        ]


Encoder = WhisperEncoder | HuggingFaceEncoder | JoinedEncoders
"""Whatever has `layers`, `frame_shift`, `dimension` and `states`."""


def load_encoders(models: Sequence[Path], pad: float = 0.5) -> Encoder:
    """`load_encoder` of one model, or of several as one encoder.

    Raises InputError for encoders whose frame shifts differ.
    """
    encoders = tuple(load_encoder(model, pad) for model in models)
    if len({encoder.frame_shift for encoder in encoders}) > 1:
        each = zip(models, encoders, strict=True)
        shifts = ", ".join(f"{model} {encoder.frame_shift:g} s" for model, encoder in each)
        raise InputError(f"encoders of unlike frame shifts cannot be joined: {shifts}")
    return encoders[0] if len(encoders) == 1 else JoinedEncoders(encoders)


def load_encoder(model: Path, pad: float = 0.5) -> WhisperEncoder | HuggingFaceEncoder:
    """The encoder of a directory, or of a packaged model (see `packaged.PACKAGED`).

    A directory holds Whisper in CTranslate2's format, or any speech encoder in Hugging Face's
    (Whisper, wav2vec 2.0, HuBERT, WavLM, ...). Raises InputError for what cannot be read.
    """
    directory = model_directory(model)
    if (directory / "model.bin").exists() or read_config(directory)["model_type"] == "whisper":
        return WhisperEncoder(load_whisper(directory), pad)
    return load_huggingface(directory)


def encode(data: Path, model: list[Path], out: Path, options: EncodeOptions) -> None:
    """Compute the states of the encoder `model` for the recordings of `data`.

    `model` is a directory or the name of a packaged model, see `load_encoder`; the states of
    several stand side by side. Writes `out/embed.scp` (T x dimension of the layers together; as
    many rows as the recording lasts) and `out/frame_shift` (seconds; 0.02 for Whisper). Streams;
    one thread a process. The states of a recording do not depend on those that it is encoded with.

    Raises InputError for a model that cannot be read, a layer that it does not have, and, naming
    the utterance, for a recording that is empty or longer than the encoder takes (Whisper: 30 s).
    """
    utterances = read_data_dir(data).utterances
    encoder = load_encoders(model, options.pad)
    unknown = [layer for layer in options.layers if not 1 <= abs(layer) <= encoder.layers]
    if unknown or not options.layers:
        known = f"it has 1 to {encoder.layers}"
        raise InputError(f"{model[0]}: no encoder layer {unknown[0] if unknown else ''}; {known}")
    started, seconds = time.monotonic(), 0.0
    source = _Source(encoder, options.layers, options.batch)
    tasks = chunks(utterances.values(), _SORTED * options.batch)
    with (
        archive_writer(out / "embed.scp") as write,
        progress_bar(desc="encode", total=len(utterances), unit="utt") as bar,
    ):
        for encoded in shared_map(_encode, source, tasks, options.jobs):
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


@dataclass(frozen=True)
class _Source:
    encoder: Encoder
    layers: tuple[int, ...]
    batch: int


@one_thread()
def _encode(source: _Source, utterances: list[Utterance]) -> list[tuple[str, np.ndarray]]:
    recordings = [(u.key, read_wav(u)) for u in utterances]
    found: dict[str, np.ndarray] = {}
    for part in chunks(sorted(recordings, key=lambda r: len(r[1])), source.batch):
        keys, samples = [key for key, _ in part], [s for _, s in part]
        states = naming_utterances(
            lambda items: source.encoder.states(items, source.layers), keys, samples
        )
        found.update(zip(keys, states, strict=True))
    return [(u.key, found[u.key]) for u in utterances]
