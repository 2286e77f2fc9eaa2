"""AdamW over lists of tensors.

torch.optim's imports a compiler at its first step, seconds on a small machine, and cannot be kept
in a checkpoint without its object graph.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class AdamW:
    """Adam with decoupled weight decay (Loshchilov & Hutter, 2019).

    Decay applies to matrices only.
    """

    def __init__(
        self,
        parameters: Sequence[Tensor],
        weight_decay: float,
        betas: tuple[float, float] = (0.9, 0.98),
        epsilon: float = 1e-8,
    ) -> None:
        self.parameters = list(parameters)
        self.weight_decay, self.betas, self.epsilon = weight_decay, betas, epsilon
        self.steps = 0
        self.first = [torch.zeros_like(p) for p in self.parameters]
        self.second = [torch.zeros_like(p) for p in self.parameters]

    @torch.no_grad()
    def step(self, learning_rate: float, max_gradient: float) -> float:
        """Update the parameters by their gradients, clipped to a norm of `max_gradient`.

        Clears the gradients and returns their norm before clipping.
        """
        gradients = [p.grad if p.grad is not None else torch.zeros_like(p) for p in self.parameters]
        norm = float(torch.stack(torch._foreach_norm(gradients)).norm())
        if norm > max_gradient:
            torch._foreach_mul_(gradients, max_gradient / norm)
        self.steps += 1
        beta1, beta2 = self.betas
        torch._foreach_lerp_(self.first, gradients, 1.0 - beta1)
        torch._foreach_mul_(self.second, beta2)
        torch._foreach_addcmul_(self.second, gradients, gradients, 1.0 - beta2)
        scale = torch._foreach_sqrt(self.second)
        torch._foreach_div_(scale, (1.0 - beta2**self.steps) ** 0.5)
        torch._foreach_add_(scale, self.epsilon)
        matrices = [p for p in self.parameters if p.ndim > 1]
        torch._foreach_mul_(matrices, 1.0 - learning_rate * self.weight_decay)
        rate = learning_rate / (1.0 - beta1**self.steps)
        torch._foreach_addcdiv_(self.parameters, self.first, scale, -rate)
        for parameter in self.parameters:
            parameter.grad = None
        return norm

    def state_dict(self) -> dict[str, Any]:
        """What `load_state_dict` needs."""
        return {"steps": self.steps, "first": self.first, "second": self.second}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from a saved state."""
        self.steps, self.first, self.second = state["steps"], state["first"], state["second"]
