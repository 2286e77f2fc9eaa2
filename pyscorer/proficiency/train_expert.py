"""Stage `train_expert`: one expert, for all seeds and folds."""

import dataclasses
import json
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import PositiveInt

from pyscorer.contract.files import atomic_directory
from pyscorer.contract.weights import save_weights
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.proficiency.architectures import Architecture, architecture, as_printed
from pyscorer.proficiency.crossing import check_crossed, stopped_by, trained_on
from pyscorer.proficiency.early_stopping import distinct_inputs, spread, stacked, train_stopped
from pyscorer.proficiency.expert_features import Inputs, check_grammar, load_inputs
from pyscorer.proficiency.pairs import PairTable, TrainingItems, load_data, training_items
from pyscorer.proficiency.train_members import group_size, predict, train_members
from pyscorer.proficiency.tree_expert import Forest, apply_forest, save_forest, train_forest
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

BATCHES = {"ours": 64, "paper": 32}
"""Items a step and member of each protocol."""


@dataclass(frozen=True)
class ExpertOptions:
    """How to train an expert; 0 or nothing keeps the expert's default."""

    protocol: Literal["ours", "paper"] = option(
        "ours",
        "ours: squared error on groups of folds, for so many epochs; paper: cross-entropy, "
        "cross-validation, stopped early by the next fold (Papi et al.)",
    )
    seeds: int = option(5, "how many times everything is trained", ge=1)
    hidden: tuple[PositiveInt, ...] = option((), "hidden layer sizes")
    epochs: int = option(0, "passes over the training pairs, at most by protocol paper", ge=0)
    batch: int = option(0, "pairs a step and member; 64, by protocol paper 32", ge=0)
    patience: int = option(
        8, "by protocol paper, epochs without a lower validation loss that end training", ge=1
    )
    seed: int = option(1, "first seed", ge=0)


@dataclass(frozen=True)
class _Trained:
    """What all networks say (members x items x classes), and they themselves."""

    outputs: NDArray[np.float32]
    found: Forest | list[dict[str, torch.Tensor]]


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
    By the paper's protocol the groups are the folds, and each network is trained without its fold
    and the next, which stops it (`crossing`).
    Raises InputError for inputs that are not there, for an expert that needs a grammar where
    there is none, and for the paper's protocol on folds of pairs or of recordings.
    """
    table, grammar = load_data(data)
    shape = architecture(expert)
    if options.protocol == "paper":
        check_crossed(table)
        shape = as_printed(expert, table.n_folds)
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
    train = _crossed if options.protocol == "paper" else _grouped
    trained = train(table, inputs, shape, options, expert)
    settings = dataclasses.asdict(shape) | {
        "expert": expert,
        "n_in": int(inputs.values.shape[-1]),
        "seeds": options.seeds,
    }
    outputs = trained.outputs.reshape(options.seeds, -1, table.n_items, len(table.classes.names))
    with atomic_directory(out) as part:
        if isinstance(trained.found, Forest):
            save_forest(part / "forest.npz", trained.found)
        else:
            save_weights(part / "model.pt", trained.found)
        np.save(part / "outputs.npy", outputs)
        (part / "architecture.json").write_text(json.dumps(settings, indent=1), encoding="utf-8")


def _grouped(
    table: PairTable, inputs: Inputs, shape: Architecture, options: ExpertOptions, expert: str
) -> _Trained:
    """Our protocol: a network without each group of folds, all as long as each other."""
    items = training_items(table, shape.weight_power)
    n_groups = min(shape.members, table.n_folds)
    groups = table.grouped(n_groups)[items.pairs]
    kept = [np.flatnonzero(groups != k) for k in range(n_groups)]
    members = [group for _ in range(options.seeds) for group in kept]
    if shape.trees:
        return _forest(table, inputs, items, members, shape, options)
    size = group_size(inputs.values.shape[-1], shape, len(table.classes.names))
    outputs, states = [], []
    for number, start in enumerate(range(0, len(members), size)):
        network = train_members(
            inputs,
            items,
            members[start : start + size],
            shape,
            table.classes,
            options.batch or BATCHES["ours"],
            seed=1000 * options.seed + number,
            name=f"{expert} {start + 1}-{min(start + size, len(members))}/{len(members)}",
        )
        outputs.append(predict(network, inputs))
        states.append(network.state_dict())
    return _Trained(np.concatenate(outputs), states)


def _crossed(
    table: PairTable, inputs: Inputs, shape: Architecture, options: ExpertOptions, expert: str
) -> _Trained:
    """The paper's protocol: a network a fold, stopped by the next."""
    distinct = distinct_inputs(inputs)
    folds = range(table.n_folds)
    merged = [distinct.merged(trained_on(table, k)) for k in folds] * options.seeds
    stops = [distinct.merged(stopped_by(table, k)) for k in folds] * options.seeds
    if shape.trees:
        items, members = stacked(merged)
        trained = _forest(table, distinct.inputs, items, members, shape, options)
        return _Trained(trained.outputs[:, distinct.of_item], trained.found)
    learnt = [spread(items) for items in merged]
    n_in, n_classes = inputs.values.shape[-1], len(table.classes.names)
    size = 1 if shape.recurrent else group_size(n_in, shape, n_classes)
    log.info("%s: %d distinct inputs", expert, len(distinct.inputs.values))
    outputs, states = [], []
    for number, start in enumerate(progress_bar(range(0, len(learnt), size), desc=expert)):
        chosen = slice(start, start + size)
        network = train_stopped(
            distinct.inputs,
            learnt[chosen],
            stops[chosen],
            shape,
            table.classes,
            options.batch or BATCHES["paper"],
            options.patience,
            seed=1000 * options.seed + number,
            name=f"{expert} {start + 1}-{min(start + size, len(learnt))}/{len(learnt)}",
        )
        outputs.append(predict(network, distinct.inputs)[:, distinct.of_item])
        states.append(network.state_dict())
    return _Trained(np.concatenate(outputs), states)


def _forest(
    table: PairTable,
    inputs: Inputs,
    items: TrainingItems,
    members: list[NDArray[np.int64]],
    shape: Architecture,
    options: ExpertOptions,
) -> _Trained:
    n_classes = len(table.classes.names)
    seed = 1000 * options.seed
    forest = train_forest(inputs.values, items, members, shape.trees, seed, n_classes)
    return _Trained(apply_forest(forest, inputs.values), forest)


def _folder_of(kind: str, features: Path, answers: Path | None) -> Path:
    there = (features / f"{kind}.npz").exists() or answers is None
    return features if there else answers  # type: ignore[return-value]
