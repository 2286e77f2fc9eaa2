"""Training of the scoring module together with the upper layers of the acoustic model."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pyscorer.chain.acoustic_model import SUBSAMPLING, load_model
from pyscorer.contract.archives import Matrices
from pyscorer.contract.pooled import PooledSet, places_within, read_segment_table
from pyscorer.contract.scales import check_same, from_unit, to_unit
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.parallel import one_thread
from pyscorer.pronunciation.activations import UpperLayers
from pyscorer.pronunciation.module import Batch, ScoringModule
from pyscorer.pronunciation.module_batches import Batches
from pyscorer.pronunciation.scorer import (
    ScorerModule,
    Trained,
    TrainedScorer,
    held_out_row,
    load_scorer,
    predict,
)
from pyscorer.pronunciation.train_scorer import (
    Sources,
    TrainingData,
    load_training_data,
    read_test,
    write_results,
)
from pyscorer.scoring.ensemble import Place, fit_all
from pyscorer.scoring.fit import Best, cosine, fit, shuffled

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
        table = read_segment_table(pool)
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
class Unfrozen:
    """A module and the acoustic layers that were trained with it, and their scores."""

    trained: Trained
    on_train: np.ndarray
    on_test: np.ndarray


@dataclass(frozen=True)
class _Work:
    """What all modules share."""

    data: TrainingData
    frames: FramePool
    test: PooledSet
    test_frames: FramePool
    start: TrainedScorer
    acoustic: Path
    options: UnfreezeOptions


def train_together(
    module: ScoringModule,
    layers: UpperLayers,
    data: TrainingData,
    frames: FramePool,
    options: UnfreezeOptions,
    place: Place,
) -> Trained:
    """Train `module` and `layers` on the utterances outside the fold; keep the best epoch.

    Loss: mean squared error of shares of the range. AdamW without decay of the acoustic layers;
    both learning rates fall to zero along a cosine. Both are left with the weights of the epoch
    with the best loss on the fold.
    """
    torch.manual_seed(1000 * place.seed + place.fold)
    shuffle = np.random.default_rng([place.seed, place.fold, 1])
    train, valid = data.parts(place.fold)
    targets = data.targets[:, place.fold]
    wanted = torch.from_numpy(to_unit(targets, data.range))
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
    count = -(-len(train) // options.batch_size)

    def features(batch: Batch, chosen: np.ndarray) -> Batch:
        phones = batch.features[:, 0].round().long().numpy()
        deep = frames(layers, chosen, phones)
        return replace(batch, features=(deep - normal[0]) / normal[1])

    def loss(chosen: np.ndarray) -> Tensor:
        words = data.pooled.word_counts[chosen].sum()
        batch = batches.take(chosen, shuffle.random(words) < options.word_dropout)
        return functional.mse_loss(module(features(batch, chosen)), wanted[chosen])

    def held_out() -> np.ndarray:
        module.eval()
        with torch.no_grad():
            parts = np.array_split(valid, -(-len(valid) // 64))
            scores = [module(features(batches.take(part), part)).numpy() for part in parts]
        return from_unit(np.concatenate(scores), data.range)

    steps = cosine(optimiser, options.epochs * count, clip=1.0)
    best, curve = Best([module, layers]), []
    for epoch in fit(module, steps, options.epochs, shuffled(shuffle, train, count), loss):
        curve.append(held_out_row(epoch, held_out(), targets[valid], data.range))
        best.stop(epoch.number, curve[-1]["valid_loss"])
    best.restore()
    return Trained(place, best.epoch, best.states[0], curve, best.states[1])


@one_thread()
def _unfreeze(work: _Work, index: int) -> Unfrozen:
    part, module = work.start.modules[index], work.start.loaded()[index]
    layers = UpperLayers(load_model(work.acoustic).network, work.options.upper)
    if part.acoustic is not None:
        layers.load_state_dict(part.acoustic)
    trained = train_together(module, layers, work.data, work.frames, work.options, part.place)
    scores = []
    for pooled, frames in ((work.data.pooled, work.frames), (work.test, work.test_frames)):
        moved = replace(pooled, features=frames.everything(layers))
        batches = Batches(moved, work.data.mean, work.data.deviation)
        scores.append(predict(module, batches, np.arange(len(moved.keys)), work.data.range))
    return Unfrozen(trained, *scores)


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
    check_same(train_data, test_data)
    first = load_scorer(start / "model.pt")
    scorer = replace(first.options, one_fold=options.one_fold)
    data = load_training_data(Sources(train_data, train_pool, start, synthetic), scorer)
    if data.columns != [f"deep_{i}" for i in range(len(data.columns))]:
        raise InputError("only modules that read the deep features alone can be unfrozen")
    test = read_test(test_data, test_pool, data.columns, data.aspect)
    work = _Work(
        data=data,
        frames=FramePool(train_pool, train_lower, data.pooled, options.upper),
        test=test[0],
        test_frames=FramePool(test_pool, test_lower, test[0], options.upper),
        start=first,
        acoustic=acoustic,
        options=options,
    )
    members = [
        index
        for index, part in enumerate(first.modules)
        if not options.one_fold or part.place.fold == part.place.seed % scorer.folds
    ]
    done = fit_all(_unfreeze, work, members, options.jobs, "unfreeze_scorer")
    trained = [u.trained for u in done]
    modules = tuple(ScorerModule(t.place, t.state, t.acoustic) for t in trained)
    alone = options.one_fold or first.options.one_fold
    model = replace(
        first, options=replace(scorer, one_fold=alone), modules=modules, scales=data.scales
    )
    on_train, on_test = (
        np.stack([getattr(u, name) for u in done], axis=1) for name in ("on_train", "on_test")
    )
    write_results(model, trained, data, test, (on_train, on_test), out)
    held_out = np.mean([t.valid_pcc for t in trained])
    log.info("held-out PCC %.3f (mean over modules)", held_out)
