"""What Kaldi's recipes have in a TDNN-F beyond `chain.tdnnf`: dropout, and i-vectors as input."""

import re
from dataclasses import replace

import numpy as np

from pyscorer.kaldi.nnet3 import Component, Nnet3

_DROPPED = re.compile(r"component-node name=(tdnnf\d+)\.dropout .*")


def with_dropout(nnet: Nnet3) -> Nnet3:
    """A network of ours with Kaldi's dropout after the batch norm of each factored layer.

    One mask a chunk, continuous, of proportion 0, as xconfig's tdnnf-layer makes it; dropout
    schedules set the proportion.
    """
    lines, components = [], {}
    for line in nnet.config:
        layer = re.match(r"component-node name=(tdnnf\d+)\.noop ", line)
        if layer:
            name = layer[1]
            node = f"{name}.dropout"
            lines.append(f"component-node name={node} component={node} input={name}.batchnorm")
            line = line.replace(f"{name}.batchnorm", node)
        lines.append(line)
    for name, component in nnet.components.items():
        components[name] = component
        if re.fullmatch(r"tdnnf\d+\.batchnorm", name):
            dim = component.fields["Dim"]
            fields = {"Dim": dim, "BlockDim": dim, "TimePeriod": 0, "DropoutProportion": 0.0}
            components[name.replace("batchnorm", "dropout")] = Component(
                "GeneralDropoutComponent", fields | {"Continuous": True}
            )
    return replace(nnet, config=lines, components=components)


def without_dropout(nnet: Nnet3) -> Nnet3:
    """The network without these components, which let their input through when it is used."""
    dropped = {m[1] for line in nnet.config if (m := _DROPPED.fullmatch(line))}
    lines = [line for line in nnet.config if not _DROPPED.fullmatch(line)]
    for name in dropped:
        lines = [line.replace(f"{name}.dropout", f"{name}.batchnorm") for line in lines]
    kept = {k: v for k, v in nnet.components.items() if k.removesuffix(".dropout") not in dropped}
    return replace(nnet, config=lines, components=kept)


def with_ivectors(nnet: Nnet3, dim: int) -> Nnet3:
    """A network of ours whose first layer takes i-vectors beside the spliced features.

    Their weights begin at 0, so that training starts from what the features say.
    """
    lines = [f"input-node name=ivector dim={dim}"]
    for line in nnet.config:
        if line.startswith("component-node name=tdnn1.affine "):
            line = f"{line[:-1]}, ReplaceIndex(ivector, t, 0))"
        lines.append(line)
    first = nnet.components["tdnn1.affine"]
    weight = first.fields["LinearParams"]
    wide = np.concatenate([weight, np.zeros((len(weight), dim), weight.dtype)], axis=1)
    changed = Component(first.type, first.fields | {"LinearParams": wide})
    return replace(nnet, config=lines, components=nnet.components | {"tdnn1.affine": changed})
