"""The factored time-delay network (TDNN-F) of Kaldi's chain models.

Povey et al., "Semi-Orthogonal Low-Rank Matrix Factorization for Deep Neural Networks", Interspeech
2018; layer for layer what Kaldi's xconfig `tdnnf-layer`, `prefinal-layer` and `output-layer` make.
Parameters carry the names of Kaldi's nodes, with `_` for `-`.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, pairwise

import torch
from torch import Tensor, nn

from pyscorer.chain.ranks import Share
from pyscorer.chain.tdnnf_layers import (
    BatchNorm,
    Output,
    Prefinal,
    Spliced,
    TdnnfLayer,
    idct_matrix,
)


@dataclass(frozen=True)
class TdnnfConfig:
    """Sizes of the network. The default is the paper's 11 layers, 8.2 M parameters at 250 pdfs.

    Layer 1 is `tdnn1` (affine over 3 frames); layer i + 2 is `tdnnf<i + 2>` with
    `time_strides[i]`.
    """

    num_pdfs: int
    input_dim: int = 40
    dim: int = 1024
    bottleneck: int = 170
    time_strides: tuple[int, ...] = (1, 1, 0, 3, 3, 3, 3, 3, 3, 3)
    bypass_scale: float = 0.66
    embedding_dim: int = 256
    prefinal_dim: int = 1024
    prefinal_bottleneck: int = 256
    chain_output: bool = True
    """False: the cross-entropy branch alone, which `train_tdnnf --objective xent` trains."""


SIZES: dict[str, dict[str, int | tuple[int, ...]]] = {
    "paper": {},
    "medium": {"dim": 512, "bottleneck": 80, "prefinal_dim": 512},
    "small": {
        "dim": 256,
        "bottleneck": 64,
        "prefinal_dim": 256,
        "prefinal_bottleneck": 128,
        "time_strides": (1, 1, 0, 3, 3, 3),
    },
}
"""Named network sizes: the paper's (8.2 M), Kaldi's reference here (2.41 M), the sample run's."""


