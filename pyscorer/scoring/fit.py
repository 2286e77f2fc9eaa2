"""The training loop that all scorers share, and the best epoch of a training."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import CosineAnnealingLR, LRScheduler, OneCycleLR


@dataclass(frozen=True)
class Steps:
    """How weights change from step to step."""

    optimiser: Optimizer
    schedule: LRScheduler
    clip: float | None = None
    """Largest norm of all gradients together."""


@dataclass(frozen=True)
class Epoch:
    """One pass over the batches."""

    number: int
    """From 1."""
    losses: list[float]
    """Of each batch."""
    sizes: list[int]
    """Items of each batch."""

    @property
    def loss(self) -> float:
        """Mean over the items."""
        total = 0.0
        for loss, size in zip(self.losses, self.sizes, strict=True):
            total += loss * size
        return total / sum(self.sizes)


def fit(
    module: nn.Module,
    steps: Steps,
    epochs: int,
    batches: Callable[[], Iterable[np.ndarray]],
    loss: Callable[[np.ndarray], Tensor],
    after_step: Callable[[], None] = lambda: None,
) -> Iterator[Epoch]:
    """Train `module`, an epoch at a time: yields after each, for whoever measures, keeps or stops.

    `batches` gives the indices of the items of each batch, anew for every epoch; `loss` is that of
    a batch, a scalar. The module is in training mode while batches are learnt from.
    """
    trained = [p for group in steps.optimiser.param_groups for p in group["params"]]
    for number in range(1, epochs + 1):
        module.train()
        epoch = Epoch(number, [], [])
        for chosen in batches():
            value = loss(chosen)
            steps.optimiser.zero_grad()
            value.backward()
            if steps.clip is not None:
                nn.utils.clip_grad_norm_(trained, steps.clip)
            steps.optimiser.step()
            steps.schedule.step()
            after_step()
            epoch.losses.append(value.item())
            epoch.sizes.append(len(chosen))
        yield epoch


def one_cycle(
    module: nn.Module, rate: float, decay: float, steps: int, clip: float | None = None
) -> Steps:
    """AdamW whose learning rate rises over a tenth of the steps, then falls to zero (cosine)."""
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate, weight_decay=decay, fused=True)
    total = max(steps, 3)
    rise = max(0.1, 2 / total)  # a rise of one step would divide by zero
    return Steps(optimiser, OneCycleLR(optimiser, rate, total_steps=total, pct_start=rise), clip)


def cosine(optimiser: Optimizer, steps: int, clip: float | None = None) -> Steps:
    """Learning rates that fall to zero along a cosine."""
    return Steps(optimiser, CosineAnnealingLR(optimiser, steps), clip)


@dataclass
class Best:
    """The weights of the epoch with the least held-out loss so far."""

    modules: Sequence[nn.Module]
    patience: int = 0
    """Epochs without a better one after which to stop; 0: never."""
    epoch: int = 0
    loss: float = float("inf")
    states: list[dict[str, Tensor]] = field(default_factory=list)

    def stop(self, epoch: int, loss: float) -> bool:
        """Take note of an epoch; whether training has gone on long enough."""
        if loss < self.loss:
            self.epoch, self.loss = epoch, loss
            self.states = [copy.deepcopy(module.state_dict()) for module in self.modules]
        return 0 < self.patience <= epoch - self.epoch

    def restore(self) -> None:
        """Give the modules the best weights."""
        for module, state in zip(self.modules, self.states, strict=True):
            module.load_state_dict(state)


def shuffled(
    shuffle: np.random.Generator, items: np.ndarray, steps: int
) -> Callable[[], list[np.ndarray]]:
    """`items` in random order, cut into `steps` batches, for `fit`."""
    return lambda: np.array_split(shuffle.permutation(items), steps)
