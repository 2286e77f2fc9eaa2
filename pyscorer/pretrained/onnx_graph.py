"""Graphs in ONNX's format by onnxruntime: icefall's, NeMo's and transformers' exports."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.files import shown
from pyscorer.errors import InputError
from pyscorer.pretrained.frame_shifts import measured_shift
from pyscorer.pretrained.frontends import Frontend, find_frontend


@dataclass(frozen=True)
class OnnxGraph:
    """A graph, and what goes into it and comes out."""

    path: Path
    frontend: Frontend
    signal: str
    """Its input of the waveform or the features."""
    lengths: str | None
    """Its input of their length."""
    mels: int
    """0 of a waveform."""
    transposed: bool
    """Whether features are mels x frames."""
    outputs: tuple[str, ...]
    """Those of rows: 1 x T x columns."""
    rows: str | None
    """The output of how many of them count."""

    def run(self, samples: np.ndarray) -> list[np.ndarray]:
        """T x columns of each output, for a recording at 16 kHz. InputError if it is too short."""
        x = self.frontend(samples, self.mels)
        inputs: dict[str, np.ndarray] = {self.signal: (x.T if self.transposed else x)[None]}
        session = _session(self.path, os.getpid())
        if self.lengths is not None:
            kind = next(i.type for i in session.get_inputs() if i.name == self.lengths)
            inputs[self.lengths] = np.array([len(x)], np.int32 if "32" in kind else np.int64)
        wanted = [*self.outputs, *([self.rows] if self.rows else [])]
        try:
            found = session.run(wanted, inputs)
        except Exception as error:  # onnxruntime's own, of many kinds
            if len(samples) < SAMPLE_RATE:
                raise InputError(
                    f"{len(samples) / SAMPLE_RATE:.2f} s of speech are too short for the model"
                ) from None
            raise InputError(f"{self.path}: it does not run: {shown(str(error), 200)}") from None
        count = int(found[-1][0]) if self.rows else None
        return [np.asarray(m[0][:count], np.float32) for m in found[: len(self.outputs)]]


@dataclass(frozen=True)
class OnnxEncoder:
    """An encoder of speech, whose layers are the outputs of the graph, in their order."""

    graph: OnnxGraph
    sizes: tuple[int, ...]
    """Columns of each."""
    frame_shift: float

    @property
    def layers(self) -> int:
        """How many outputs it has."""
        return len(self.sizes)

    def dimension(self, layers: Sequence[int]) -> int:
        """Columns of these outputs together."""
        return sum(self.sizes[i - 1 if i > 0 else i] for i in layers)

    def states(self, recordings: Sequence[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
        """T x dimension of each recording. Raises InputError for one that is too short."""
        each = map(self.graph.run, recordings)
        return [
            np.concatenate([found[i - 1 if i > 0 else i] for i in layers], axis=1) for found in each
        ]


def load_onnx_encoder(model: Path, pad: float = 0.0) -> OnnxEncoder:
    """Read a graph as an encoder; nothing is appended to recordings. Errors as `read_graph`."""
    graph = read_graph(model)
    found = graph.run(np.zeros(SAMPLE_RATE, np.float32))
    if len({len(matrix) for matrix in found}) != 1:
        raise InputError(
            f"{graph.path}: outputs of unlike frame shifts: {', '.join(graph.outputs)}"
        )
    sizes = tuple(matrix.shape[1] for matrix in found)
    return OnnxEncoder(graph, sizes, graph_shift(graph))


def graph_shift(graph: OnnxGraph) -> float:
    """Seconds between rows of the first output, measured."""
    return measured_shift(lambda samples: len(graph.run(samples)[0]), str(graph.path))


def read_graph(model: Path) -> OnnxGraph:
    """The graph of a file, or of a directory with one, and what enters it.

    Raises InputError if onnxruntime is not installed, the file is damaged, its inputs are not one
    waveform or one matrix of features with, at most, their length, or nothing says what these are.
    """
    path = _graph_file(model)
    session = _session(path, os.getpid())
    signals = [i for i in session.get_inputs() if i.type == "tensor(float)"]
    lengths = [i for i in session.get_inputs() if i.type in ("tensor(int64)", "tensor(int32)")]
    known = len(signals) == 1 and len(lengths) <= 1 and len(signals[0].shape) in (2, 3)
    if not known or len(session.get_inputs()) != len(signals) + len(lengths):
        told = ", ".join(f"{i.name} {i.type} {i.shape}" for i in session.get_inputs()[:6])
        raise InputError(
            f"{path}: inputs {told}: only graphs of one waveform (N x T) or one matrix of features "
            "(N x T x mels) with, at most, its length are read, so none that carries states on "
            "from chunk to chunk, and no decoder"
        )
    outputs = [o.name for o in session.get_outputs() if len(o.shape) == 3 and "float" in o.type]
    counts = [o.name for o in session.get_outputs() if len(o.shape) == 1 and "int" in o.type]
    if not outputs:
        raise InputError(f"{path}: no output of N x T x columns")
    shape, waveform = signals[0].shape, len(signals[0].shape) == 2
    metadata = session.get_modelmeta().custom_metadata_map
    frontend = find_frontend(path, waveform, metadata)
    mels, transposed = (0, False) if waveform else _layout(path, shape, frontend)
    return OnnxGraph(
        *(path, frontend, signals[0].name, lengths[0].name if lengths else None),
        *(mels, transposed, tuple(outputs), counts[0] if len(counts) == 1 else None),
    )


def _layout(path: Path, shape: Sequence[Any], frontend: Frontend) -> tuple[int, bool]:
    """How many mels, and whether they are the second axis."""
    fixed = [isinstance(size, int) and size > 0 for size in shape]
    transposed = fixed[1] if fixed[1] != fixed[2] else frontend.features == "nemo"
    size = shape[1] if transposed else shape[2]
    mels = size if isinstance(size, int) and size > 0 else frontend.mels
    if mels is None:
        raise InputError(
            f'{path}: how many mels it reads is not known: add "mels" to frontend.json'
        )
    if frontend.mels not in (None, mels):
        raise InputError(f"{path}: it reads {mels} mels, not {frontend.mels}")
    return int(mels), bool(transposed)


def _graph_file(model: Path) -> Path:
    if model.is_file():
        return model
    found = sorted(model.glob("*.onnx"))
    named = [p for p in found if p.name.startswith(("encoder", "model.onnx"))]
    for graphs in (found, named):
        if len(graphs) == 1:
            return graphs[0]
    raise InputError(
        f"{model}: {len(found)} graphs ({', '.join(p.name for p in found[:4])}): name the file "
        "of one"
    )


@cache
def _session(path: Path, process: int) -> Any:
    """onnxruntime's session, of this process alone: its threads do not survive a fork."""
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            f"{path}: a model that is read by onnxruntime: pip install 'pyscorer[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's own, of many kinds
        raise InputError(f"{path}: not readable by onnxruntime: {shown(str(error), 200)}") from None
