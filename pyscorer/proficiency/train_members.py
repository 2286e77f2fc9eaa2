"""Many networks of one expert trained and asked side by side."""

import itertools
import logging
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from pyscorer.contract.classes import Classes
from pyscorer.proficiency.architectures import Architecture
from pyscorer.proficiency.expert_features import Inputs
from pyscorer.proficiency.loss import expert_loss
from pyscorer.proficiency.networks import Network
from pyscorer.proficiency.pairs import TrainingItems
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

GROUP_PARAMETERS = 4_000_000
"""Members are trained together up to this many parameters: beyond, caches are too small."""
GROUP_RECURRENT = 5
"""As many members of a recurrent network at most: their sequences fill the caches as well."""


def batches(
    members: list[NDArray[np.int64]], lengths: NDArray | None, batch: int, rng: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.bool_]]]:
    """One epoch: (M x B item numbers, M x B whether real) until every member saw all its items.

    With lengths, neighbouring batches hold items of like length, which saves padding.
    """
    steps = -(-max(len(m) for m in members) // batch)
    order = np.zeros((len(members), steps * batch), np.int64)
    real = np.zeros(order.shape, bool)
    for row, items in enumerate(members):
        shuffled = rng.permutation(items)
        if lengths is not None:
            block = 16 * batch
            for start in range(0, len(shuffled), block):
                part = shuffled[start : start + block]
                shuffled[start : start + block] = part[np.argsort(lengths[part], kind="stable")]
        order[row, : len(items)], real[row, : len(items)] = shuffled, True
    for step in rng.permutation(steps):
        chosen = slice(step * batch, (step + 1) * batch)
        yield order[:, chosen], real[:, chosen]


def train_members(
    inputs: Inputs,
    items: TrainingItems,
    members: list[NDArray[np.int64]],
    shape: Architecture,
    classes: Classes,
    batch: int,
    seed: int,
    name: str = "",
) -> Network:
    """Train one network a member on its items (numbers into `items`); Adam, linear decay to 0."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(inputs.values)
    sizes = (values.shape[-1], *shape.hidden, len(classes.names))
    network = Network(len(members), sizes, shape.recurrent, shape.dropout)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=shape.learning_rate, weight_decay=shape.weight_decay
    )
    item_lengths = None if inputs.lengths is None else inputs.lengths[items.pairs]
    steps = shape.epochs * -(-max(len(m) for m in members) // batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: max(1 - s / steps, 0.0))
    for _ in progress_bar(range(shape.epochs), desc=name or "train"):
        total = 0.0
        for chosen, real in batches(members, item_lengths, batch, rng):
            x, lengths = take(values, inputs.lengths, items.pairs[chosen])
            weight = torch.from_numpy((items.weights[chosen] * real).astype(np.float32))
            outputs = network(x, lengths)
            labels = torch.from_numpy(items.classes[chosen])
            loss = expert_loss(outputs, labels, weight, shape.gross_factor, classes.gross).sum()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0 * len(members) ** 0.5)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
    log.info("%s: last loss a member %.4f", name, total * shape.epochs / steps / len(members))
    return network.eval()


def take(
    values: torch.Tensor, lengths: NDArray | None, rows: NDArray[np.int64]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Inputs `rows` (any shape) of values: with lengths, as long as the longest of them."""
    index = torch.from_numpy(rows)
    if lengths is None:
        return values[index], None
    taken = torch.from_numpy(lengths[rows])
    return values[:, : int(taken.max())][index], taken


@torch.inference_mode()
def predict(network: Network, inputs: Inputs, batch: int = 512) -> NDArray[np.float32]:
    """Every member's posteriors of every input: M x N x classes."""
    values = torch.from_numpy(inputs.values)
    members = next(network.parameters()).shape[0]
    number = len(values)
    order = np.arange(number)
    if inputs.lengths is not None:
        order = np.argsort(inputs.lengths, kind="stable")
    out = np.zeros((members, number, network.n_out), np.float32)
    for start in range(0, number, batch):
        rows = order[start : start + batch]
        x, lengths = take(values, inputs.lengths, rows)
        x = x[None].expand(members, *x.shape)
        if lengths is not None:
            lengths = lengths[None].expand(members, -1)
        out[:, rows] = network(x, lengths).numpy()
    return out


def group_size(n_in: int, shape: Architecture, classes: int) -> int:
    """How many members are trained together."""
    sizes = (n_in, *shape.hidden, classes)
    parameters = sum(a * b for a, b in itertools.pairwise(sizes))
    if shape.recurrent:
        parameters += 3 * sizes[0] * sizes[1] + 4 * sizes[1] ** 2
    most = GROUP_RECURRENT if shape.recurrent else GROUP_PARAMETERS
    return max(1, min(most, GROUP_PARAMETERS // parameters))
