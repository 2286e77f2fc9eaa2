"""Training as Papi et al. 2020, section 3, trained: until validation says stop.

Cross-entropy unless the expert has the modified loss; Adam at a constant rate; at most so many
epochs, and the weights of the epoch whose validation loss is least. What is validated and kept is
the running mean of the weights: at a constant rate they wander, and single epochs differ by chance.
"""

import copy
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pyscorer.contract.classes import Classes
from pyscorer.proficiency.architectures import Architecture
from pyscorer.proficiency.expert_features import Inputs
from pyscorer.proficiency.loss import cross_entropy, expert_loss
from pyscorer.proficiency.networks import Network, initialise_glorot
from pyscorer.proficiency.pairs import TrainingItems
from pyscorer.proficiency.train_members import batches, take

log = logging.getLogger(__name__)

MOST_ROWS = 3.0
"""Rows that one training item stands for at most: an input given more often stands for itself in
several items, else single batches would be all its own."""
MEMORY = 0.995
"""Share of the running mean that a step leaves as it was; less in the first steps."""


@dataclass(frozen=True)
class Distinct:
    """Inputs without repetitions. of_item: N, where each item's input stands among them."""

    inputs: Inputs
    of_item: NDArray[np.int64]

    def merged(self, items: TrainingItems) -> TrainingItems:
        """The items by distinct input: equal inputs of one class are one, as heavy as all."""
        n_classes = int(items.classes.max(initial=0)) + 1
        keys = self.of_item[items.pairs] * n_classes + items.classes
        found, index = np.unique(keys, return_inverse=True)
        weights = np.bincount(index, items.weights, len(found)).astype(np.float64)
        return TrainingItems(found // n_classes, found % n_classes, weights)


def distinct_inputs(inputs: Inputs) -> Distinct:
    """Find equal inputs: most pairs occur in several folds, and look alike to most experts."""
    seen: dict[bytes, int] = {}
    kept: list[int] = []
    of_item = np.empty(len(inputs.values), np.int64)
    for i, value in enumerate(inputs.values):
        length = len(value) if inputs.lengths is None else int(inputs.lengths[i])
        key = value[:length].tobytes()
        if key not in seen:
            seen[key] = len(kept)
            kept.append(i)
        of_item[i] = seen[key]
    lengths = None if inputs.lengths is None else inputs.lengths[kept]
    return Distinct(Inputs(inputs.values[kept], lengths), of_item)


def spread(items: TrainingItems, most: float = MOST_ROWS) -> TrainingItems:
    """Items that weigh more than `most` are several that share the weight equally."""
    times = np.maximum(np.ceil(items.weights / most), 1).astype(np.int64)
    pairs, classes = (np.repeat(column, times) for column in (items.pairs, items.classes))
    return TrainingItems(pairs, classes, np.repeat(items.weights / times, times))


def stacked(members: Sequence[TrainingItems]) -> tuple[TrainingItems, list[NDArray[np.int64]]]:
    """All members' items one after another, and which of them are each member's."""
    ends = np.cumsum([len(m.pairs) for m in members])
    numbers = [np.arange(end - len(m.pairs), end) for end, m in zip(ends, members, strict=True)]
    columns = zip(*((m.pairs, m.classes, m.weights) for m in members), strict=True)
    pairs, classes, weights = (np.concatenate(column) for column in columns)
    return TrainingItems(pairs, classes, weights), numbers


def train_stopped(
    inputs: Inputs,
    members: Sequence[TrainingItems],
    validation: Sequence[TrainingItems],
    shape: Architecture,
    classes: Classes,
    batch: int,
    patience: int,
    seed: int,
    name: str = "",
) -> Network:
    """Train one network a member side by side, and stop each by its own validation items.

    A member keeps the weights of its epoch of least validation loss. Training ends once none has
    improved for `patience` epochs, or after the shape's epochs; what a member would learn after its
    own patience does not count.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    values = torch.from_numpy(inputs.values)
    sizes = (values.shape[-1], *shape.hidden, len(classes.names))
    network = Network(len(members), sizes, shape.recurrent, shape.dropout, fused=True)
    initialise_glorot(network)
    average = copy.deepcopy(network).eval().requires_grad_(False)
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=shape.learning_rate, weight_decay=shape.weight_decay
    )
    items, numbers = stacked(members)
    lengths = None if inputs.lengths is None else inputs.lengths[items.pairs]
    checked, checks = stacked(validation)
    stop = Stopping(average, patience)
    steps = 0
    for epoch in range(shape.epochs):
        for chosen, real in batches(numbers, lengths, batch, rng):
            loss = _losses(network, inputs, values, items, chosen, real, shape, classes).sum()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0 * len(members) ** 0.5)
            optimizer.step()
            steps += 1
            kept = min(MEMORY, (1 + steps) / (10 + steps))
            for mean, new in zip(average.parameters(), network.parameters(), strict=True):
                mean.lerp_(new.detach(), 1 - kept)
        with torch.inference_mode():
            losses, total = torch.zeros(len(members)), torch.zeros(len(members))
            for chosen, real in batches(checks, None, 512, np.random.default_rng(0)):
                weight = torch.from_numpy((checked.weights[chosen] * real).sum(axis=1)).float()
                found = _losses(average, inputs, values, checked, chosen, real, shape, classes)
                losses, total = losses + found * weight, total + weight
        if stop.ends(epoch, losses / total):
            break
    log.info(
        "%s: best epoch %s of %d, validation loss %s",
        name,
        " ".join(str(e + 1) for e in stop.epochs.tolist()),
        epoch + 1,
        " ".join(f"{v:.4f}" for v in stop.least.tolist()),
    )
    return stop.best()


def _losses(
    network: Network,
    inputs: Inputs,
    values: torch.Tensor,
    items: TrainingItems,
    chosen: NDArray[np.int64],
    real: NDArray[np.bool_],
    shape: Architecture,
    classes: Classes,
) -> torch.Tensor:
    """Each member's weighted mean loss over a batch, M x B numbers into `items`."""
    x, lengths = take(values, inputs.lengths, items.pairs[chosen])
    weights = torch.from_numpy((items.weights[chosen] * real).astype(np.float32))
    labels = torch.from_numpy(items.classes[chosen])
    scores = network.scores(x, lengths)
    if shape.gross_factor == 1:
        return cross_entropy(scores, labels, weights)
    outputs = torch.softmax(scores, dim=-1)
    return expert_loss(outputs, labels, weights, shape.gross_factor, classes.gross)


class Stopping:
    """The best weights that each member of a network has had."""

    def __init__(self, network: Network, patience: int) -> None:
        self.network, self.patience = network, patience
        members = len(next(network.parameters()))
        self.least = torch.full((members,), torch.inf)
        self.epochs = torch.zeros(members, dtype=torch.long)
        self.weights = {k: v.clone() for k, v in network.state_dict().items()}

    def ends(self, epoch: int, losses: torch.Tensor) -> bool:
        """Keep what is better; whether every member has lost its patience."""
        waiting = epoch - self.epochs <= self.patience
        better = (losses < self.least) & waiting
        self.least = torch.where(better, losses, self.least)
        self.epochs[better] = epoch
        for name, value in self.network.state_dict().items():
            self.weights[name][better] = value[better]
        return bool((epoch - self.epochs >= self.patience).all())

    def best(self) -> Network:
        """The network with each member's best weights."""
        self.network.load_state_dict(self.weights)
        return self.network
