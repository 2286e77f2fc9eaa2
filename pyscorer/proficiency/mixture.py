"""The mixture of experts: a gate that gives each expert a credit, Papi et al. 2020, section 2.3."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pyscorer.proficiency.loss import GROSS_FACTOR, expert_loss
from pyscorer.proficiency.networks import BatchedLinear, Network
from pyscorer.proficiency.pairs import PairTable, training_items
from pyscorer.proficiency.train_members import batches

SMALL_GATE = (175, 75, 90, 50, 75)
LARGE_GATE = (512, 126, 256, 126, 126)


@dataclass(frozen=True)
class GateOptions:
    """How a gate is trained; hidden sizes () follow the paper."""

    hidden: tuple[int, ...] = ()
    epochs: int = 5
    batch: int = 128
    learning_rate: float = 1e-3
    weight_power: float = 0.5
    gross_factor: float = GROSS_FACTOR
    members: int = 4
    seed: int = 1


def gate_sizes(k: int, classes: int, hidden: Sequence[int] = ()) -> tuple[int, ...]:
    """Layer sizes of the gate of k experts: classes * k inputs, hidden layers, k credits.

    Up to four experts the paper's gate is 4-175-75-90-50-75-4, for five it is
    5-512-126-256-126-126-4: the last layer of the latter does not match its five credits. Ours has
    k outputs always, and as inputs the experts' concatenated outputs.
    """
    chosen = tuple(hidden) or (SMALL_GATE if k <= 4 else LARGE_GATE)
    return (classes * k, *chosen, k)


def averaging_gate(members: int, sizes: Sequence[int]) -> Network:
    """Gates of these layer sizes that start from about the plain average of the experts."""
    gate, k = Network(members, sizes, sigmoid=True), sizes[-1]
    with torch.no_grad():
        last = gate.layers[-1]
        assert isinstance(last, BatchedLinear)
        last.weight.mul_(0.1)
        last.bias.fill_(float(np.log((1 / k) / (1 - 1 / k + 1e-6))) if k > 1 else 3.0)
    return gate


def concatenate(outputs: Sequence[NDArray]) -> NDArray[np.float32]:
    """k arrays of S x N x c -> S x N x ck."""
    return np.concatenate(outputs, axis=-1).astype(np.float32)


def mix(credits: torch.Tensor, outputs: torch.Tensor) -> torch.Tensor:
    """z = sum over experts of credit times output: ... x k and ... x ck -> ... x c."""
    parts = outputs.unflatten(-1, (credits.shape[-1], -1))
    return (credits[..., None] * parts).sum(dim=-2)


def train_gate(outputs: NDArray[np.float32], table: PairTable, options: GateOptions) -> Network:
    """Train gates for every seed and without every group of folds on out-of-fold expert outputs.

    outputs: seeds x N x ck. Member s * groups + g sees seed s's outputs and is trained without
    group g. The loss is the experts' modified loss on z, which is not scaled to sum 1.
    """
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    seeds, _, width = outputs.shape
    classes = table.classes
    k = width // len(classes.names)
    items = training_items(table, options.weight_power)
    n_groups = min(options.members, table.n_folds)
    groups = table.grouped(n_groups)[items.pairs]
    kept = [np.flatnonzero(groups != g) for g in range(n_groups)]
    members = [group for _ in range(seeds) for group in kept]
    gate = averaging_gate(len(members), gate_sizes(k, len(classes.names), options.hidden))
    optimizer = torch.optim.AdamW(gate.parameters(), lr=options.learning_rate, weight_decay=1e-3)
    values = torch.from_numpy(outputs)
    of_member = torch.arange(len(members))[:, None] // n_groups
    steps = options.epochs * -(-max(len(m) for m in members) // options.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda s: max(1 - s / steps, 0.0))
    for _ in range(options.epochs):
        for chosen, real in batches(members, None, options.batch, rng):
            x = values[of_member, torch.from_numpy(items.pairs[chosen])]
            z = mix(gate(x), x)
            weight = torch.from_numpy((items.weights[chosen] * real).astype(np.float32))
            labels = torch.from_numpy(items.classes[chosen])
            loss = expert_loss(z, labels, weight, options.gross_factor, classes.gross).sum()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
    return gate.eval()


@torch.inference_mode()
def apply_gate(gate: Network, outputs: NDArray[np.float32]) -> tuple[NDArray, NDArray]:
    """Mixture and credits of every member: seeds x groups x N x c and seeds x groups x N x k."""
    seeds = len(outputs)
    members = next(gate.parameters()).shape[0]
    values = torch.from_numpy(outputs).repeat_interleave(members // seeds, dim=0)
    credit_parts, mixed_parts = [], []
    for part in values.split(1024, dim=1):
        credits = gate(part)
        credit_parts.append(credits)
        mixed_parts.append(mix(credits, part))
    shape = (seeds, members // seeds)
    mixed = torch.cat(mixed_parts, dim=1).unflatten(0, shape).numpy()
    return mixed, torch.cat(credit_parts, dim=1).unflatten(0, shape).numpy()
