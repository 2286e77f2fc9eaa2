"""A scorer: options, the training of one module, the file, predictions."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from pyscorer.contract.large import pieces
from pyscorer.contract.pooled import PooledSet
from pyscorer.contract.scales import (
    SPEECHOCEAN,
    Range,
    Scales,
    from_unit,
    make_scales,
    scales_content,
    to_unit,
)
from pyscorer.contract.weights import load_weights, save_weights
from pyscorer.evaluation.metrics import mean_squared_error, pearson
from pyscorer.options import option
from pyscorer.pronunciation.frame_table import FrameTable
from pyscorer.pronunciation.module import ModuleConfig, ScoringModule
from pyscorer.pronunciation.module_batches import Batches
from pyscorer.scoring.ensemble import Place, places
from pyscorer.scoring.fit import Best, Epoch, fit, one_cycle, shuffled

_PREDICTION_BATCH = 256


@dataclass(frozen=True)
class ScorerOptions:
    """What the scoring module reads, and how it is trained."""

    aspect: str | None = option(None, "human score to learn; default: that which stands for all")
    deep: bool = option(True, "read the deep features")
    extras: tuple[str, ...] = option((), "extra inputs, by name in columns.txt")
    attention: bool = option(True, "off: averaging alone")
    nonlinear_input: bool = option(False, "a ReLU after the first transformation, as printed")
    residual: bool = option(
        True, "each self-attention is added to its input; off: as the paper prints it"
    )
    frame_norm: bool = option(
        False, "first transformation and LayerNorm of frames, not of phones' means, as printed"
    )
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

    def places(self) -> list[Place]:
        """Seed and held-out fold of every module."""
        return places(range(self.seed, self.seed + self.seeds), self.folds, self.one_fold)


@dataclass(frozen=True)
class Trained:
    """One module after early stopping."""

    place: Place
    epoch: int
    state: dict[str, torch.Tensor]
    curve: list[dict[str, float]]
    acoustic: dict[str, torch.Tensor] | None = None
    """Weights of the acoustic layers that were trained with it."""

    @property
    def valid_pcc(self) -> float:
        """Of the epoch kept, on the fold held out."""
        return self.curve[self.epoch - 1]["valid_pcc"]


@dataclass(frozen=True)
class ScorerModule:
    """One module of a trained scorer."""

    place: Place
    state: dict[str, torch.Tensor]
    acoustic: dict[str, torch.Tensor] | None = None
    """Weights of acoustic layers of its own, if unfreeze_scorer made it."""


@dataclass(frozen=True)
class TrainedScorer:
    """An ensemble of modules, and what is needed to read phones for it."""

    options: ScorerOptions
    config: ModuleConfig
    columns: list[str]
    mean: torch.Tensor
    """Of the columns; likewise deviation."""
    deviation: torch.Tensor
    modules: tuple[ScorerModule, ...]
    scales: Scales = SPEECHOCEAN
    """Of the data that it was trained on."""

    @property
    def aspect(self) -> str:
        """What it scores."""
        return self.scales.chosen(self.options.aspect, "scorer")

    @property
    def range(self) -> Range:
        """Of its scores."""
        return self.scales.utterance[self.aspect]

    def loaded(self) -> list[ScoringModule]:
        """The modules, ready to predict."""
        modules = []
        for part in self.modules:
            module = ScoringModule(self.config)
            module.load_state_dict(part.state)
            modules.append(module.eval())
        return modules


def predict(
    module: ScoringModule, batches: Batches, utterances: np.ndarray, own: Range
) -> np.ndarray:
    """Scores, of the range `own`, of the utterances at these indices."""
    module.eval()
    with torch.no_grad():
        some = pieces(len(utterances), _PREDICTION_BATCH)
        shares = np.concatenate([module(batches.take(utterances[p])).numpy() for p in some])
        return from_unit(shares, own)


def held_out_row(
    epoch: Epoch, predicted: np.ndarray, human: np.ndarray, own: Range
) -> dict[str, float]:
    """A row of train_log.csv: losses of shares of the range, and PCC on the fold held out."""
    return {
        "epoch": epoch.number,
        "train_loss": epoch.loss,
        "valid_loss": mean_squared_error(predicted, human) / (own[1] - own[0]) ** 2,
        "valid_pcc": pearson(predicted, human),
    }


def train_module(
    batches: Batches,
    targets: np.ndarray,
    parts: tuple[np.ndarray, np.ndarray],
    config: ModuleConfig,
    options: ScorerOptions,
    place: Place,
    own: Range,
    start: dict[str, torch.Tensor] | None = None,
) -> Trained:
    """Train one module on the first of `parts` (indices), keep its best epoch on the second.

    `targets` are scores of the range `own` of all utterances, `start` the weights to go on from.
    Loss: mean squared error of shares of the range. AdamW with one cycle of the learning rate.
    """
    torch.manual_seed(1000 * place.seed + place.fold)
    shuffle = np.random.default_rng([place.seed, place.fold])
    module = ScoringModule(config)
    if start is not None:
        module.load_state_dict(start)
    train, valid = parts
    count = -(-len(train) // options.batch_size)
    epochs = max(options.epochs, -(-options.min_steps // count))
    steps = one_cycle(module, options.learning_rate, options.weight_decay, epochs * count)
    wanted = torch.from_numpy(to_unit(targets, own))

    def loss(chosen: np.ndarray) -> torch.Tensor:
        words = batches.pooled.word_counts[chosen].sum()
        batch = batches.take(chosen, shuffle.random(words) < options.word_dropout)
        return functional.mse_loss(module(batch), wanted[torch.from_numpy(chosen)])

    best, curve = Best([module], options.patience), []
    for epoch in fit(module, steps, epochs, shuffled(shuffle, train, count), loss):
        said = predict(module, batches, valid, own)
        curve.append(held_out_row(epoch, said, targets[valid], own))
        if best.stop(epoch.number, curve[-1]["valid_loss"]):
            break
    return Trained(place, best.epoch, best.states[0], curve)


def save_scorer(path: Path, scorer: TrainedScorer) -> None:
    """Write model.pt."""
    content = {
        "options": asdict(scorer.options),
        "config": asdict(scorer.config),
        "columns": scorer.columns,
        "mean": scorer.mean,
        "deviation": scorer.deviation,
        "modules": [
            asdict(m.place) | {"state": m.state, "acoustic": m.acoustic} for m in scorer.modules
        ],
        "scales": scales_content(scorer.scales),
    }
    save_weights(path, content)


def load_scorer(path: Path) -> TrainedScorer:
    """Read model.pt. Raises InputError if it is missing or damaged."""
    return load_weights(path, "a scorer", "train_scorer", _scorer_of)


def _scorer_of(content: dict[str, Any]) -> TrainedScorer:
    scorer = TrainedScorer(
        ScorerOptions(**content["options"]),
        ModuleConfig(**content["config"]),
        content["columns"],
        *(content["mean"], content["deviation"]),
        tuple(
            ScorerModule(Place(m["seed"], m["fold"]), m["state"], m["acoustic"])
            for m in content["modules"]
        ),
        make_scales(content["scales"], "scales") if "scales" in content else SPEECHOCEAN,
    )
    scorer.loaded(), scorer.range  # weights and aspects that do not fit are found here
    return scorer


def predict_all(
    scorer: TrainedScorer,
    pooled: PooledSet,
    frames: FrameTable | None = None,
    count: int | None = None,
) -> np.ndarray:
    """Scores, of the scorer's range, by every module: utterances x modules.

    `frames`, for a scorer with `frame_norm`, as in Batches. `count`: of the first so many alone.
    """
    batches = Batches(pooled, scorer.mean.numpy(), scorer.deviation.numpy(), frames)
    asked = np.arange(len(pooled.keys))[:count]
    return np.stack([predict(m, batches, asked, scorer.range) for m in scorer.loaded()], axis=1)
