"""A published Kaldi model as an encoder: what a node of its network says, as deep features."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import soxr

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.errors import InputError
from pyscorer.kaldi.model_directory import find_model, gather_model
from pyscorer.kaldi.nnet3_network import Network
from pyscorer.kaldi.published_model import PublishedModel, load_published
from pyscorer.pretrained.encoder_layers import Ivectors

_BOTTLENECK = "prefinal-l"
"""The bottleneck before the outputs, as Kaldi's TDNN-F recipes call it."""
_TRANSFORMS = ("Affine", "Linear", "Tdnn", "Convolution")
"""In the type of a component that has weights."""


@dataclass(frozen=True, eq=False)
class KaldiEncoder:
    """The nodes of a network as layers, counted in the order in which they are computed.

    The last layer is `deep_node`; nodes behind it (outputs among them) can be had by name only.
    """

    model: PublishedModel
    ivectors: Ivectors = "utterance"
    """How i-vectors are estimated, where the network takes any."""

    @property
    def layers(self) -> int:
        """How many it has."""
        return self.names.index(deep_node(self.model)) + 1

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Nodes by layer, then those behind the last."""
        network, deep = self.model.network, deep_node(self.model)
        below = ancestors(network, deep)
        said = [n for n, node in network.nodes.items() if node.kind != "input" and n != deep]
        return (*(n for n in said if n in below), deep, *(n for n in said if n not in below))

    @property
    def frame_shift(self) -> float:
        """Seconds."""
        return self.model.frame_shift

    def dimension(self, layers: Sequence[int]) -> int:
        """Columns of the states of these layers."""
        return sum(self.model.network.dims[node] for node in self._nodes(layers))

    def states(self, recordings: Sequence[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
        """States of recordings at 16 kHz: T x dimension of the layers together, for each.

        Raises InputError for a recording shorter than a frame.
        """
        nodes, found = self._nodes(layers), []
        for samples in recordings:
            outputs, _ = self.model.hear(at_rate(self.model, samples), nodes, self.ivectors)
            found.append(np.concatenate([outputs[node] for node in nodes], axis=1))
        return found

    def _nodes(self, layers: Sequence[int]) -> list[str]:
        return [self.names[n - 1 if n > 0 else self.layers + n] for n in layers]


def load_kaldi_encoder(path: Path, pad: float = 0.0) -> KaldiEncoder:
    """The encoder of a Kaldi model's directory or final.mdl; nothing is padded.

    Raises InputError as `find_model` and `load_published` do.
    """
    return KaldiEncoder(load_published(find_model(path)))


def copy_kaldi_encoder(path: Path, folder: Path) -> None:
    """Copy what `load_kaldi_encoder` reads of a model, wherever it lies, into a new directory."""
    gather_model(find_model(path), folder)


def at_rate(model: PublishedModel, samples: np.ndarray) -> np.ndarray:
    """Samples at 16 kHz as the model takes them.

    Raises InputError for a model of a higher rate, whose upper bands would be empty.
    """
    rate = model.sample_rate
    if rate > SAMPLE_RATE:
        raise InputError(
            f"{model.files.mfcc_conf}: the model takes recordings at {rate} Hz; here they have "
            f"{SAMPLE_RATE}: it cannot be used"
        )
    if rate == SAMPLE_RATE:
        return samples
    resampled: np.ndarray = soxr.resample(samples, SAMPLE_RATE, rate)
    return resampled


def deep_node(model: PublishedModel) -> str:
    """The node whose output is taken as deep features where none is named.

    prefinal-l, else the last component that all outputs have in common below their own last
    transforms. Raises InputError for a network that has none.
    """
    network = model.network
    if _BOTTLENECK in network.nodes:
        return _BOTTLENECK
    outputs = [name for name, node in network.nodes.items() if node.kind == "output"]
    below = [ancestors(network, _last_transform(model, name)) for name in outputs]
    shared = set.intersection(*below) if below else set()
    found = [n for n in network.nodes if n in shared and network.nodes[n].kind == "component"]
    if not found:
        raise InputError(
            f"{network.path}: no layer before the outputs {', '.join(outputs)}: name one of its "
            f"nodes as layer: {', '.join(network.nodes)}"
        )
    return found[-1]


def ancestors(network: Network, name: str) -> set[str]:
    """All nodes that `name` is computed from."""
    found: set[str] = set()
    queue = [name]
    while queue:
        new = network.nodes[queue.pop()].sources() - found
        found |= new
        queue += new
    return found


def _last_transform(model: PublishedModel, output: str) -> str:
    """The node with weights that is nearest before an output; the output itself if there is none.

    Only single paths are followed: where several meet before it, they meet at the layer.
    """
    name = output
    while len(sources := model.network.nodes[name].sources()) == 1:
        (name,) = sources
        node = model.network.nodes[name]
        if node.kind == "input":
            break
        if node.kind == "component" and any(
            kind in model.nnet.components[node.component].type for kind in _TRANSFORMS
        ):
            return name
    return output