class Tdnnf(nn.Module):
    """Network with a cross-entropy output, the embedding `prefinal_l` and mostly a chain output."""

    def __init__(self, config: TdnnfConfig) -> None:
        super().__init__()
        self.config = config
        self.idct = nn.Linear(config.input_dim, config.input_dim).requires_grad_(False)
        self.batchnorm0 = BatchNorm(config.input_dim)
        self.tdnn1 = Spliced(config.input_dim, config.dim)
        self.factored: list[TdnnfLayer] = []
        for index, stride in enumerate(config.time_strides):
            layer = TdnnfLayer(config.dim, config.bottleneck, stride, config.bypass_scale)
            self.factored.append(layer)
            self.add_module(f"tdnnf{index + 2}", layer)
        self.prefinal_l = nn.Linear(config.dim, config.embedding_dim, bias=False)
        sizes = config.embedding_dim, config.prefinal_dim, config.prefinal_bottleneck
        if config.chain_output:
            self.prefinal_chain = Prefinal(*sizes)
            self.output = Output(config.prefinal_bottleneck, config.num_pdfs)
        self.prefinal_xent = Prefinal(*sizes)
        self.output_xent = Output(config.prefinal_bottleneck, config.num_pdfs)
        self._initialise()

    def _initialise(self) -> None:
        for name, module in self.named_modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=module.in_features**-0.5)
                if module.bias is not None:
                    nn.init.normal_(module.bias, std=0.0 if name == "idct" else 1.0)
        with torch.no_grad():
            self.idct.weight.copy_(idct_matrix(self.config.input_dim))
            for head in self.modules():
                if isinstance(head, Output):
                    head.affine.weight.zero_()
                    head.affine.bias.zero_()

    @property
    def context(self) -> int:
        """Input frames that an output needs on each side."""
        return 1 + sum(self.config.time_strides)

    def num_parameters(self) -> int:
        """Trained parameters, as nnet3-info counts them."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def set_dropout(self, proportion: float) -> None:
        """Set Kaldi's dropout-proportion of all factored layers; masks are in 1 +- 2 x it."""
        for layer in self.factored:
            layer.dropout = proportion

    def set_share(self, share: Share) -> None:
        """Say which rows of a minibatch the next input is; other processes have the others."""
        for module in self.modules():
            if isinstance(module, BatchNorm | TdnnfLayer):
                module.share = share

    def embed(
        self,
        x: Tensor,
        subsampling: int = 3,
        augment: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """The deep features: output of `prefinal-l`.

        `x` is (batch, time, input_dim) and starts `context` frames before the first output and
        ends at least `context` frames after the last. Returns (batch, n, embedding_dim) for the
        times 0, subsampling, 2 subsampling, ... Inner layers are computed only at the times that
        the output needs. `augment` changes the normalised log mel energies in training.
        """
        return self.prefinal_l(self.hidden(x, len(self.factored), subsampling, augment))

    def hidden(
        self,
        x: Tensor,
        layers: int,
        subsampling: int = 3,
        augment: Callable[[Tensor], Tensor] | None = None,
    ) -> Tensor:
        """Output of the first `layers` factored layers, at the times that the next one needs.

        Arguments as for `embed`; with all layers, what enters `prefinal-l`.
        """
        steps = [subsampling]
        for stride in reversed(self.config.time_strides):
            steps.insert(0, math.gcd(steps[0], stride))
        if x.shape[1] < 2 * self.context + 1:
            raise ValueError(f"{x.shape[1]} frames; the network needs {2 * self.context + 1}")
        # Unlike what follows, log mel energies are not of one size: no reduced precision here.
        with torch.autocast(x.device.type, enabled=False):
            x = self.batchnorm0(self.idct(x))
            if augment is not None:
                x = augment(x)
        x = self.tdnn1(x)
        x = x[:, :: steps[0]]
        places = zip(self.factored, pairwise(steps), strict=True)
        for layer, (step_in, step_out) in islice(places, layers):
            x = layer(x, step_in, step_out)
        return x

    def chain(self, embedding: Tensor) -> Tensor:
        """Chain output (pseudo log-likelihoods, not normalised) of `embed`'s result."""
        return self.output(self.prefinal_chain(embedding))

    def log_posteriors(self, embedding: Tensor) -> Tensor:
        """Log-softmax of the cross-entropy branch of `embed`'s result."""
        return self.output_xent(self.prefinal_xent(embedding)).log_softmax(dim=-1)

    def forward(
        self,
        x: Tensor,
        subsampling: int = 3,
        augment: Callable[[Tensor], Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Chain output and cross-entropy log-posteriors, both (batch, n, num_pdfs)."""
        embedding = self.embed(x, subsampling, augment)
        return self.chain(embedding), self.log_posteriors(embedding)


def pad_edges(features: Tensor, context: int) -> Tensor:
    """Repeat the first and the last row of (time, dim) `context` times, as Kaldi does."""
    return torch.cat(
        [
            features[:1].expand(context, -1),
            features,
            features[-1:].expand(context, -1),
        ]
    )


def config_lines(config: TdnnfConfig) -> list[str]:
    """The wiring as nnet3 config lines (without objectives), as Kaldi writes them."""
    lines = [f"input-node name=input dim={config.input_dim}"]

    def node(name: str, source: str) -> str:
        lines.append(f"component-node name={name} component={name} input={source}")
        return name

    node("batchnorm0", node("idct", "input"))
    spliced = "Append(Offset(batchnorm0, -1), batchnorm0, Offset(batchnorm0, 1))"
    last = node("tdnn1.batchnorm", node("tdnn1.relu", node("tdnn1.affine", spliced)))
    for index in range(len(config.time_strides)):
        name = f"tdnnf{index + 2}"
        hidden = node(f"{name}.affine", node(f"{name}.linear", last))
        norm = node(f"{name}.batchnorm", node(f"{name}.relu", hidden))
        last = node(f"{name}.noop", f"Sum(Scale({config.bypass_scale:g}, {last}), {norm})")
    node("prefinal-l", last)
    for prefinal, output in (("prefinal-chain", "output"), ("prefinal-xent", "output-xent")):
        big = node(f"{prefinal}.relu", node(f"{prefinal}.affine", "prefinal-l"))
        small = node(f"{prefinal}.linear", node(f"{prefinal}.batchnorm1", big))
        final = node(f"{output}.affine", node(f"{prefinal}.batchnorm2", small))
        if output == "output-xent":
            final = node(f"{output}.log-softmax", final)
        lines.append(f"output-node name={output} input={final}")
    return lines
