"""What train_tdnnf optimises: LF-MMI with cross-entropy beside it, or cross-entropy alone."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from pyscorer.chain.egs import Examples
from pyscorer.chain.lfmmi import DenominatorGraph, lfmmi_loss
from pyscorer.chain.schedule import Precision, TrainingOptions
from pyscorer.chain.supervision import batch_numerators
from pyscorer.chain.tdnnf import Tdnnf


@dataclass(frozen=True)
class Reached:
    """What a network reached on one minibatch."""

    loss: Tensor
    """Scalar, differentiable: to minimise, a frame, with regularisers."""
    objective: float
    """To maximise: sum over output frames, without regularisers."""
    xent: float
    """Sum over output frames: log-posterior of the target in the cross-entropy branch."""
    frames: int
    """Output frames."""


Objective = Callable[[Tdnnf, Examples, Callable[[Tensor], Tensor] | None], Reached]
"""What a network reaches on a minibatch, whose log mel energies the last argument changes."""


@dataclass(frozen=True)
class Lfmmi:
    """LF-MMI of the chain output; the numerator's occupation is the target of cross-entropy."""

    denominator: DenominatorGraph
    leaky: float
    l2_regularize: float
    xent_regularize: float
    precision: Precision = "float32"

    def __call__(
        self, network: Tdnnf, examples: Examples, augment: Callable[[Tensor], Tensor] | None
    ) -> Reached:
        """Numerator less denominator log-probability of the chunks."""
        device = _device(network)
        numerators = batch_numerators(examples.numerators).to(device)
        features = torch.from_numpy(examples.features).to(device)
        with _autocast(network, self.precision):
            chain, xent = network(features, augment=augment)
        result = lfmmi_loss(chain, numerators, self.denominator, self.leaky, self.l2_regularize)
        xent_objective = (result.posterior * xent).sum()
        return Reached(
            -(result.objective + self.xent_regularize * xent_objective) / result.frames,
            float(result.per_sequence.sum()),
            float(xent_objective.detach()),
            result.frames,
        )


def cross_entropy(
    network: Tdnnf,
    examples: Examples,
    augment: Callable[[Tensor], Tensor] | None,
    precision: Precision = "float32",
) -> Reached:
    """Frame cross-entropy on the alignment's pdfs: the loss of Lin & Wang (2021), section 2.1.

    The objective is the log-posterior of the label, so minus the cross-entropy in nats.
    """
    assert examples.labels is not None
    device = _device(network)
    features = torch.from_numpy(examples.features).to(device)
    labels = torch.from_numpy(examples.labels).to(device)
    with _autocast(network, precision):
        log_posteriors = network.log_posteriors(network.embed(features, augment=augment))
    loss = functional.nll_loss(log_posteriors.flatten(0, 1), labels.flatten())
    frames = labels.numel()
    objective = -float(loss.detach()) * frames
    return Reached(loss, objective, objective, frames)


def objective_of(options: TrainingOptions, graphs: Path, num_pdfs: int) -> Objective:
    """The objective that `options` name; only LF-MMI reads the denominator graph in `graphs`."""
    if options.objective == "xent":
        return partial(cross_entropy, precision=options.precision)
    denominator = DenominatorGraph.from_fst(graphs / "den.fst", num_pdfs).to(options.device)
    weights = options.leaky, options.l2_regularize, options.xent_regularize
    return Lfmmi(denominator, *weights, options.precision)


def _autocast(network: Tdnnf, precision: Precision) -> torch.autocast:
    """The inner layers in `precision` while they learn; objectives are in float32 always."""
    reduced = network.training and precision != "float32"
    return torch.autocast(_device(network).type, torch.bfloat16, enabled=reduced)


def _device(network: Tdnnf) -> torch.device:
    return network.prefinal_l.weight.device
