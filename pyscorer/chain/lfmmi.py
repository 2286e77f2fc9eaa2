"""The LF-MMI objective, exact: numerator minus denominator log-probability, and its gradient.

Povey et al., "Purely sequence-trained neural networks for ASR based on lattice-free MMI",
Interspeech 2016; the details are those of Kaldi's chain-numerator.cc and chain-training.cc.
"""

import logging
from dataclasses import dataclass
from typing import Any

import torch

from pyscorer.chain.denominator import LIMIT, DenominatorGraph, denominator_forward_backward
from pyscorer.chain.supervision import NumeratorBatch
from pyscorer.errors import InputError

logger = logging.getLogger(__name__)

FAILED_OBJECTIVE = -10.0
"""Objective per frame of a sequence that came out as NaN or infinite."""


@torch.no_grad()
def numerator_forward_backward(
    output: torch.Tensor, batch: NumeratorBatch
) -> tuple[torch.Tensor, torch.Tensor]:
    """Numerator log-probabilities (B,) and occupation probabilities (B, T, pdfs), in log space."""
    sequences, frames, pdfs = output.shape
    emission = output.reshape(-1)[
        (batch.arc_sequence * frames + batch.frame) * pdfs + batch.pdf
    ].double()
    emission += batch.weight
    alpha, beta = torch.zeros_like(batch.final), batch.final.clone()
    arcs, states = batch.arc_offset, batch.state_offset
    for t in range(frames):
        here = slice(arcs[t], arcs[t + 1])
        score = alpha[batch.source[here]] + emission[here]
        alpha[states[t + 1] : states[t + 2]] = _log_sum(
            score, batch.destination[here] - states[t + 1], states[t + 2] - states[t + 1]
        )
    for t in reversed(range(frames)):
        here = slice(arcs[t], arcs[t + 1])
        score = beta[batch.destination[here]] + emission[here]
        beta[states[t] : states[t + 1]] = _log_sum(
            score, batch.source[here] - states[t], states[t + 1] - states[t]
        )
    log_probability = beta[:sequences]
    posterior = (
        alpha[batch.source]
        + emission
        + beta[batch.destination]
        - log_probability[batch.arc_sequence]
    ).exp()
    occupation = output.new_zeros(sequences * frames * pdfs)
    occupation.index_add_(
        0,
        (batch.arc_sequence * frames + batch.frame) * pdfs + batch.pdf,
        posterior.to(output.dtype),
    )
    return log_probability, occupation.view(sequences, frames, pdfs)


def _log_sum(score: torch.Tensor, group: torch.Tensor, groups: int) -> torch.Tensor:
    """Log-sum-exp of `score` by group."""
    peak = score.new_full((groups,), -torch.inf).scatter_reduce_(0, group, score, "amax")
    total = torch.zeros_like(peak).index_add_(0, group, (score - peak[group]).exp())
    return peak + total.log()


class _Objective(torch.autograd.Function):
    """(B,) objectives whose gradient was computed along with them."""

    @staticmethod
    def forward(
        ctx: Any,
        output: torch.Tensor,
        value: torch.Tensor,
        gradient: torch.Tensor,
    ) -> torch.Tensor:
        ctx.save_for_backward(gradient)
        return value.clone()

    @staticmethod
    def backward(ctx: Any, upstream: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream[:, None, None], None, None


@dataclass(frozen=True)
class LfmmiResult:
    """One minibatch of B sequences with T output frames each."""

    objective: torch.Tensor
    """Scalar, differentiable: sum over sequences of (numerator - denominator), plus the
    regularisers. To maximise; divide by B * T for a per-frame value."""
    per_sequence: torch.Tensor
    """(B,) numerator - denominator, detached; -10 a frame where not ok."""
    numerator: torch.Tensor
    """(B,) log-probabilities, detached."""
    denominator: torch.Tensor
    """(B,) log-probabilities, detached."""
    posterior: torch.Tensor
    """(B, T, num_pdfs) numerator occupation probabilities, detached: the cross-entropy branch's
    objective is (posterior * log_softmax(xent_output)).sum()."""
    ok: torch.Tensor
    """(B,) bool; a sequence that is not ok counts -10 a frame and has no gradient."""
    frames: int
    """B * T, the weight of this minibatch."""


def lfmmi_loss(
    output: torch.Tensor,
    numerators: NumeratorBatch,
    denominator: DenominatorGraph,
    leaky: float = 0.1,
    l2_regularize: float = 0.0,
    out_of_range_regularize: float = 0.01,
) -> LfmmiResult:
    """LF-MMI of network outputs (B, T, num_pdfs), as Kaldi's ComputeChainObjfAndDeriv.

    The gradient is computed here and now when `output` requires one. Regularisers:
    -0.5 * l2_regularize * |output|^2, and -0.5 * out_of_range_regularize * the squared excess
    beyond +-30 (Kaldi applies twice that to every other minibatch at random).

    Raises InputError if the shapes of output, numerators and denominator differ.
    """
    expected = (numerators.sequences, numerators.frames, denominator.num_pdfs)
    if tuple(output.shape) != expected:
        raise InputError(f"LF-MMI: output has shape {tuple(output.shape)}, graphs want {expected}")
    if not 0 < leaky < 1:
        raise InputError(f"LF-MMI: the leaky-HMM coefficient must be in (0, 1), not {leaky}")
    detached = output.detach()
    needs_gradient = output.requires_grad and torch.is_grad_enabled()
    den, occupation, den_ok = denominator_forward_backward(
        detached, denominator, leaky, needs_gradient
    )
    num, posterior = numerator_forward_backward(detached, numerators)
    difference = num - den
    ok = den_ok & difference.isfinite()
    if not bool(ok.all()):
        failed = int((~ok).sum())
        logger.warning(
            "LF-MMI: %d of %d sequences are NaN, infinite or inexact (outputs %.1f to %.1f); "
            "they count %.0f a frame and have no gradient",
            failed,
            len(ok),
            float(detached.min()),
            float(detached.max()),
            FAILED_OBJECTIVE,
        )
        difference = torch.where(ok, difference, FAILED_OBJECTIVE * numerators.frames)
        posterior = torch.where(ok[:, None, None], posterior, 0.0)
    objective = difference
    if occupation is not None:
        gradient = torch.where(ok[:, None, None], posterior - occupation, 0.0)
        objective = _Objective.apply(output, difference, gradient)
    total = objective.sum().to(output.dtype)
    if needs_gradient and l2_regularize:
        total = total - 0.5 * l2_regularize * output.square().sum()
    if needs_gradient and out_of_range_regularize and bool((detached.abs() > LIMIT).any()):
        excess = (output.abs() - LIMIT).clamp_min(0.0)
        total = total - 0.5 * out_of_range_regularize * excess.square().sum()
    return LfmmiResult(
        total, difference, num, den, posterior, ok, numerators.sequences * numerators.frames
    )
