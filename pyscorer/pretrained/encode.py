"""Stage `encode`: states of a pretrained speech encoder, as deep features."""

import logging
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.archives import archive_writer
from pyscorer.contract.datadir import Utterance, read_wav
from pyscorer.contract.devices import check_device
from pyscorer.contract.segments import write_frame_shift
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import naming_utterances
from pyscorer.options import option
from pyscorer.parallel import chunks, one_thread, shared_map
from pyscorer.pretrained.encoder_layers import Ivectors, Layer, layer_numbers, with_ivectors
from pyscorer.pretrained.registry import Encoder, load_encoders, on_device
from pyscorer.progress import log_speed, progress_bar

log = logging.getLogger(__name__)

_SORTED = 4
"""Batches whose recordings are sorted by length together, so that little of a batch is silence."""


@dataclass(frozen=True)
class EncodeOptions:
    """What `encode` takes of an encoder."""

    layers: tuple[Layer, ...] = option(
        (-1,),
        "whose states are joined: from 1, or -1, -2, ... from the last; of a Kaldi model nodes of "
        "its network, by number or name",
        min_length=1,
    )
    pad: float = option(0.5, "seconds of silence after the recording, for Whisper", ge=0)
    batch: int = option(8, "recordings that Whisper encodes together", ge=1)
    ivectors: Ivectors = option(
        "utterance", "of a Kaldi model: one from the whole recording, or online, as a stream has"
    )
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)
    device: str = option("cpu", "torch device; a GPU runs in one process")


def encode(data: Path, model: list[Path], out: Path, options: EncodeOptions) -> None:
    """Compute the states of the encoder `model` for the recordings of `data`.

    `model` is a directory or the name of a packaged model, see `load_encoder`; the states of
    several stand side by side. Writes `out/embed.scp` (T x dimension of the layers together; as
    many rows as the recording lasts) and `out/frame_shift` (seconds; 0.02 for Whisper). Streams;
    one thread a process. The states of a recording do not depend on those that it is encoded with.

    Raises InputError for a model that cannot be read, a layer that it does not have, a device that
    is not there or that torch is not asked for (of ONNX's and Kaldi's models all but cpu), and,
    naming the utterance, for a recording that is empty or longer than the encoder takes (Whisper:
    30 s).
    """
    utterances = read_utterances(data)
    device = check_device(options.device)
    encoder = load_encoders(model, options.pad)
    if device != "cpu":
        encoder = on_device(encoder, device)
    encoder = with_ivectors(encoder, options.ivectors)
    layers = layer_numbers(encoder, options.layers, model[0])
    started, seconds = time.monotonic(), 0.0
    source = _Source(encoder, layers, options.batch)
    tasks = chunks(utterances.values(), _SORTED * options.batch)
    with (
        archive_writer(out / "embed.scp") as write,
        progress_bar(desc="encode", total=len(utterances), unit="utt") as bar,
    ):
        jobs = options.jobs if device == "cpu" else 1
        for encoded in shared_map(_encode, source, tasks, jobs):
            for key, states in encoded:
                write(key, states)
                seconds += len(states) * encoder.frame_shift
            bar.update(len(encoded))
    write_frame_shift(out, encoder.frame_shift)
    log_speed(log, len(utterances), seconds, started)


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
