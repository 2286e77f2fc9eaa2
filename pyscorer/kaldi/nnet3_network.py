"""Feed-forward nnet3 networks, run as their node graph says.

Sources: Kaldi's nnet3/nnet-am-decodable-simple.cc (chunks, padding, which i-vector),
nnet3/nnet-utils.cc (ComputeSimpleNnetContext).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pyscorer.errors import InputError, naming
from pyscorer.kaldi.nnet3 import Nnet3
from pyscorer.kaldi.nnet3_components import Runnable, runnable
from pyscorer.kaldi.nnet3_graph import Node, parse_graph
from pyscorer.kaldi.nnet3_plan import Plan, Step, Window

INPUTS = ("input", "ivector")
_WIDEST = 800
"""Frames of context at most, as in Kaldi."""


@dataclass(frozen=True, eq=False)
class Network:
    """A network ready to run."""

    path: Path
    nodes: Mapping[str, Node]
    """In an order in which they can be computed."""
    components: Mapping[str, Runnable]
    dims: Mapping[str, int]

    @property
    def ivector_dim(self) -> int:
        """Dimension of the i-vectors that it takes; 0 if it takes none."""
        return self.dims.get("ivector", 0)


def load_network(nnet: Nnet3) -> Network:
    """Make a parsed network ready to run.

    Raises InputError naming the node that cannot be run: an unknown descriptor or component, a
    recurrence, an input besides `input` and `ivector`, dimensions that do not fit.
    """
    nodes = parse_graph(nnet.path, nnet.config)
    components: dict[str, Runnable] = {}
    dims: dict[str, int] = {}
    for name, node in nodes.items():
        with naming(f"{nnet.path}: node {name}"):
            if node.kind == "input" and name not in INPUTS:
                raise InputError(f"an input of that name is not known: only {' and '.join(INPUTS)}")
            found = node.dim if node.kind == "input" else _source_dim(node, dims)
            if node.kind == "component":
                if node.component not in components:
                    if node.component not in nnet.components:
                        raise InputError(f"there is no component {node.component}")
                    components[node.component] = runnable(nnet.components[node.component])
                component = components[node.component]
                if found != component.input_dim:
                    raise InputError(
                        f"its component takes {component.input_dim} numbers, its input has {found}"
                    )
                found = component.output_dim
            if node.kind == "dim-range":
                if not 0 <= node.columns[0] < node.columns[1] <= found:
                    raise InputError(f"columns {node.columns} of {found}")
                found = node.columns[1] - node.columns[0]
            dims[name] = found
    return Network(nnet.path, nodes, components, dims)


def _source_dim(node: Node, dims: Mapping[str, int]) -> int:
    total = 0
    for part in node.source:
        sizes = {t.dim if t.node is None else dims[t.node] for t in part}
        if len(sizes) != 1:
            raise InputError(f"a Sum of {' and '.join(map(str, sorted(sizes)))} numbers")
        total += sizes.pop()
    return total


@lru_cache(maxsize=256)
def context(network: Network, output: str = "output") -> tuple[int, int]:
    """Frames of input that `output` needs before and after its own, found as Kaldi does."""
    rounds = [
        number
        for node in network.nodes.values()
        for part in node.source
        for term in part
        for what, number in term.steps
        if what == "round"
    ]
    modulus = math.lcm(1, *rounds)
    left = right = 0
    for shift in range(modulus):
        width = 40
        while width < _WIDEST:
            frames = np.arange(shift, shift + width)
            everywhere = np.arange(min(shift, 0) - modulus, shift + width + modulus)
            given = {"input": frames, "ivector": everywhere}
            window = Window(network.nodes, network.components, given, frames)
            found = frames[window.known(window.defined[output], frames)]
            if len(found):
                left = max(left, int(found[0] - frames[0]))
                right = max(right, int(frames[-1] - found[-1]))
                break
            width *= 2
        else:
            raise InputError(
                f"{network.path}: node {output}: it needs {_WIDEST} frames around its own or more"
            )
    return left, right


@lru_cache(maxsize=256)
def _plan(
    network: Network, outputs: tuple[str, ...], count: int, step: int, reach: tuple[int, int]
) -> Plan:
    """For outputs at t = 0, step, ... of which there are `count`."""
    times = np.arange(count) * step
    given = {
        "input": np.arange(-reach[0], times[-1] + reach[1] + 1),
        "ivector": np.zeros(1, np.int64),
    }
    with naming(network.path):
        return Window(network.nodes, network.components, given, times).plan(outputs, times)


def compute(
    network: Network,
    features: np.ndarray,
    ivectors: np.ndarray | None = None,
    outputs: Sequence[str] = ("output",),
    subsampling: int = 3,
    ivector_period: int = 10,
    frames_per_chunk: int | None = None,
) -> dict[str, np.ndarray]:
    """What nodes say of one utterance at t = 0, `subsampling`, ...: name -> rows x dim, float32.

    `features` are T x dim; before the first and after the last frame these are repeated. `ivectors`
    are n x S, one every `ivector_period` frames (one row: the same everywhere). As in nnet3-compute
    a chunk of `frames_per_chunk` frames sees the i-vector of its middle; without it the utterance
    is one chunk. Any node's name may be among `outputs`.

    Raises InputError for inputs of other dimensions than the network's, and unknown nodes.
    """
    _check(network, features, ivectors, outputs)
    reach = tuple(max(sides) for sides in zip(*(context(network, o) for o in outputs), strict=True))
    left, right = reach
    total = -(-len(features) // subsampling)
    rows = total if frames_per_chunk is None else max(1, frames_per_chunk // subsampling)
    frames = torch.from_numpy(features.astype(np.float32))
    parts = []
    for first in range(0, total, rows):
        count = min(rows, total - first)
        start, span = first * subsampling, (count - 1) * subsampling
        at = torch.arange(start - left, start + span + right + 1)
        inputs = {"input": frames[at.clamp(0, len(frames) - 1)]}
        if ivectors is not None:
            row = min((start + span // 2) // ivector_period, len(ivectors) - 1)
            inputs["ivector"] = torch.from_numpy(ivectors[row : row + 1].astype(np.float32))
        plan = _plan(network, tuple(outputs), count, subsampling, (left, right))
        parts.append(run(network, plan, inputs))
    return {name: np.concatenate([p[name].cpu().numpy() for p in parts]) for name in outputs}


def _check(
    network: Network, features: np.ndarray, ivectors: np.ndarray | None, outputs: Sequence[str]
) -> None:
    for name in outputs:
        if name not in network.nodes:
            raise InputError(f"{network.path}: no node {name}")
    wanted = network.dims.get("input")
    if features.ndim != 2 or not len(features) or features.shape[1] != wanted:
        raise InputError(
            f"features of {' x '.join(map(str, features.shape))}, where the network "
            f"{network.path} takes rows of {wanted}"
        )
    given = 0 if ivectors is None else ivectors.shape[-1]
    if given != network.ivector_dim or (ivectors is not None and ivectors.ndim != 2):
        raise InputError(
            f"i-vectors of {given or 'no'} dimensions, where the network {network.path} takes "
            f"{network.ivector_dim or 'none'}: the extractor is another network's"
        )


@torch.inference_mode()
def run(network: Network, plan: Plan, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Carry out `plan` on the rows of the inputs at the times it was made for."""
    values = {name: rows(inputs[name]) for name, rows in plan.inputs.items()}
    for step in plan.steps:
        node = step.node
        source = _source(step, values)
        if node.kind == "component":
            source = network.components[node.component].compute(
                lambda offset, x=source, at=step.at: at[offset](x)  # type: ignore[misc]
            )
        elif node.kind == "dim-range":
            source = source[:, slice(*node.columns)]
        values[node.name] = source
        for name in step.last_of:
            del values[name]
    return {name: rows(values[name]) for name, rows in plan.outputs.items()}


def _source(step: Step, values: Mapping[str, Tensor]) -> Tensor:
    """The input of a node: appended parts, each a sum of scaled rows."""
    parts = []
    for part, takes in zip(step.node.source, step.terms, strict=True):
        total: Tensor | None = None
        for term, rows in zip(part, takes, strict=True):
            if rows is None:
                value = torch.full((step.rows, term.dim), term.scale)
            elif total is not None:
                total = torch.add(total, rows(values[str(term.node)]), alpha=term.scale)
                continue
            else:
                value = rows(values[str(term.node)])
                value = value if term.scale == 1 else value * term.scale
            total = value if total is None else total + value
        assert total is not None
        parts.append(total)
    return parts[0] if len(parts) == 1 else torch.cat(parts, dim=1)
