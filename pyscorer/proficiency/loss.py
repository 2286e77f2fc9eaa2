"""The loss of Papi et al. 2020, section 2.2.1: squared error, gross false accepts weighted."""

from collections.abc import Sequence

import torch

GROSS_FACTOR = 3.0
"""lambda: what accepting a response with wrong meaning costs (as in FA = PFA + 3 GFA)."""


def accepts(outputs: torch.Tensor) -> torch.Tensor:
    """Whether class 0 (all correct) is the largest output."""
    return outputs.argmax(dim=-1) == 0


def expert_loss(
    outputs: torch.Tensor,
    labels: torch.Tensor,
    weights: torch.Tensor,
    gross_factor: float = GROSS_FACTOR,
    gross: Sequence[int] = (),
) -> torch.Tensor:
    """Each member's weighted mean over items of the squared error to the one-hot class: M.

    outputs: M x B x classes. labels, weights: M x B. An item whose meaning is wrong (a class of
    `gross`) and that the member accepts counts `gross_factor` times. The paper's formula prints
    this condition garbled; its stated aim rules here. The factor is constant in the gradient, as a
    step is.
    """
    target = torch.nn.functional.one_hot(labels, outputs.shape[-1]).to(outputs.dtype)
    error = (outputs - target).pow(2).mean(dim=-1)
    wrong = torch.isin(labels, torch.tensor(gross, dtype=labels.dtype)) & accepts(outputs)
    factor = torch.where(wrong, gross_factor, 1.0).to(outputs.dtype)
    return (error * factor * weights).sum(dim=1).div(weights.sum(dim=1).clamp_min(1e-12))


def cross_entropy(
    scores: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor
) -> torch.Tensor:
    """Each member's weighted mean over items of minus the log posterior of the class given.

    scores: M x B x classes, before the softmax. labels, weights: M x B. Returns M.
    """
    found = torch.log_softmax(scores, dim=-1).gather(-1, labels[..., None])[..., 0]
    return -(found * weights).sum(dim=1) / weights.sum(dim=1).clamp_min(1e-12)
