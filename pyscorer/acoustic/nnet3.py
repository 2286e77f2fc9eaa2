"""Kaldi's nnet3 model files: text and binary, with and without a transition model.

`read_nnet3` parses a file into plain data: the wiring (config lines) and the components' fields.
`tdnnf_from_nnet3` turns that into a `Tdnnf`, and refuses a network that is not one.
Sources: Kaldi's nnet3/nnet-nnet.cc (Nnet::Read), hmm/transition-model.cc, hmm/hmm-topology.cc.
"""

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.acoustic.tdnnf import Tdnnf, TdnnfConfig, config_lines
from pyscorer.errors import InputError

COMPONENT_FIELDS = {
    "<Dim>": "int",
    "<BlockDim>": "int",
    "<Epsilon>": "float",
    "<TargetRms>": "float",
    "<TestMode>": "bool",
    "<Count>": "float",
    "<StatsMean>": "vector",
    "<StatsVar>": "vector",
    "<LinearParams>": "matrix",
    "<BiasParams>": "vector",
    "<Params>": "matrix",
    "<MaxChange>": "float",
    "<L2Regularize>": "float",
    "<LearningRate>": "float",
    "<LearningRateFactor>": "float",
    "<IsGradient>": "bool",
    "<RankIn>": "int",
    "<RankOut>": "int",
    "<RankInOut>": "int int",
    "<UpdatePeriod>": "int",
    "<NumSamplesHistory>": "float",
    "<Alpha>": "float",
    "<AlphaInOut>": "float float",
    "<TimeOffsets>": "ints",
    "<OrthonormalConstraint>": "float",
    "<UseNaturalGradient>": "bool",
    "<ValueAvg>": "vector",
    "<DerivAvg>": "vector",
    "<OderivRms>": "vector",
    "<OderivCount>": "float",
    "<NumDimsSelfRepaired>": "float",
    "<NumDimsProcessed>": "float",
    "<SelfRepairLowerThreshold>": "float",
    "<SelfRepairUpperThreshold>": "float",
    "<SelfRepairScale>": "float",
    "<BackpropScale>": "float",
    "<DropoutProportion>": "float",
    "<TimePeriod>": "int",
    "<Continuous>": "flag",
}
"""Token of a component's field -> type of the value(s) that follow it, in text and in binary."""

COMPONENT_TYPES = (
    "FixedAffineComponent",
    "BatchNormComponent",
    "NaturalGradientAffineComponent",
    "AffineComponent",
    "LinearComponent",
    "TdnnComponent",
    "RectifiedLinearComponent",
    "GeneralDropoutComponent",
    "NoOpComponent",
    "LogSoftmaxComponent",
)


@dataclass(frozen=True)
class Component:
    """One component: its type (`TdnnComponent`) and its fields in file order, without brackets."""

    type: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class TransitionModel:
    """The transition model in front of the network of a `.mdl` file.

    `tuples` is n x 4: phone, HMM state, forward pdf, self-loop pdf; `log_probs` is indexed by
    transition id.
    """

    tuples: np.ndarray
    log_probs: np.ndarray

    def pdf_to_phone(self) -> np.ndarray:
        """Phone id of each pdf, int32. Raises InputError where phones share a pdf."""
        phone = np.zeros(self.tuples[:, 2:].max() + 1, dtype=np.int32)
        for owner, _, *pdfs in self.tuples:
            for pdf in pdfs:
                if phone[pdf] not in (0, owner):
                    raise InputError(
                        f"pdf {pdf} is shared by phones {phone[pdf]} and {owner}: posteriors of "
                        "phones need a tree whose phones have roots of their own"
                    )
                phone[pdf] = owner
        return phone


@dataclass(frozen=True)
class Nnet3:
    """A parsed model file."""

    path: Path
    config: list[str]
    """Lines `input-node ...`, `component-node ...`, `output-node ...`."""
    components: dict[str, Component]
    transition_model: TransitionModel | None


