"""Stage `train_expert`: one expert, all seeds and folds, as one batched network."""

import dataclasses
import itertools
import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt

from pyscorer.contract.classes import Classes
from pyscorer.contract.files import atomic_directory
from pyscorer.contract.weights import save_weights
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.proficiency.architectures import Architecture, architecture
from pyscorer.proficiency.expert_features import Inputs, check_grammar, load_inputs
from pyscorer.proficiency.loss import expert_loss
from pyscorer.proficiency.networks import Network
from pyscorer.proficiency.pairs import TrainingItems, load_data, training_items
from pyscorer.proficiency.tree_expert import apply_forest, save_forest, train_forest
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

GROUP_PARAMETERS = 4_000_000
"""Members are trained together up to this many parameters: beyond, caches are too small."""
GROUP_RECURRENT = 5
"""As many members of a recurrent network at most: their sequences fill the caches as well."""


@dataclass(frozen=True)
class ExpertOptions:
    """How to train an expert; 0 or nothing keeps the expert's default."""

    seeds: int = option(5, "how many times everything is trained", ge=1)
    hidden: tuple[PositiveInt, ...] = option((), "hidden layer sizes")
    epochs: int = option(0, "passes over the training pairs", ge=0)
    batch: int = option(64, "pairs a step and member", ge=1)
    seed: int = option(1, "first seed", ge=0)


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
            x, lengths = _take(values, inputs.lengths, items.pairs[chosen])
            weight = torch.from_numpy((items.weights[chosen] * real).astype(np.float32))
            outputs = network(x, lengths)
            labels = torch.from_numpy(items.classes[chosen])
            loss = expert_loss(outputs, labels, weight, shape.gross_factor, classes.gross)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0 * len(members) ** 0.5)
            optimizer.step()
            schedule.step()
            total += float(loss.detach())
    log.info("%s: last loss a member %.4f", name, total * shape.epochs / steps / len(members))
    return network.eval()


def _take(
    values: torch.Tensor, lengths: NDArray | None, rows: NDArray[np.int64]
) -> tuple[torch.Tensor, torch.Tensor | None]:
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
        x, lengths = _take(values, inputs.lengths, rows)
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


def train_expert(
    data: Path,
    features: Path,
    expert: str,
    out: Path,
    options: ExpertOptions,
    answers: Path | None = None,
) -> None:
    """Train an expert for every seed and without every group of folds.

    Inputs of a kind that `features` does not have are those of `answers`.
    Writes out/outputs.npy (seeds x groups x N x classes float32: what the member trained without
    that group of folds says of every item of the table), out/model.pt (the weights of the members)
    or out/forest.npz, and out/architecture.json. The same seed gives the same result.
    Raises InputError for inputs that are not there, and for an expert that needs a grammar where
    there is none.
    """
    table, grammar = load_data(data)
    shape = architecture(expert)
    if options.hidden:
        shape = dataclasses.replace(shape, hidden=options.hidden)
    if options.epochs:
        shape = dataclasses.replace(shape, epochs=options.epochs)
    check_grammar(expert, shape.kind, grammar)
    inputs = load_inputs(_folder_of(shape.kind, features, answers), shape.kind)
    if len(inputs.values) != table.n_items:
        raise InputError(
            f"{features}: inputs of {len(inputs.values)} responses, {data} has {table.n_items}: "
            "make them again"
        )
    n_classes = len(table.classes.names)
    items = training_items(table, shape.weight_power)
    n_groups = min(shape.members, table.n_folds)
    groups = table.grouped(n_groups)[items.pairs]
    kept = [np.flatnonzero(groups != k) for k in range(n_groups)]
    members = [group for _ in range(options.seeds) for group in kept]
    size = group_size(inputs.values.shape[-1], shape, n_classes)
    settings = dataclasses.asdict(shape) | {
        "expert": expert,
        "n_in": int(inputs.values.shape[-1]),
        "seeds": options.seeds,
    }
    if shape.trees:
        forest = train_forest(
            inputs.values, items, members, shape.trees, 1000 * options.seed, n_classes
        )
        found = apply_forest(forest, inputs.values)
        with atomic_directory(out) as part:
            save_forest(part / "forest.npz", forest)
            _write(part, found.reshape(options.seeds, n_groups, -1, n_classes), settings)
        return
    outputs, states = [], []
    for number, start in enumerate(range(0, len(members), size)):
        network = train_members(
            inputs,
            items,
            members[start : start + size],
            shape,
            table.classes,
            options.batch,
            seed=1000 * options.seed + number,
            name=f"{expert} {start + 1}-{min(start + size, len(members))}/{len(members)}",
        )
        outputs.append(predict(network, inputs))
        states.append(network.state_dict())
    stacked = np.concatenate(outputs).reshape(options.seeds, n_groups, -1, n_classes)
    with atomic_directory(out) as part:
        save_weights(part / "model.pt", states)
        _write(part, stacked, settings)


def _folder_of(kind: str, features: Path, answers: Path | None) -> Path:
    there = (features / f"{kind}.npz").exists() or answers is None
    return features if there else answers  # type: ignore[return-value]


def _write(part: Path, outputs: NDArray, settings: dict[str, Any]) -> None:
    np.save(part / "outputs.npy", outputs)
    (part / "architecture.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")
