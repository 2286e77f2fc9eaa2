"""Kaldi's nnet3 model files: read in text and binary, written in binary.

A file is parsed into plain data, the wiring (config lines) and the components' fields, with the
transition model of a `.mdl` in front. `nnet3_tdnnf` turns that into a network and back.
Sources: Kaldi's nnet3/nnet-nnet.cc (Nnet::Read, Write), nnet3/am-nnet-simple.cc.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.files import atomic_open
from pyscorer.kaldi.stream import KaldiReader, KaldiWriter
from pyscorer.kaldi.transition_model import (
    TransitionModel,
    read_transition_model,
    write_transition_model,
)

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
    "<SpecAugmentMaxProportion>": "float",
    "<SpecAugmentMaxRegions>": "int",
    "<ZeroedProportion>": "float",
    "<TimeMaskMaxFrames>": "int",
    "<DropoutPerFrame>": "bool",
    "<ColumnMap>": "ints",
    "<Model>": "flag",
    "<ConvolutionModel>": "flag",
    "<NumFiltersIn>": "int",
    "<NumFiltersOut>": "int",
    "<HeightIn>": "int",
    "<HeightOut>": "int",
    "<HeightSubsampleOut>": "int",
    "<Offsets>": "pairs",
    "<RequiredTimeOffsets>": "ints",
    "</ConvolutionModel>": "flag",
    "<MaxMemoryMb>": "float",
    "<NumMinibatchesHistory>": "float",
    "<InputDim>": "int",
    "<AddLogStddev>": "bool",
    "<NumHeads>": "int",
    "<KeyDim>": "int",
    "<ValueDim>": "int",
    "<NumLeftInputs>": "int",
    "<NumRightInputs>": "int",
    "<TimeStride>": "int",
    "<NumLeftInputsRequired>": "int",
    "<NumRightInputsRequired>": "int",
    "<OutputContext>": "bool",
    "<KeyScale>": "float",
    "<StatsCount>": "float",
    "<EntropyStats>": "vector",
    "<PosteriorStats>": "matrix",
    "<MaxChangePerSample>": "float",
    "<UpdateCount>": "float",
    "<ActiveScalingCount>": "float",
    "<MaxChangeScaleStats>": "float",
}
"""Token of a component's field -> type of the value(s) that follow it, in text and in binary."""

_MASKS = ("GeneralDropoutComponent", "SpecAugmentTimeMaskComponent")


def _kind(component: str, token: str) -> str:
    """Type of a field; <TestMode> stands alone in some components."""
    alone = token == "<TestMode>" and component in _MASKS
    return "flag" if alone else COMPONENT_FIELDS[token]


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
    "SpecAugmentTimeMaskComponent",
    "DropoutComponent",
    "TimeHeightConvolutionComponent",
    "PermuteComponent",
    "RestrictedAttentionComponent",
    "NormalizeComponent",
)


@dataclass(frozen=True)
class Component:
    """One component: its type (`TdnnComponent`) and its fields in file order, without brackets."""

    type: str
    fields: dict[str, Any]


@dataclass(frozen=True)
class Nnet3:
    """A parsed model file."""

    path: Path
    config: list[str]
    """Lines `input-node ...`, `component-node ...`, `output-node ...`."""
    components: dict[str, Component]
    transition_model: TransitionModel | None
    left_context: int = 0
    """Input frames that an output needs before it; only in a file with a transition model."""
    right_context: int = 0


def read_nnet3(path: Path) -> Nnet3:
    """Read a raw network or a `.mdl` file, text or binary, gzipped if its name ends in `.gz`.

    Raises InputError naming the node for an unknown component, field or precision and for a file
    that is cut short.
    """
    reader = KaldiReader(path)
    transition_model = None
    if reader.peek() == "<TransitionModel>":
        transition_model = read_transition_model(reader)
    reader.where = "the wiring"
    reader.expect("<Nnet3>")
    reader.skip_space()
    config = []
    while line := reader.line():
        config.append(line)
    reader.expect("<NumComponents>")
    components = {}
    for _ in range(reader.integer()):
        reader.expect("<ComponentName>")
        name = reader.token()
        reader.where = f"node {name}"
        components[name] = _read_component(reader)
    reader.where = "the end"
    reader.expect("</Nnet3>")
    if transition_model is None:
        return Nnet3(path, config, components, None)
    reader.expect("<LeftContext>")
    left = reader.integer()
    reader.expect("<RightContext>")
    right = reader.integer()
    reader.expect("<Priors>")
    if len(reader.value("vector")):
        raise reader.fail("priors, which a chain model does not have: not a chain model")
    return Nnet3(path, config, components, transition_model, left, right)


def _read_component(reader: KaldiReader) -> Component:
    kind = reader.token().strip("<>")
    if kind not in COMPONENT_TYPES:
        raise reader.fail(f"component type {kind}, which this reader does not know")
    fields: dict[str, Any] = {}
    while (token := reader.token()) != f"</{kind}>":
        if token not in COMPONENT_FIELDS:
            raise reader.fail(f"{kind} with field {token[:40]}, which this reader does not know")
        fields[token.strip("<>")] = reader.value(_kind(kind, token))
    return Component(kind, fields)


def write_nnet3(path: Path, nnet: Nnet3) -> None:
    """Write `nnet` in Kaldi's binary format: a `.mdl` if it has a transition model, else raw."""
    with atomic_open(path, "wb") as stream:
        writer = KaldiWriter(stream)
        writer.header()
        if nnet.transition_model is not None:
            write_transition_model(writer, nnet.transition_model)
        writer.token("<Nnet3>")
        for line in ("", *nnet.config, ""):
            writer.line(line)
        writer.token("<NumComponents>")
        writer.integer(len(nnet.components))
        for name, component in nnet.components.items():
            writer.token("<ComponentName>")
            writer.token(name)
            writer.token(f"<{component.type}>")
            for field, value in component.fields.items():
                writer.token(f"<{field}>")
                writer.value(_kind(component.type, f"<{field}>"), value)
            writer.token(f"</{component.type}>")
        writer.token("</Nnet3>")
        if nnet.transition_model is None:
            return
        writer.token("<LeftContext>")
        writer.integer(nnet.left_context)
        writer.token("<RightContext>")
        writer.integer(nnet.right_context)
        writer.token("<Priors>")
        writer.value("vector", np.zeros(0, dtype=np.float32))
