"""The layers of Kaldi's TDNN-F, as its xconfig lines of the same names make them.

Povey et al., "Semi-Orthogonal Low-Rank Matrix Factorization for Deep Neural Networks", Interspeech
2018.
"""

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pyscorer.chain.ranks import Share, shared_batch_norm

BATCHNORM_EPSILON = 1e-3


def idct_matrix(dim: int, cepstral_lifter: float = 22.0) -> Tensor:
    """Matrix (dim x dim) that turns liftered MFCCs back into log mel energies.

    As Kaldi's `idct-layer` (xconfig): the inverse of the orthonormal DCT, columns divided by the
    lifter 1 + Q/2 sin(pi k / Q).
    """
    n = torch.arange(dim, dtype=torch.float64).unsqueeze(1)
    k = torch.arange(dim, dtype=torch.float64)
    matrix = math.sqrt(2.0 / dim) * torch.cos(math.pi / dim * (n + 0.5) * k)
    matrix[:, 0] = math.sqrt(1.0 / dim)
    lifter = 1.0 + 0.5 * cepstral_lifter * torch.sin(math.pi * k / cepstral_lifter)
    return (matrix / lifter).float()


class BatchNorm(nn.Module):
    """Batch normalisation without scale and offset, over all but the last axis.

    As Kaldi's BatchNormComponent: training normalises with the minibatch, evaluation with running
    statistics, here exponential averages.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, dim: int, momentum: float = 0.05) -> None:
        super().__init__()
        self.momentum = momentum
        self.share: Share | None = None
        """What this process has of the minibatch, where several train together."""
        self.register_buffer("running_mean", torch.zeros(dim))
        self.register_buffer("running_var", torch.ones(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Normalise `x` (..., dim)."""
        rows = x.reshape(-1, x.shape[-1])
        if self.training and self.share is not None:
            running = self.running_mean, self.running_var
            return shared_batch_norm(
                rows, running, self.momentum, BATCHNORM_EPSILON, self.share
            ).view(x.shape)
        y = functional.batch_norm(
            rows,
            self.running_mean,
            self.running_var,
            training=self.training,
            momentum=self.momentum,
            eps=BATCHNORM_EPSILON,
        )
        return y.view(x.shape)


def _affine_relu_batchnorm(x: Tensor, affine: nn.Linear, batchnorm: BatchNorm) -> Tensor:
    # Two-dimensional inside: autograd copies what is changed in place through a view.
    y = batchnorm(torch.relu_(affine(x.reshape(-1, x.shape[-1]))))
    return y.view(*x.shape[:-1], -1)


class TdnnfLayer(nn.Module):
    """Kaldi's `tdnnf-layer`.

    Linear over (t - stride, t), affine over (t, t + stride), ReLU, batch norm, continuous dropout,
    and the bypass.
    """

    def __init__(self, dim: int, bottleneck: int, stride: int, bypass_scale: float) -> None:
        super().__init__()
        self.stride = stride
        self.bypass_scale = bypass_scale
        self.dropout = 0.0
        self.share: Share | None = None
        """As of the batch norm."""
        spliced = 1 if stride == 0 else 2
        self.linear = nn.Linear(spliced * dim, bottleneck, bias=False)
        self.affine = nn.Linear(spliced * bottleneck, dim)
        self.batchnorm = BatchNorm(dim)

    def forward(self, x: Tensor, step_in: int, step_out: int) -> Tensor:
        """Compute the layer from frames `step_in` apart at times `step_out` apart.

        `x` is (batch, time, dim) and reaches `stride` frames over the output at both ends;
        returns (batch, time', dim).
        """
        if self.stride == 0:
            hidden, bypass = self.linear(x), self.bypass_scale * x
        else:
            shift, keep = self.stride // step_in, step_out // step_in
            weight = self.linear.weight.to(x.dtype)
            hidden, bypass = _SplicedLinear.apply(x, weight, shift, keep, self.bypass_scale)
        y = _affine_relu_batchnorm(hidden, self.affine, self.batchnorm)
        if self.training and self.dropout > 0:
            # Kaldi's GeneralDropoutComponent, continuous: one mask for all frames of a sequence.
            share = self.share or Share(0, len(y), len(y))
            mask = share.of(torch.rand(share.whole, 1, y.shape[2], device=y.device))
            y = y * (1.0 + self.dropout * (4.0 * mask - 2.0)).to(y.dtype)
        return y + bypass


