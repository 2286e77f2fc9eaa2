"""Stage `encode`: states of a pretrained speech encoder, as deep features."""

import functools
import logging
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from pyscorer.archives import archive_writer
from pyscorer.audio import SAMPLE_RATE, read_audio
from pyscorer.datadir import read_data_dir
from pyscorer.encoders.whisper import FRAME_SHIFT, Whisper, check_duration, load_whisper, log_mel
from pyscorer.errors import InputError
from pyscorer.files import atomic_open
from pyscorer.parallel import one_thread, ordered_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncodeOptions:
    """What `encode` takes of an encoder."""

    layers: tuple[int, ...] = field(
        default=(), metadata={"help": "layers, from 1, whose states are joined; none: the last"}
    )
    pad: float = field(default=0.5, metadata={"help": "seconds of silence after the recording"})
    jobs: int = field(default=0, metadata={"help": "processes; 0: as many as there are cores"})


def encode(data: Path, model: Path, out: Path, options: EncodeOptions) -> None:
    """Compute the states of the encoder in directory `model` for the recordings of `data`.

    `model` is a Whisper model in CTranslate2 format. Writes `out/embed.scp` (T x dimension of the
    layers together; as many rows as the recording lasts) and `out/frame_shift` (0.02 s). Streams;
    one thread a process.

    Raises InputError for a model that cannot be read, a layer that it does not have, and, naming
    the utterance, for a recording that is empty or longer than the encoder takes (30 s).
    """
    utterances = read_data_dir(data).utterances
    known = load_whisper(model).config.encoder_layers
    layers = options.layers or (known,)
    unknown = [layer for layer in layers if not 1 <= layer <= known]
    if unknown:
        raise InputError(f"{model}: no encoder layer {unknown[0]}; it has 1 to {known}")
    started, seconds = time.monotonic(), 0.0
    tasks = ((model, u.key, u.audio, layers, options.pad) for u in utterances.values())
    with archive_writer(out / "embed.scp") as write:
        results = ordered_map(_encode, tasks, options.jobs)
        for key, states in progress_bar(results, "encode", len(utterances), unit="utt"):
            write(key, states)
            seconds += len(states) * FRAME_SHIFT
    with atomic_open(out / "frame_shift") as stream:
        stream.write(f"{FRAME_SHIFT:.2f}\n")
    elapsed = time.monotonic() - started
    log.info(
        "%d utterances, %.0f s of speech, in %.1f s: %.0f times faster than real time",
        *(len(utterances), seconds, elapsed, seconds / elapsed),
    )


def encode_samples(
    model: Whisper, samples: np.ndarray, layers: tuple[int, ...], pad: float
) -> np.ndarray:
    """States (T x dimension of the layers together, every 20 ms) of samples at 16 kHz.

    Raises InputError for a recording that is empty or too long.
    """
    check_duration(samples, model.config)
    rows = int(np.ceil(len(samples) / SAMPLE_RATE / FRAME_SHIFT))
    mel = log_mel(samples, model.config.mels, pad)[: 2 * model.config.longest]
    with torch.inference_mode():
        states = model.encode(torch.from_numpy(mel)[None])
    joined = torch.cat([states[layer - 1][0] for layer in layers], dim=1).numpy()
    return np.asarray(joined[:rows], dtype=np.float32)


@functools.lru_cache(maxsize=1)
def _model(directory: Path) -> Whisper:
    return load_whisper(directory)


@one_thread()
def _encode(task: tuple[Path, str, Path, tuple[int, ...], float]) -> tuple[str, np.ndarray]:
    directory, key, audio, layers, pad = task
    try:
        return key, encode_samples(_model(directory), read_audio(audio), layers, pad)
    except InputError as error:
        raise InputError(f"utterance {key}: {error}") from None
