"""Training of the scoring module together with the upper layers of the acoustic model."""

import copy
import functools
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.nn import functional

from pyscorer.chain.acoustic_model import SUBSAMPLING, load_model
from pyscorer.contract.archives import Matrices
from pyscorer.contract.pooled import PooledSet, places_within
from pyscorer.contract.scores import SCALE
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import mean_squared_error, pearson
from pyscorer.options import option
from pyscorer.parallel import one_thread, ordered_map
from pyscorer.progress import progress_bar
from pyscorer.pronunciation.activations import UpperLayers
from pyscorer.pronunciation.module import Batch, ScoringModule
from pyscorer.pronunciation.module_batches import Batches
from pyscorer.pronunciation.scorer import ScorerOptions, Trained, load_modules, load_scorer, predict
from pyscorer.pronunciation.train_scorer import (
    Sources,
    TrainingData,
    load_training_data,
    read_test,
    write_results,
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class UnfreezeOptions:
    """How module and acoustic layers are trained together."""

    upper: int = option(2, "factored layers trained, as in activations", ge=1)
    epochs: int = option(2, "passes over the train split", ge=1)
    batch_size: int = option(32, "utterances a step", ge=1)
    acoustic_rate: float = option(5e-5, "learning rate of the layers", ge=0)
    module_rate: float = option(3e-4, "learning rate of the module", ge=0)
    weight_decay: float = option(1e-2, "of the module, as in AdamW", ge=0)
    word_dropout: float = option(0.3, "share of words left out", ge=0, le=1)
    one_fold: bool = option(True, "of seed s only the module that holds out fold s")
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


class FramePool:
    """Deep features of phones from the activations below the cut, differentiable."""

    def __init__(self, pool: Path, lower: Path, pooled: PooledSet, margin: int) -> None:
        table = pd.read_csv(
            pool / "segments.csv", dtype={"utterance": str, "phone": str}, keep_default_na=False
        )
        # As in segments.segment_means: row i stands for the frames 3 i - 1 to 3 i + 1.
        start = table["start"].to_numpy() + (SUBSAMPLING - 1) / 2
        self._start = start / SUBSAMPLING
        self._end = (start + table["length"].to_numpy()) / SUBSAMPLING
        self._first = np.cumsum(pooled.phone_counts) - pooled.phone_counts
        self._keys, self._counts = pooled.keys, pooled.phone_counts
        self._lower, self._margin = Matrices(lower / "lower.scp"), margin
        missing = [key for key in pooled.keys if key not in self._lower]
        if missing:
            raise InputError(
                f"{lower}/lower.scp: no utterance {missing[0]} ({len(missing)} missing); run "
                "activations on the same data"
            )

    def __call__(self, layers: UpperLayers, utterances: np.ndarray, phones: np.ndarray) -> Tensor:
        """Deep features of the `phones` (indices, ascending by place of their utterance): N x 256.

        The utterances stand one after the other as one sequence; rows that would mix two of them
        are not read. The mean over frames is taken before `prefinal-l`, which is linear.
        """
        matrices = [self._lower[self._keys[u]] for u in utterances]
        lengths = np.array([len(matrix) for matrix in matrices])
        frames = layers.frames(torch.from_numpy(np.concatenate(matrices)))
        offset, rows = np.cumsum(lengths) - lengths, lengths - 2 * self._margin
        place = np.full(len(self._keys), -1)
        place[utterances] = np.arange(len(utterances))
        mine = place[np.searchsorted(self._first, phones, side="right") - 1]
        start, end = self._start[phones], self._end[phones]
        first = np.floor(start).astype(np.int64)
        counts = np.ceil(end).astype(np.int64) - first
        phone = np.repeat(np.arange(len(phones)), counts)
        row = first[phone] + places_within(counts)
        overlap = np.minimum(row + 1, end[phone]) - np.maximum(row, start[phone])
        weight = torch.from_numpy((overlap / (end - start)[phone]).astype(np.float32))
        index = offset[mine][phone] + np.minimum(row, rows[mine][phone] - 1)
        means = frames.new_zeros(len(phones), frames.shape[1]).index_add(
            0, torch.from_numpy(phone), weight[:, None] * frames[torch.from_numpy(index)]
        )
        deep: Tensor = layers.prefinal_l(means)
        return deep

    def everything(self, layers: UpperLayers) -> np.ndarray:
        """Deep features of all phones of all utterances."""
        parts = []
        with torch.no_grad():
            for part in np.array_split(np.arange(len(self._keys)), -(-len(self._keys) // 64)):
                last = part[-1]
                phones = np.arange(self._first[part[0]], self._first[last] + self._counts[last])
                parts.append(self(layers, part, phones).numpy())
        return np.concatenate(parts)


@dataclass(frozen=True)
class _Work:
    sources: Sources
    lower: Path
    acoustic: Path
    options: UnfreezeOptions
    scorer: ScorerOptions


@dataclass(frozen=True)
class Unfrozen:
    """A module and the acoustic layers that were trained with it."""

    trained: Trained
    acoustic: dict[str, Tensor]
    on_train: np.ndarray
    on_test: np.ndarray


def _layers(acoustic: Path, upper: int, state: dict[str, Tensor] | None) -> UpperLayers:
    layers = UpperLayers(copy.deepcopy(load_model(acoustic).network), upper)
    if state is not None:
        layers.load_state_dict(state)
    return layers


def _with_features(batch: Batch, features: Tensor, normal: tuple[Tensor, Tensor]) -> Batch:
    return replace(batch, features=(features - normal[0]) / normal[1])


def train_together(
    module: ScoringModule,
    layers: UpperLayers,
    data: TrainingData,
    frames: FramePool,
    options: UnfreezeOptions,
    place: tuple[int, int],
) -> Trained:
    """Train `module` and `layers` on the utterances outside fold place[1]; keep the best epoch.

    Loss: mean squared error to target / 10. AdamW without decay of the acoustic layers; both
    learning rates fall to zero along a cosine. Both are left with the weights of the epoch with the
    best loss on the fold.
    """
    seed, fold = place
    torch.manual_seed(1000 * seed + fold)
    shuffle = np.random.default_rng([seed, fold, 1])
    train, valid = data.parts(fold)
    targets = data.targets[:, fold]
    wanted = torch.from_numpy(targets / SCALE)
    normal = (torch.from_numpy(data.mean), torch.from_numpy(data.deviation))
    # The "features" are the phones' own numbers: they say which phones a batch has.
    numbers = np.arange(len(data.pooled.phones))[:, None]
    batches = Batches(replace(data.pooled, features=numbers), np.zeros(1, int), np.ones(1, int))
    for parameter in layers.parameters():
        parameter.requires_grad_(True)
    optimiser = torch.optim.AdamW(
        [
            {"params": module.parameters(), "lr": options.module_rate},
            {"params": layers.parameters(), "lr": options.acoustic_rate, "weight_decay": 0.0},
        ],
        weight_decay=options.weight_decay,
    )
    steps = -(-len(train) // options.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, options.epochs * steps)

    def features(batch: Batch, chosen: np.ndarray) -> Batch:
        phones = batch.features[:, 0].round().long().numpy()
        return _with_features(batch, frames(layers, chosen, phones), normal)

    curve: list[dict[str, float]] = []
    best_epoch, best_loss = 0, float("inf")
    best: tuple[dict[str, Tensor], dict[str, Tensor]] = ({}, {})
    for epoch in range(1, options.epochs + 1):
        module.train()
        total = 0.0
        for chosen in np.array_split(shuffle.permutation(train), steps):
            words = data.pooled.word_counts[chosen].sum()
            batch = batches.take(chosen, shuffle.random(words) < options.word_dropout)
            loss = functional.mse_loss(module(features(batch, chosen)), wanted[chosen])
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_([*module.parameters(), *layers.parameters()], 1.0)
            optimiser.step()
            schedule.step()
            total += loss.item() * len(chosen)
        module.eval()
        with torch.no_grad():
            parts = np.array_split(valid, -(-len(valid) // 64))
            held_out = SCALE * np.concatenate(
                [module(features(batches.take(part), part)).numpy() for part in parts]
            )
        loss_now = mean_squared_error(held_out, targets[valid]) / SCALE**2
        pcc = pearson(held_out, targets[valid])
        row = {"epoch": epoch, "train_loss": total / len(train)}
        curve.append(row | {"valid_loss": loss_now, "valid_pcc": pcc})
        if loss_now < best_loss:
            best_epoch, best_loss = epoch, loss_now
            best = (copy.deepcopy(module.state_dict()), copy.deepcopy(layers.state_dict()))
    module.load_state_dict(best[0])
    layers.load_state_dict(best[1])
    return Trained(seed, fold, best_epoch, best[0], curve)


@functools.lru_cache(maxsize=1)
def _open(work: _Work) -> tuple[TrainingData, FramePool]:
    data = load_training_data(work.sources, work.scorer)
    if data.columns != [f"deep_{i}" for i in range(len(data.columns))]:
        raise InputError("only modules that read the deep features alone can be unfrozen")
    return data, FramePool(work.sources.pool, work.lower, data.pooled, work.options.upper)


@one_thread()
def _unfreeze(task: tuple[_Work, Path, Path, Path, int]) -> Unfrozen:
    work, test_data, test_pool, test_lower, index = task
    data, frames = _open(work)
    assert work.sources.start is not None
    model = load_scorer(work.sources.start / "model.pt")
    part, module = model["modules"][index], load_modules(model)[index]
    layers = _layers(work.acoustic, work.options.upper, part.get("acoustic"))
    place = (part["seed"], part["fold"])
    trained = train_together(module, layers, data, frames, work.options, place)
    test, _, _ = read_test(test_data, test_pool, data.columns, work.scorer.aspect)
    test_frames = FramePool(test_pool, test_lower, test, work.options.upper)
    scores = []
    for pooled, pool in ((data.pooled, frames), (test, test_frames)):
        moved = replace(pooled, features=pool.everything(layers))
        batches = Batches(moved, data.mean, data.deviation)
        scores.append(predict(module, batches, np.arange(len(moved.keys))))
    return Unfrozen(trained, layers.state_dict(), scores[0], scores[1])


def unfreeze_scorer(
    train_data: Path,
    train_pool: Path,
    train_lower: Path,
    test_data: Path,
    test_pool: Path,
    test_lower: Path,
    acoustic: Path,
    start: Path,
    out: Path,
    options: UnfreezeOptions = UnfreezeOptions(),
    synthetic: Path | None = None,
) -> None:
    """Train the scoring module and the acoustic model's upper layers together.

    Lin & Wang 2021, section 2.3, with the acoustic model not frozen: on synthetic scores in stage
    (ii), on human scores without `synthetic` in stage (iii). Each module of the scorer `start`
    (trained with the acoustic model frozen, or unfrozen by this stage) is trained on, on its own
    folds. Gradients reach the last `upper` factored layers and prefinal-l of `acoustic` (final.pt);
    what enters these comes from the stage activations (`train_lower`, `test_lower`), so the layers
    below stay as they are, and batch norm keeps its statistics.

    Writes what train_scorer writes; model.pt also holds each module's acoustic layers.

    Raises InputError for a `start` that reads more than deep features, activations that lack an
    utterance, or layers that cannot be cut there.
    """
    model = load_scorer(start / "model.pt")
    given = model["options"] | {"extras": tuple(model["options"]["extras"])}
    scorer = replace(ScorerOptions(**given), one_fold=options.one_fold)
    work = _Work(
        Sources(train_data, train_pool, start, synthetic), train_lower, acoustic, options, scorer
    )
    _open.cache_clear()
    load_training_data.cache_clear()
    data, _ = _open(work)
    tasks = [
        (work, test_data, test_pool, test_lower, index)
        for index, part in enumerate(model["modules"])
        if not options.one_fold or part["fold"] == part["seed"] % scorer.folds
    ]
    model["options"]["one_fold"] = options.one_fold or scorer.one_fold
    results: Iterator[Unfrozen] = ordered_map(_unfreeze, tasks, options.jobs)
    done = list(progress_bar(results, "unfreeze_scorer", len(tasks), unit="module"))
    model["modules"] = [
        {
            "seed": u.trained.seed,
            "fold": u.trained.fold,
            "state": u.trained.state,
            "acoustic": u.acoustic,
        }
        for u in done
    ]
    model["unfreeze"] = asdict(options)
    on_train, on_test = (
        np.stack([getattr(u, name) for u in done], axis=1) for name in ("on_train", "on_test")
    )
    trained = [u.trained for u in done]
    test = read_test(test_data, test_pool, data.columns, scorer.aspect)
    write_results(model, trained, data, test, (on_train, on_test), out)
    pccs = [u.trained.curve[u.trained.epoch - 1]["valid_pcc"] for u in done]
    log.info("held-out PCC %.3f (mean over modules)", np.mean(pccs))
