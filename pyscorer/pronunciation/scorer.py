"""One scoring module: its training, its file, its predictions."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from pyscorer.contract.datadir import Aspect
from pyscorer.contract.pooled import PooledSet
from pyscorer.contract.scores import SCALE
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import mean_squared_error, pearson
from pyscorer.options import option
from pyscorer.pronunciation.module import ModuleConfig, ScoringModule
from pyscorer.pronunciation.module_batches import Batches

_PREDICTION_BATCH = 256


@dataclass(frozen=True)
class ScorerOptions:
    """What the scoring module reads, and how it is trained."""

    aspect: Aspect = option("total", "human score to learn")
    deep: bool = option(True, "read the deep features")
    extras: tuple[str, ...] = option((), "extra inputs, by name in columns.txt")
    attention: bool = option(True, "off: averaging alone")
    seeds: int = option(5, "seeds from `seed` on, each with all folds", ge=1)
    seed: int = option(0, "the first", ge=0)
    folds: int = option(5, "speaker-disjoint folds of the train split", ge=2)
    epochs: int = option(25, "passes over the train split", ge=1)
    min_steps: int = option(700, "a small train split is passed over more often", ge=0)
    patience: int = option(0, "stop after epochs without a better held-out loss; 0: never", ge=0)
    batch_size: int = option(64, "utterances a step", ge=1)
    learning_rate: float = option(3e-3, "Adam's, at its highest", ge=0)
    weight_decay: float = option(1e-2, "decoupled, as in AdamW", ge=0)
    dropout: float = option(0.5, "of the deep features' columns, by utterance", ge=0, le=1)
    word_dropout: float = option(
        0.3, "share of an utterance's words left out, anew each epoch", ge=0, le=1
    )
    one_fold: bool = option(
        False, "seed s holds out fold s alone: single modules, a fifth of the work"
    )
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)

    def places(self) -> list[tuple[int, int]]:
        """Seed and held-out fold of every module."""
        seeds = range(self.seed, self.seed + self.seeds)
        if self.one_fold:
            return [(seed, seed % self.folds) for seed in seeds]
        return [(seed, fold) for seed in seeds for fold in range(self.folds)]


@dataclass(frozen=True)
class Trained:
    """One module after early stopping."""

    seed: int
    fold: int
    epoch: int
    state: dict[str, torch.Tensor]
    curve: list[dict[str, float]]


def predict(module: ScoringModule, batches: Batches, utterances: np.ndarray) -> np.ndarray:
    """Scores 0..10 of the utterances at these indices."""
    module.eval()
    pieces = range(_PREDICTION_BATCH, len(utterances), _PREDICTION_BATCH)
    with torch.no_grad():
        parts = [module(batches.take(part)).numpy() for part in np.split(utterances, list(pieces))]
    return np.concatenate(parts) * SCALE


def train_module(
    batches: Batches,
    targets: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray],
    config: ModuleConfig,
    options: ScorerOptions,
    place: tuple[int, int],
    start: dict[str, torch.Tensor] | None = None,
) -> Trained:
    """Train one module on the first of `parts` (indices), keep its best epoch on the second.

    `targets` are scores 0..10 of all utterances, `place` is seed and held-out fold, `start` the
    weights to go on from. Loss: mean squared error to target / 10. AdamW; the learning rate rises
    over a tenth of the steps, then falls to zero (one cycle).
    """
    seed, fold = place
    torch.manual_seed(1000 * seed + fold)
    shuffle = np.random.default_rng([seed, fold])
    module = ScoringModule(config)
    if start is not None:
        module.load_state_dict(start)
    train, valid = parts
    steps = -(-len(train) // options.batch_size)
    epochs = max(options.epochs, -(-options.min_steps // steps))
    optimiser = torch.optim.AdamW(
        module.parameters(),
        lr=options.learning_rate,
        weight_decay=options.weight_decay,
        fused=True,
    )
    total_steps = max(epochs * steps, 3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        options.learning_rate,
        total_steps=total_steps,
        pct_start=max(0.1, 2 / total_steps),  # a rise of one step would divide by zero
    )
    wanted = torch.from_numpy(targets / SCALE)
    best: dict[str, torch.Tensor] = {}
    best_epoch, best_loss = 0, float("inf")
    curve: list[dict[str, float]] = []
    for epoch in range(1, epochs + 1):
        module.train()
        total = 0.0
        for chosen in np.array_split(shuffle.permutation(train), steps):
            words = batches.pooled.word_counts[chosen].sum()
            batch = batches.take(chosen, shuffle.random(words) < options.word_dropout)
            loss = functional.mse_loss(module(batch), wanted[torch.from_numpy(chosen)])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(chosen)
        held_out = predict(module, batches, valid)
        valid_loss = mean_squared_error(held_out, targets[valid]) / SCALE**2
        curve.append(
            {
                "epoch": epoch,
                "train_loss": total / len(train),
                "valid_loss": valid_loss,
                "valid_pcc": pearson(held_out, targets[valid]),
            }
        )
        if valid_loss < best_loss:
            best_epoch, best_loss = epoch, valid_loss
            best = {name: value.clone() for name, value in module.state_dict().items()}
        if 0 < options.patience <= epoch - best_epoch:
            break
    return Trained(seed, fold, best_epoch, best, curve)


def load_scorer(path: Path) -> dict[str, Any]:
    """The content of a model.pt. Raises InputError if it is missing or damaged."""
    if not path.exists():
        raise InputError(f"{path}: no such scorer; train_scorer makes it")
    try:
        model: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        load_modules(model)
    except Exception as error:
        raise InputError(
            f"{path}: not a scorer, or damaged ({type(error).__name__}: {error}); run train_scorer "
            "again"
        ) from None
    return model


def load_modules(model: dict[str, Any]) -> list[ScoringModule]:
    """The modules of a loaded model.pt, ready to predict."""
    modules = []
    for part in model["modules"]:
        module = ScoringModule(ModuleConfig(**model["config"]))
        module.load_state_dict(part["state"])
        modules.append(module.eval())
    return modules


def predict_all(model: dict[str, Any], pooled: PooledSet) -> np.ndarray:
    """Scores 0..10 by every module of a loaded model.pt: utterances x modules."""
    batches = Batches(pooled, model["mean"].numpy(), model["deviation"].numpy())
    everything = np.arange(len(pooled.keys))
    return np.stack([predict(m, batches, everything) for m in load_modules(model)], axis=1)
