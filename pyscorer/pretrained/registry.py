"""What kinds of pretrained model there are, how each is recognised, and what reads it."""

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from pyscorer.contract.files import read_json
from pyscorer.errors import InputError
from pyscorer.pretrained.packaged import HAMA, copy_model, model_path


class Encoder(Protocol):
    """A source of deep features: recordings at 16 kHz in, states of its layers out."""

    @property
    def layers(self) -> int:
        """How many it has; `states` takes 1, ..., layers and -1, ..., -layers."""

    @property
    def frame_shift(self) -> float:
        """Seconds between rows of the states."""

    def dimension(self, layers: Sequence[int]) -> int:
        """Columns of the states of these layers together."""

    def states(self, recordings: Sequence[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
        """T x dimension, float32, of each recording; row t stands for the time t * frame_shift on.

        What is said of a recording does not depend on the others. Raises InputError for one that
        the encoder cannot take.
        """


@runtime_checkable
class Movable(Protocol):
    """An encoder that torch computes, on whatever device."""

    def to(self, device: str) -> Encoder:
        """The encoder, which computes there from now on."""


class CtcModel(Protocol):
    """A source of posteriors of tokens, trained by connectionist temporal classification."""

    @property
    def tokens(self) -> tuple[str, ...]:
        """Their names, in the order of the columns."""

    @property
    def blank(self) -> int:
        """Which of them is the blank."""

    @property
    def frame_shift(self) -> float:
        """Seconds between rows."""

    def log_posteriors(self, samples: np.ndarray) -> np.ndarray:
        """T x tokens, float32, of a recording at 16 kHz. InputError for one it cannot take."""


@dataclass(frozen=True)
class Source:
    """A kind of pretrained model."""

    kind: str
    """In words, for messages."""
    marks: tuple[str, ...]
    """Patterns of files: a directory that has one of them, or such a file itself, is recognised."""
    encoder: str = ""
    """`room.module.function` that reads it as an `Encoder`, from its path and the seconds of
    silence to append where it wants any. It is imported when it is called: what it needs may not
    be installed, and its room may be of a later layer."""
    ctc: str = ""
    """The same of what reads it as a `CtcModel`, from its path."""
    copy: str = ""
    """The same of what copies it into a new folder; left out: all that is there."""
    also: Callable[[Path], bool] | None = None
    """What must hold besides, of the directory."""

    def recognises(self, path: Path) -> bool:
        """Whether `path`, a directory or a file, is of this kind."""
        found = (
            any(any(path.glob(mark)) for mark in self.marks)
            if path.is_dir()
            else any(path.match(mark) for mark in self.marks)
        )
        return found and (self.also is None or self.also(path))


def _is_whisper(directory: Path) -> bool:
    config: Any = read_json(directory / "config.json")
    return isinstance(config, dict) and config.get("model_type") == "whisper"


_WEIGHTS = ("model*.safetensors", "pytorch_model*.bin")
"""Of transformers: a directory that has them is read by it."""
SOURCES = (
    Source(
        "Whisper in CTranslate2's format",
        ("model.bin",),
        "pretrained.whisper_encoder.load_whisper_encoder",
    ),
    Source(
        "a graph in ONNX's format",
        ("*.onnx",),
        "pretrained.onnx_graph.load_onnx_encoder",
        "pretrained.onnx_ctc.load_onnx_ctc",
        also=lambda path: path.is_file() or not any(map(any, map(path.glob, _WEIGHTS))),
    ),
    Source(
        "Whisper in Hugging Face's format",
        ("config.json",),
        "pretrained.whisper_encoder.load_whisper_encoder",
        also=_is_whisper,
    ),
    Source(
        "a speech model in Hugging Face's format",
        ("config.json",),
        "pretrained.huggingface.load_huggingface",
        "pretrained.huggingface_ctc.load_huggingface_ctc",
    ),
    Source(
        "a Kaldi model",
        ("final.mdl", "am/final.mdl"),
        "kaldi.kaldi_encoder.load_kaldi_encoder",
        copy="kaldi.kaldi_encoder.copy_kaldi_encoder",
    ),
    Source("hama's recogniser", (HAMA,), ctc="pretrained.hama_ctc.load_hama"),
)
"""The first that recognises a path reads it."""


def find_source(path: Path) -> Source:
    """The kind of the model at `path`. Raises InputError for none that is known."""
    for source in SOURCES:
        if source.recognises(path):
            return source
    known = "; ".join(
        dict.fromkeys(f"{source.kind} ({' or '.join(source.marks)})" for source in SOURCES)
    )
    raise InputError(f"{path}: no model of a known kind. Known are {known}")


def load_encoder(model: Path, pad: float = 0.5) -> Encoder:
    """The encoder of a directory or file, or of a packaged model (see `packaged.PACKAGED`).

    `pad` seconds of silence follow each recording in those that want it (Whisper). Raises
    InputError for what is of no known kind, is no encoder, or cannot be read.
    """
    path = model_path(model)
    source = find_source(path)
    if not source.encoder:
        raise InputError(f"{model}: {source.kind} is no encoder whose states could be read")
    encoder: Encoder = _loader(source.encoder)(path, pad)
    return encoder


def copy_encoder(model: Path, folder: Path) -> None:
    """Copy all that `load_encoder` reads into the new directory `folder`; it reads that as well."""
    path = model_path(model)
    source = find_source(path)
    if source.copy:
        _loader(source.copy)(path, folder)
    else:
        copy_model(path, folder)


def load_ctc(model: Path) -> CtcModel:
    """The CTC model of a directory or file, or of a packaged model. Errors as `load_encoder`."""
    path = model_path(model)
    source = find_source(path)
    if not source.ctc:
        raise InputError(f"{model}: {source.kind} gives no posteriors by CTC")
    found: CtcModel = _loader(source.ctc)(path)
    return found


def _loader(name: str) -> Callable[..., Any]:
    module, _, function = f"pyscorer.{name}".rpartition(".")
    loader: Callable[..., Any] = getattr(importlib.import_module(module), function)
    return loader


@dataclass(frozen=True)
class JoinedEncoders:
    """Several encoders as one, whose states are theirs side by side.

    Where their frame shifts differ, the shortest is taken: of the others the row nearest in time.
    """

    encoders: tuple[Encoder, ...]

    @property
    def layers(self) -> int:
        """How many each of them has at least."""
        return min(encoder.layers for encoder in self.encoders)

    @property
    def frame_shift(self) -> float:
        """Seconds; the shortest of theirs."""
        return min(encoder.frame_shift for encoder in self.encoders)

    def dimension(self, layers: Sequence[int]) -> int:
        """Columns of the states of these layers, of all encoders together."""
        return sum(encoder.dimension(layers) for encoder in self.encoders)

    def to(self, device: str) -> "JoinedEncoders":
        """All of them on a device."""
        return JoinedEncoders(tuple(on_device(encoder, device) for encoder in self.encoders))

    def states(self, recordings: Sequence[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
        """The `layers` of each encoder, one encoder after the other; errors as theirs."""
        each = [self._states(encoder, recordings, layers) for encoder in self.encoders]
        rows = [min(map(len, parts)) for parts in zip(*each, strict=True)]
        return [
            np.concatenate([part[:count] for part in parts], axis=1)
            for count, parts in zip(rows, zip(*each, strict=True), strict=True)
        ]

    def _states(
        self, encoder: Encoder, recordings: Sequence[np.ndarray], layers: tuple[int, ...]
    ) -> list[np.ndarray]:
        """Of one encoder, at the common frame shift."""
        states, ratio = encoder.states(recordings, layers), self.frame_shift / encoder.frame_shift
        if ratio == 1:
            return states
        counts = (int(np.ceil(len(part) / ratio)) for part in states)
        nearest = (np.floor(np.arange(count) * ratio + 0.5).astype(np.int64) for count in counts)
        return [p[rows.clip(max=len(p) - 1)] for p, rows in zip(states, nearest, strict=True)]


def on_device(encoder: Encoder, device: str) -> Encoder:
    """The encoder on a device. Raises InputError for one that torch does not compute."""
    if not isinstance(encoder, Movable):
        raise InputError(
            f"device {device}: {type(encoder).__name__} computes on the CPU alone: set device: cpu"
        )
    return encoder.to(device)


def load_encoders(models: Sequence[Path], pad: float = 0.5) -> Encoder:
    """`load_encoder` of one model, or of several as one encoder."""
    encoders = tuple(load_encoder(model, pad) for model in models)
    return encoders[0] if len(encoders) == 1 else JoinedEncoders(encoders)