class _SplicedLinear(torch.autograd.Function):
    """Linear over (t - stride, t), spliced again over (t, t + stride), and the scaled bypass.

    What autograd would do, without its full-size zeros for every slice: these cost a tenth of a
    training step.
    """

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, shift: int, keep: int, scale: float
    ) -> tuple[Tensor, Tensor]:
        # The linear part of a splice is a sum: multiply each frame once, then add shifted.
        size = weight.shape[0]
        stacked = torch.cat(weight.chunk(2, dim=1))
        both = functional.linear(x, stacked)
        hidden = both[:, :-shift, :size] + both[:, shift:, size:]
        ctx.save_for_backward(x, stacked)
        ctx.sizes = shift, keep, scale
        spliced = torch.cat([hidden[:, :-shift:keep], hidden[:, shift::keep]], dim=2)
        return spliced, scale * x[:, shift:-shift:keep]

    @staticmethod
    def backward(
        ctx: Any, spliced_gradient: Tensor, bypass_gradient: Tensor
    ) -> tuple[Tensor | None, Tensor, None, None, None]:
        x, stacked = ctx.saved_tensors
        shift, keep, scale = ctx.sizes
        batch, time, _ = x.shape
        size = stacked.shape[0] // 2
        hidden = x.new_zeros(batch, time - shift, size)
        hidden[:, :-shift:keep] += spliced_gradient[..., :size]
        hidden[:, shift::keep] += spliced_gradient[..., size:]
        both = x.new_zeros(batch, time, 2 * size)
        both[:, :-shift, :size] = hidden
        both[:, shift:, size:] = hidden
        gradient = both.flatten(0, 1).t() @ x.flatten(0, 1)
        into = both @ stacked
        into[:, shift:-shift:keep].add_(bypass_gradient, alpha=scale)
        return into, torch.cat(gradient.chunk(2), dim=1), None, None, None


class Prefinal(nn.Module):
    """Kaldi's `prefinal-layer`: affine, ReLU, batch norm, linear, batch norm."""

    def __init__(self, input_dim: int, big_dim: int, small_dim: int) -> None:
        super().__init__()
        self.affine = nn.Linear(input_dim, big_dim)
        self.batchnorm1 = BatchNorm(big_dim)
        self.linear = nn.Linear(big_dim, small_dim, bias=False)
        self.batchnorm2 = BatchNorm(small_dim)

    def forward(self, x: Tensor) -> Tensor:
        """(..., input_dim) to (..., small_dim)."""
        big = _affine_relu_batchnorm(x, self.affine, self.batchnorm1)
        return self.batchnorm2(self.linear(big))


class Spliced(nn.Module):
    """`tdnn1`: affine over the frames -1, 0 and 1, ReLU, batch norm."""

    def __init__(self, input_dim: int, dim: int) -> None:
        super().__init__()
        self.affine = nn.Linear(3 * input_dim, dim)
        self.batchnorm = BatchNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, input_dim) to (batch, time - 2, dim)."""
        spliced = torch.cat([x[:, :-2], x[:, 1:-1], x[:, 2:]], dim=2)
        return _affine_relu_batchnorm(spliced, self.affine, self.batchnorm)


class Output(nn.Module):
    """The affine in front of an output node, never in less than its own precision."""

    def __init__(self, input_dim: int, num_pdfs: int) -> None:
        super().__init__()
        self.affine = nn.Linear(input_dim, num_pdfs)

    def forward(self, x: Tensor) -> Tensor:
        """(..., input_dim) to (..., num_pdfs)."""
        with torch.autocast(x.device.type, enabled=False):
            return self.affine(x.to(self.affine.weight.dtype))
