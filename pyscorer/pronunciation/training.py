"""Training of the scoring module over speaker-disjoint folds and several seeds."""

import functools
import logging
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import mean_squared_error, pearson
from pyscorer.files import atomic_path
from pyscorer.parallel import ordered_map
from pyscorer.pooled import PooledSet, read_columns, read_pooled, read_targets, select_columns
from pyscorer.progress import progress_bar
from pyscorer.pronunciation.module import ModuleConfig, ScoringModule
from pyscorer.pronunciation.pooled import Batches
from pyscorer.scores import SCALE, speaker_folds, write_rows, write_scores

_PREDICTION_BATCH = 256

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class ScorerOptions:
    """What the scoring module reads, and how it is trained."""

    aspect: str = field(default="total", metadata={"help": "human score to learn"})
    deep: bool = field(default=True, metadata={"help": "read the deep features"})
    extras: tuple[str, ...] = field(
        default=(), metadata={"help": "extra inputs, by name in columns.txt"}
    )
    attention: bool = field(default=True, metadata={"help": "off: averaging alone"})
    seeds: int = field(default=5, metadata={"help": "seeds 0, 1, ..., each with all folds"})
    folds: int = field(default=5, metadata={"help": "speaker-disjoint folds of the train split"})
    epochs: int = field(default=25, metadata={"help": "passes over the train split"})
    min_steps: int = field(
        default=700, metadata={"help": "a small train split is passed over more often"}
    )
    patience: int = field(
        default=0,
        metadata={"help": "stop after epochs without a better held-out loss; 0: never"},
    )
    batch_size: int = field(default=64, metadata={"help": "utterances a step"})
    learning_rate: float = field(default=3e-3, metadata={"help": "Adam's, at its highest"})
    weight_decay: float = field(default=1e-2, metadata={"help": "decoupled, as in AdamW"})
    dropout: float = field(
        default=0.5, metadata={"help": "of the deep features' columns, by utterance"}
    )
    word_dropout: float = field(
        default=0.3, metadata={"help": "share of an utterance's words left out, anew each epoch"}
    )
    jobs: int = field(default=0, metadata={"help": "processes; 0: as many as cores"})


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
    scores: np.ndarray,
    valid: np.ndarray,
    config: ModuleConfig,
    options: ScorerOptions,
    seed: int,
    fold: int,
) -> Trained:
    """Train one module on the utterances outside `valid` (a mask), keep its best epoch on `valid`.

    Loss: mean squared error to score / 10. AdamW; the learning
    rate rises over a tenth of the steps, then falls to zero (one cycle).
    """
    torch.manual_seed(1000 * seed + fold)
    shuffle = np.random.default_rng([seed, fold])
    module = ScoringModule(config)
    train = np.flatnonzero(~valid)
    steps = -(-len(train) // options.batch_size)
    epochs = max(options.epochs, -(-options.min_steps // steps))
    optimiser = torch.optim.AdamW(
        module.parameters(),
        lr=options.learning_rate,
        weight_decay=options.weight_decay,
        fused=True,
    )
    total_steps = max(epochs * steps, 2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser,
        options.learning_rate,
        total_steps=total_steps,
        pct_start=max(0.1, 2 / total_steps),  # a rise of one step would divide by zero
    )
    targets = torch.from_numpy(scores / SCALE)
    best: dict[str, torch.Tensor] = {}
    best_epoch, best_loss = 0, float("inf")
    curve: list[dict[str, float]] = []
    for epoch in range(1, epochs + 1):
        module.train()
        total = 0.0
        for chosen in np.array_split(shuffle.permutation(train), steps):
            words = batches.pooled.word_counts[chosen].sum()
            batch = batches.take(chosen, shuffle.random(words) < options.word_dropout)
            loss = functional.mse_loss(module(batch), targets[torch.from_numpy(chosen)])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(chosen)
        held_out = predict(module, batches, np.flatnonzero(valid))
        valid_loss = mean_squared_error(held_out, scores[valid]) / SCALE**2
        curve.append(
            {
                "epoch": epoch,
                "train_loss": total / len(train),
                "valid_loss": valid_loss,
                "valid_pcc": pearson(held_out, scores[valid]),
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


@dataclass(frozen=True)
class TrainingData:
    """The train split as the modules see it."""

    pooled: PooledSet
    scores: np.ndarray
    speakers: np.ndarray
    folds: np.ndarray
    columns: list[str]
    mean: np.ndarray
    deviation: np.ndarray
    batches: Batches
    config: ModuleConfig


@functools.lru_cache(maxsize=1)
def load_training_data(data: Path, pool: Path, options: ScorerOptions) -> TrainingData:
    """Read the columns that `options` ask for, the scores, and deal the speakers into folds."""
    columns = select_columns(pool, read_columns(pool), options.deep, options.extras)
    pooled = read_pooled(pool, columns)
    scores, speakers = read_targets(data, options.aspect, pooled.keys)
    folds = speaker_folds(speakers, scores, options.folds)
    mean, deviation = pooled.features.mean(axis=0), pooled.features.std(axis=0) + 1e-5
    batches = Batches(pooled, mean, deviation)
    config = ModuleConfig(
        len(columns),
        attention=options.attention,
        dropout=options.dropout,
        kept_inputs=len([name for name in columns if name in options.extras]),
    )
    return TrainingData(pooled, scores, speakers, folds, columns, mean, deviation, batches, config)


def _train_task(task: tuple[Path, Path, ScorerOptions, int, int]) -> Trained:
    data_dir, pool, options, seed, fold = task
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the processes share the cores; and results depend on threads
    try:
        data = load_training_data(data_dir, pool, options)
        valid = data.folds == fold
        return train_module(data.batches, data.scores, valid, data.config, options, seed, fold)
    finally:
        torch.set_num_threads(threads)


def train_scorer(
    train_data: Path,
    train_pool: Path,
    test_data: Path,
    test_pool: Path,
    out: Path,
    options: ScorerOptions = ScorerOptions(),
) -> None:
    """Train the scoring module on the train split and predict the test split with it.

    For each seed one module a fold is trained on the other folds' speakers and stopped early on its
    own; the seed's prediction is the mean over its folds' modules, `predicted` the mean over seeds.
    Inputs are normalised by the train split's mean and standard deviation. The test split enters
    no choice.

    Writes out/model.pt (options, column names, normalisation, the weights of all modules),
    out/scores.csv (test: utterance, speaker, human, predicted, seed_0, ...), out/out_of_fold.csv
    (the same for train, each utterance by the modules that were not trained on its speaker),
    out/modules.csv (seed, fold, best epoch, held-out and test PCC) and out/train_log.csv.

    Raises InputError for a column that is not there, an utterance without a score, or too few
    speakers for the folds.
    """
    load_training_data.cache_clear()
    data = load_training_data(train_data, train_pool, options)
    trained: list[Trained] = []
    began = time.monotonic()
    tasks = [
        (train_data, train_pool, options, seed, fold)
        for seed in range(options.seeds)
        for fold in range(options.folds)
    ]
    modules = ordered_map(_train_task, tasks, options.jobs)
    for t in progress_bar(modules, "train_scorer", len(tasks), unit="module"):
        trained.append(t)
        pcc, elapsed = t.curve[t.epoch - 1]["valid_pcc"], time.monotonic() - began
        log.info(
            "seed %d fold %d: best epoch %d of %d, held-out PCC %.3f, after %.0f s",
            *(t.seed, t.fold, t.epoch, len(t.curve), pcc, elapsed),
        )
    model = {
        "options": asdict(options) | {"extras": list(options.extras)},
        "config": asdict(data.config),
        "columns": data.columns,
        "mean": torch.from_numpy(data.mean),
        "deviation": torch.from_numpy(data.deviation),
        "modules": [{"seed": t.seed, "fold": t.fold, "state": t.state} for t in trained],
    }
    _write_results(model, trained, data, test_data, test_pool, out)
    with atomic_path(out / "model.pt") as path:
        torch.save(model, path)


def _write_results(
    model: dict[str, Any],
    trained: list[Trained],
    train: TrainingData,
    test_data: Path,
    test_pool: Path,
    out: Path,
) -> None:
    n_seeds, n_folds = trained[-1].seed + 1, trained[-1].fold + 1
    test = read_pooled(test_pool, train.columns)
    human, test_speakers = read_targets(test_data, model["options"]["aspect"], test.keys)
    on_train = predict_all(model, train.pooled).reshape(-1, n_seeds, n_folds)
    on_test = predict_all(model, test).reshape(-1, n_seeds, n_folds)
    rows = np.arange(len(train.scores))
    out_of_fold = on_train[rows[:, None], np.arange(n_seeds), train.folds[:, None]]
    write_scores(out / "scores.csv", test.keys, test_speakers, human, on_test.mean(axis=2))
    write_scores(
        out / "out_of_fold.csv", train.pooled.keys, train.speakers, train.scores, out_of_fold
    )
    modules = [
        {
            "seed": t.seed,
            "fold": t.fold,
            "epoch": t.epoch,
            "valid_pcc": t.curve[t.epoch - 1]["valid_pcc"],
            "test_pcc": pearson(on_test[:, t.seed, t.fold], human),
        }
        for t in trained
    ]
    write_rows(out / "modules.csv", modules)
    curves = [{"seed": t.seed, "fold": t.fold, **point} for t in trained for point in t.curve]
    write_rows(out / "train_log.csv", curves)
