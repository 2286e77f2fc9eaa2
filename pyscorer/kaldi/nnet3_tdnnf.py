"""A `Tdnnf` from a Kaldi nnet3 network, and a Kaldi network from a `Tdnnf`."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig, config_lines
from pyscorer.chain.tdnnf_layers import BATCHNORM_EPSILON
from pyscorer.errors import InputError
from pyscorer.kaldi.nnet3 import Component, Nnet3
from pyscorer.kaldi.nnet3_inputs import without_dropout
from pyscorer.kaldi.transition_model import TransitionModel

_WIDEST = 100
"""Frames that a layer may reach to, at most."""


def tdnnf_from_nnet3(nnet: Nnet3) -> Tdnnf:
    """A `Tdnnf` with the parameters and batch-norm statistics of `nnet`, in evaluation mode.

    Dropout of factored layers is left out: it lets its input through. Raises InputError naming the
    first node that a `Tdnnf` does not have or wires differently.
    """
    nnet = without_dropout(nnet)
    config = _config_of(nnet)
    found = {_normal(line) for line in nnet.config}
    expected = {_normal(line) for line in config_lines(config)}
    for line in (*nnet.config, *config_lines(config)):
        if _normal(line) not in found & expected:
            state = "lacks" if _normal(line) in expected else "has, unlike a TDNN-F,"
            raise InputError(f"{nnet.path}: the network {state}: {line}")
    model = Tdnnf(config)
    state_dict = model.state_dict()
    missing = set(state_dict)
    for name, component in nnet.components.items():
        for key, value in _tensors(nnet.path, name, component).items():
            target = f"{name.replace('-', '_')}.{key}"
            if target not in state_dict or state_dict[target].shape != value.shape:
                raise InputError(
                    f"{nnet.path}: node {name}: {component.type} of {tuple(value.shape)} where "
                    f"a TDNN-F has {tuple(state_dict.get(target, torch.empty(0)).shape)}"
                )
            if not np.isfinite(value).all():
                raise InputError(f"{nnet.path}: node {name}: {key} has what is no number")
            missing.discard(target)
            state_dict[target] = torch.from_numpy(np.array(value))
    if missing:
        raise InputError(f"{nnet.path}: no values of {', '.join(sorted(missing)[:5])}")
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
        offsets = nnet.components[name].fields.get("TimeOffsets", [0])
        if not offsets or not 0 <= offsets[-1] < _WIDEST:
            raise InputError(f"{nnet.path}: node {name}: time offsets {offsets[:5]}")
        strides.append(int(offsets[-1]))
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
    needed = {
        "BatchNormComponent": ["TargetRms", "BlockDim", "Dim", "Epsilon", "StatsMean", "StatsVar"],
        "LinearComponent": ["Params"],
    }.get(component.type, ["BiasParams"] if "LinearParams" in fields else [])
    if lacking := [field for field in needed if field not in fields]:
        raise InputError(f"{path}: node {name}: {component.type} without {', '.join(lacking)}")
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


_NATURAL_GRADIENT = {
    "RankIn": 20, "RankOut": 80, "UpdatePeriod": 4, "NumSamplesHistory": 2000.0, "Alpha": 4.0
}  # fmt: skip
_TDNN_GRADIENT = {
    "UseNaturalGradient": True, "NumSamplesHistory": 2000.0, "AlphaInOut": (4.0, 4.0),
    "RankInOut": (20, 80),
}  # fmt: skip
_EMPTY = np.zeros(0, dtype=np.float32)
_FRAMES = np.float64(10000)
"""Frames that batch-norm statistics claim to come from; it only counts if Kaldi trains on."""


def nnet3_from_tdnnf(
    network: Tdnnf, transition_model: TransitionModel | None, path: Path = Path("network")
) -> Nnet3:
    """The Kaldi network that computes what `network` computes in evaluation mode.

    Fields that only training reads (learning rate, natural gradient, statistics of ReLUs) take
    the values of Kaldi's chain recipes. `path` names the network in errors. Raises InputError if
    `transition_model` has another number of pdfs than the network.
    """
    config = network.config
    if transition_model is not None and transition_model.num_pdfs != config.num_pdfs:
        raise InputError(
            f"{path}: the network has {config.num_pdfs} pdfs, its tree "
            f"{transition_model.num_pdfs}: they do not belong together"
        )
    state = {key: value.cpu().numpy() for key, value in network.state_dict().items()}
    lines = config_lines(config)
    components = {}
    for name in (line.split()[1].removeprefix("name=") for line in lines):
        if name not in ("input", "output", "output-xent"):
            components[name] = _component(name, state, config)
    wiring = [
        f"{line} objective=linear" if line.startswith("output-node") else line for line in lines
    ]
    context = network.context
    return Nnet3(path, wiring, components, transition_model, context, context)


def _component(name: str, state: dict[str, np.ndarray], config: TdnnfConfig) -> Component:
    key = name.replace("-", "_")
    kind = name.rpartition(".")[2]
    if kind.startswith("batchnorm"):
        return _batchnorm(state[f"{key}.running_mean"], state[f"{key}.running_var"])
    if kind == "noop":
        return Component("NoOpComponent", {"Dim": config.dim, "BackpropScale": 1.0})
    if kind == "relu":
        dim = config.prefinal_dim if name.startswith("prefinal") else config.dim
        return Component("RectifiedLinearComponent", _nonlinear(dim) | {"SelfRepairScale": 1e-5})
    if kind == "log-softmax":
        return Component("LogSoftmaxComponent", _nonlinear(config.num_pdfs))
    weight, bias = state[f"{key}.weight"], state.get(f"{key}.bias", _EMPTY)
    if name == "idct":
        return Component("FixedAffineComponent", {"LinearParams": weight, "BiasParams": bias})
    final = name.startswith("output")
    factor = 5.0 if name.startswith("output-xent") else 1.0
    learning: dict[str, Any] = {} if factor == 1.0 else {"LearningRateFactor": factor}
    learning |= {
        "MaxChange": 1.5 if final else 0.75,
        "L2Regularize": 0.005 if final else 0.01,
        "LearningRate": 2e-4 * factor,
    }
    if name.startswith("tdnnf"):
        layer = int(name.removeprefix("tdnnf").partition(".")[0])
        stride = config.time_strides[layer - 2]
        offsets = [0] if stride == 0 else [-stride, 0] if kind == "linear" else [0, stride]
        rank = (20, 40) if kind == "linear" else (20, 80)
        return Component(
            "TdnnComponent",
            learning
            | {"TimeOffsets": offsets, "LinearParams": weight, "BiasParams": bias}
            | {"OrthonormalConstraint": -1.0 if kind == "linear" else 0.0}
            | _TDNN_GRADIENT
            | {"RankInOut": rank},
        )
    if kind == "affine":
        return Component(
            "NaturalGradientAffineComponent",
            learning | {"LinearParams": weight, "BiasParams": bias} | _NATURAL_GRADIENT,
        )
    return Component(
        "LinearComponent",
        learning
        | {"Params": weight, "OrthonormalConstraint": -1.0, "UseNaturalGradient": True}
        | {"RankInOut": (20, 80), "Alpha": 4.0, "NumSamplesHistory": 2000.0, "UpdatePeriod": 4},
    )


def _batchnorm(mean: np.ndarray, variance: np.ndarray) -> Component:
    sizes = {"Dim": len(mean), "BlockDim": len(mean)}
    options = {"Epsilon": BATCHNORM_EPSILON, "TargetRms": 1.0, "TestMode": False}
    statistics = {"Count": _FRAMES, "StatsMean": mean, "StatsVar": variance}
    return Component("BatchNormComponent", sizes | options | statistics)


def _nonlinear(dim: int) -> dict[str, Any]:
    zero = np.float64(0)
    return {
        "Dim": dim, "ValueAvg": _EMPTY, "DerivAvg": _EMPTY, "Count": zero,
        "OderivRms": _EMPTY, "OderivCount": zero,
        "NumDimsSelfRepaired": zero, "NumDimsProcessed": zero,
    }  # fmt: skip