class _Reader:
    """Tokens and values of one Kaldi file, text or binary."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rb") as stream:
                self.data: bytes = stream.read()
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except (OSError, EOFError) as error:
            raise InputError(f"{path}: cannot be read: {error}") from None
        self.binary = self.data[:2] == b"\0B"
        self.at = 2 if self.binary else 0
        self.where = "the beginning"

    def fail(self, what: str) -> InputError:
        return InputError(f"{self.path}: {self.where}: {what}")

    def take(self, size: int) -> bytes:
        if self.at + size > len(self.data):
            raise self.fail("the file ends in the middle; copy or train the model again")
        self.at += size
        return self.data[self.at - size : self.at]

    def skip_space(self) -> None:
        while self.data[self.at : self.at + 1].isspace():
            self.at += 1

    def token(self) -> str:
        self.skip_space()
        start = self.at
        while not self.take(1).isspace():
            pass
        return self.data[start : self.at - 1].decode("ascii", "replace")

    def peek(self) -> str:
        at = self.at
        token = self.token()
        self.at = at
        return token

    def expect(self, token: str) -> None:
        found = self.token()
        if found != token:
            raise self.fail(f"expected {token}, found {found[:40]}")

    def line(self) -> str:
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise self.fail("the file ends in the middle; copy or train the model again")
        return self.take(end + 1 - self.at).decode("utf-8", "replace").strip()

    def value(self, kind: str) -> Any:
        if kind == "flag":
            return True
        if " " in kind:
            return tuple(self.value(part) for part in kind.split())
        if kind == "vector":
            return self.vector() if self.binary else self.text_array()[0]
        if kind == "matrix":
            return self.matrix() if self.binary else self.text_array()
        if kind == "bool":
            return self.boolean()
        if kind == "ints":
            return self.integers()
        return self.number(kind)

    def boolean(self) -> bool:
        letter = self.take(1).decode("latin1") if self.binary else self.token()
        if letter not in ("T", "F"):
            raise self.fail(f"expected T or F, found {letter!r}")
        return letter == "T"

    def number(self, kind: str) -> Any:
        if not self.binary:
            try:
                return {"int": int, "float": float}[kind](self.token())
            except ValueError as error:
                raise self.fail(str(error)) from None
        size = self.take(1)[0]
        code = {("int", 4): "<i", ("float", 4): "<f", ("float", 8): "<d"}.get((kind, size))
        if code is None:
            raise self.fail(f"{kind} of {size} bytes, which this reader does not know")
        return struct.unpack(code, self.take(size))[0]

    def integers(self) -> list[int]:
        if not self.binary:
            return [int(x) for x in self.text_array().ravel()]
        size = self.take(1)[0]
        count = struct.unpack("<i", self.take(4))[0]
        if size != 4:
            raise self.fail(f"integers of {size} bytes, which this reader does not know")
        return [int(x) for x in np.frombuffer(self.take(4 * count), dtype="<i4")]

    def _array(self, codes: dict[str, str], dims: int) -> np.ndarray:
        code = self.token()
        if code not in codes:
            raise self.fail(f"unknown precision {code[:8]!r}: expected one of {', '.join(codes)}")
        shape = [self.number("int") for _ in range(dims)]
        kind = np.dtype(codes[code])
        data = self.take(kind.itemsize * int(np.prod(shape)))
        return np.frombuffer(data, dtype=kind).reshape(shape).astype(np.float32)

    def vector(self) -> np.ndarray:
        return self._array({"FV": "<f4", "DV": "<f8"}, 1)

    def matrix(self) -> np.ndarray:
        return self._array({"FM": "<f4", "DM": "<f8"}, 2)

    def text_array(self) -> np.ndarray:
        self.expect("[")
        end = self.data.find(b"]", self.at)
        if end < 0:
            raise self.fail("an array without its closing bracket: the file is cut short")
        body = self.take(end + 1 - self.at)[:-1]
        rows = [row for row in body.decode("ascii", "replace").split("\n") if row.strip()]
        try:
            array = np.array([row.split() for row in rows], dtype=np.float64)
        except ValueError as error:
            raise self.fail(f"a malformed array ({error})") from None
        return array.reshape(max(len(rows), 1), -1).astype(np.float32)


def read_nnet3(path: Path) -> Nnet3:
    """Read a raw network or a `.mdl` file, text or binary, gzipped if its name ends in `.gz`.

    Raises InputError naming the node for an unknown component, field or precision and for a file
    that is cut short.
    """
    reader = _Reader(path)
    transition_model = None
    if reader.peek() == "<TransitionModel>":
        transition_model = _read_transition_model(reader)
    reader.where = "the wiring"
    reader.expect("<Nnet3>")
    reader.skip_space()
    config = []
    while line := reader.line():
        config.append(line)
    reader.expect("<NumComponents>")
    components = {}
    for _ in range(reader.number("int")):
        reader.expect("<ComponentName>")
        name = reader.token()
        reader.where = f"node {name}"
        components[name] = _read_component(reader)
    reader.expect("</Nnet3>")
    return Nnet3(path, config, components, transition_model)


def _read_component(reader: _Reader) -> Component:
    kind = reader.token().strip("<>")
    if kind not in COMPONENT_TYPES:
        raise reader.fail(f"component type {kind}, which this reader does not know")
    fields: dict[str, Any] = {}
    while (token := reader.token()) != f"</{kind}>":
        if token not in COMPONENT_FIELDS:
            raise reader.fail(f"{kind} with field {token[:40]}, which this reader does not know")
        fields[token.strip("<>")] = reader.value(COMPONENT_FIELDS[token])
    return Component(kind, fields)


def _read_transition_model(reader: _Reader) -> TransitionModel:
    reader.where = "the transition model"
    reader.expect("<TransitionModel>")
    reader.expect("<Topology>")
    if reader.binary:
        _skip_topology(reader)
    else:
        while reader.peek() != "</Topology>":
            reader.token()
    reader.expect("</Topology>")
    form = reader.token()
    columns = {"<Tuples>": 4, "<Triples>": 3}.get(form)
    if columns is None:
        raise reader.fail(f"expected <Tuples> or <Triples>, found {form[:40]}")
    rows = [[reader.number("int") for _ in range(columns)] for _ in range(reader.number("int"))]
    tuples = np.array(rows, dtype=np.int64).reshape(-1, columns)
    if columns == 3:  # both pdfs of a state are the same
        tuples = np.concatenate([tuples, tuples[:, 2:]], axis=1)
    reader.expect(form.replace("<", "</"))
    reader.expect("<LogProbs>")
    log_probs = reader.value("vector")
    reader.expect("</LogProbs>")
    reader.expect("</TransitionModel>")
    return TransitionModel(tuples, log_probs)


def _skip_topology(reader: _Reader) -> None:
    reader.integers()
    reader.integers()
    entries = reader.number("int")
    hmm = entries != -1  # -1 announces the extended format with a self-loop pdf class
    if not hmm:
        entries = reader.number("int")
    for _ in range(entries):
        for _ in range(reader.number("int")):
            reader.number("int")
            if not hmm:
                reader.number("int")
            for _ in range(reader.number("int")):
                reader.number("int")
                reader.number("float")


def tdnnf_from_nnet3(nnet: Nnet3) -> Tdnnf:
    """A `Tdnnf` with the parameters and batch-norm statistics of `nnet`, in evaluation mode.

    Raises InputError naming the first node that a `Tdnnf` does not have or wires differently.
    """
    config = _config_of(nnet)
    found = {_normal(line) for line in nnet.config}
    expected = {_normal(line) for line in config_lines(config)}
    for line in (*nnet.config, *config_lines(config)):
        if _normal(line) not in found & expected:
            state = "lacks" if _normal(line) in expected else "has, unlike a TDNN-F,"
            raise InputError(f"{nnet.path}: the network {state}: {line}")
    model = Tdnnf(config)
    state_dict = model.state_dict()
    for name, component in nnet.components.items():
        for key, value in _tensors(nnet.path, name, component).items():
            target = f"{name.replace('-', '_')}.{key}"
            if target not in state_dict or state_dict[target].shape != value.shape:
                raise InputError(
                    f"{nnet.path}: node {name}: {component.type} of {tuple(value.shape)} where "
                    f"a TDNN-F has {tuple(state_dict.get(target, torch.empty(0)).shape)}"
                )
            state_dict[target] = torch.from_numpy(np.array(value))
    model.load_state_dict(state_dict)
    return model.eval()


def _normal(line: str) -> str:
    words = line.replace(" objective=linear", "").split()
    return " ".join(words)


def _config_of(nnet: Nnet3) -> TdnnfConfig:
    def matrix(name: str, field: str = "LinearParams") -> np.ndarray:
        if name not in nnet.components or field not in nnet.components[name].fields:
            raise InputError(f"{nnet.path}: no node {name} with {field}: not a TDNN-F")
        value: np.ndarray = nnet.components[name].fields[field]
        return value

    strides: list[int] = []
    while f"tdnnf{len(strides) + 2}.affine" in nnet.components:
        name = f"tdnnf{len(strides) + 2}.affine"
        strides.append(int(nnet.components[name].fields.get("TimeOffsets", [0])[-1]))
    bypass = [line for line in nnet.config if "Scale(" in line]
    try:
        scale = float(bypass[0].partition("Scale(")[2].partition(",")[0])
    except (IndexError, ValueError):
        raise InputError(f"{nnet.path}: no bypass Sum(Scale(...), ...): not a TDNN-F") from None
    dim, tdnn1_in = matrix("tdnn1.affine").shape
    big, _ = matrix("prefinal-chain.affine").shape
    return TdnnfConfig(
        num_pdfs=matrix("output.affine").shape[0],
        input_dim=tdnn1_in // 3,
        dim=dim,
        bottleneck=matrix("tdnnf2.linear").shape[0],
        time_strides=tuple(strides),
        bypass_scale=scale,
        embedding_dim=matrix("prefinal-l", "Params").shape[0],
        prefinal_dim=big,
        prefinal_bottleneck=matrix("prefinal-chain.linear", "Params").shape[0],
    )


def _tensors(path: Path, name: str, component: Component) -> dict[str, np.ndarray]:
    """State-dict entries of one component."""
    fields = component.fields
    if component.type == "BatchNormComponent":
        usual = (fields["TargetRms"], fields["BlockDim"]) == (1.0, fields["Dim"])
        if not usual or abs(fields["Epsilon"] - 1e-3) > 1e-6:
            raise InputError(
                f"{path}: node {name}: batch norm with target-rms, block-dim or epsilon other "
                "than 1, dim and 0.001"
            )
        return {"running_mean": fields["StatsMean"], "running_var": fields["StatsVar"]}
    if "Params" in fields:
        return {"weight": fields["Params"]}
    if "LinearParams" in fields:
        bias = fields["BiasParams"]
        return {"weight": fields["LinearParams"]} | ({"bias": bias} if bias.size else {})
    return {}
