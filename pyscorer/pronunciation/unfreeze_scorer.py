"""Training of the scoring module together with layers of the acoustic model, upper ones or all."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pyscorer.chain.acoustic_model import load_model
from pyscorer.contract.scales import check_same, from_unit, to_unit
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.parallel import one_thread
from pyscorer.pronunciation.activations import UpperLayers
from pyscorer.pronunciation.frame_pool import FramePool
from pyscorer.pronunciation.frame_table import numbered
from pyscorer.pronunciation.module import Batch, ScoringModule
from pyscorer.pronunciation.module_batches import Batches
from pyscorer.pronunciation.scorer import (
    ScorerModule,
    ScorerOptions,
    Trained,
    TrainedScorer,
    held_out_row,
    load_scorer,
    predict,
    train_module,
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

    upper: int = option(2, "factored layers trained, as in activations; 0: all layers", ge=0)
    frozen: bool = option(
        False, "train the module alone, on the acoustic layers that the start has of its own"
    )
    epochs: int = option(2, "passes over the train split", ge=1)
    batch_size: int = option(32, "utterances a step", ge=1)
    acoustic_rate: float = option(5e-5, "learning rate of the layers", ge=0)
    module_rate: float = option(3e-4, "learning rate of the module", ge=0)
    weight_decay: float = option(1e-2, "of the module, as in AdamW", ge=0)
    word_dropout: float = option(0.3, "share of words left out", ge=0, le=1)
    dropout: float | None = option(
        None, "of the deep features' columns, by utterance; default: the start's", ge=0, le=1
    )
    one_fold: bool = option(True, "of seed s only the module that holds out fold s")
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


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
    batches = Batches(numbered(data.pooled), np.zeros(1, int), np.ones(1, int))
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
        deep, phone, weight = frames.features(layers, chosen, phones)
        normalised = (deep - normal[0]) / normal[1]
        return replace(batch, features=normalised, frame_phone=phone, frame_weight=weight)

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


def train_alone(
    batches: Batches,
    data: TrainingData,
    options: UnfreezeOptions,
    first: ScorerOptions,
    part: ScorerModule,
) -> Trained:
    """Train the module `part` as train_scorer does, on what its own acoustic layers give.

    `first` are the options that it was trained with; of `options` epochs, batch size, module's
    rate, decay and word dropout take their places.
    """
    scorer = replace(
        first,
        epochs=options.epochs,
        min_steps=0,
        patience=0,
        batch_size=options.batch_size,
        learning_rate=options.module_rate,
        weight_decay=options.weight_decay,
        word_dropout=options.word_dropout,
    )
    fold = part.place.fold
    trained = train_module(
        *(batches, data.targets[:, fold], data.parts(fold), data.config, scorer),
        *(part.place, data.range, part.state),
    )
    return replace(trained, acoustic=part.acoustic)


@one_thread()
def _unfreeze(work: _Work, index: int) -> Unfrozen:
    part, options = work.start.modules[index], work.options
    layers = UpperLayers(load_model(work.acoustic).network, options.upper)
    if part.acoustic is not None:
        layers.load_state_dict(part.acoustic)
    module = ScoringModule(work.data.config)
    module.load_state_dict(part.state)
    normal = work.data.mean, work.data.deviation
    if options.frozen:
        learnt = work.frames.batches(layers, *normal)
        trained = train_alone(learnt, work.data, options, work.start.options, part)
        module.load_state_dict(trained.state)
    else:
        trained = train_together(module, layers, work.data, work.frames, options, part.place)
        learnt = work.frames.batches(layers, *normal)
    heard = work.test_frames.batches(layers, *normal)
    # The train split stands first in what was learnt; the rest has no human score.
    scores = [
        predict(module, batches, np.arange(number), work.data.range)
        for batches, number in (
            (learnt, len(work.data.scores)),
            (heard, len(heard.pooled.keys)),
        )
    ]
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
    unlabelled: list[Path] | None = None,
    unlabelled_lower: list[Path] | None = None,
) -> None:
    """Train the scoring module and layers of the acoustic model together.

    Lin & Wang 2021, section 2.3, with the acoustic model not frozen: on synthetic scores in stage
    (ii), on human scores without `synthetic` in stage (iii). Each module of the scorer `start`
    (trained with the acoustic model frozen, or unfrozen by this stage) is trained on, on its own
    folds. Gradients reach the last `upper` factored layers and prefinal-l of `acoustic` (final.pt),
    or with `upper` 0 all layers below these as well; what enters them comes from the stage
    activations with the same `upper` (`train_lower`, `test_lower`), so the layers below stay as
    they are, and batch norm keeps its statistics. With `frozen` the module is trained alone, on the
    layers that this stage gave it before: unfrozen in stage (ii), frozen in stage (iii).
    `unlabelled` are pooled directories of more speech that has synthetic scores, as for
    pretrain_scorer, and `unlabelled_lower` their activations.

    Writes what train_scorer writes; model.pt also holds each module's acoustic layers.

    Raises InputError for a `start` that reads more than deep features or was unfrozen with another
    `upper`, for `frozen` and a `start` without layers of its own, for activations that lack an
    utterance or were made with another `upper`, and for layers that cannot be cut there.
    """
    check_same(train_data, test_data)
    first = load_scorer(start / "model.pt")
    layers = UpperLayers(load_model(acoustic).network, options.upper)
    _check_start(start, first, layers, options)
    scorer = replace(first.options, one_fold=options.one_fold)
    if options.dropout is not None:
        scorer = replace(scorer, dropout=options.dropout)
    pools, lowers = tuple(unlabelled or ()), tuple(unlabelled_lower or ())
    if len(pools) != len(lowers):
        raise InputError(f"{len(pools)} --unlabelled, but {len(lowers)} --unlabelled-lower")
    if pools and synthetic is None:
        raise InputError("--unlabelled: needs --synthetic, the scores that it is learnt by")
    data = load_training_data(Sources(train_data, train_pool, start, synthetic, pools), scorer)
    if data.columns != [f"deep_{i}" for i in range(len(data.columns))]:
        raise InputError("only modules that read the deep features alone can be unfrozen")
    test = read_test(test_data, test_pool, data.columns, data.aspect)
    level = layers.width, scorer.frame_norm
    work = _Work(
        data=data,
        frames=FramePool(
            *(train_pool, train_lower, data.pooled, *level), list(zip(pools, lowers, strict=True))
        ),
        test_frames=FramePool(test_pool, test_lower, test[0], *level),
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
        first,
        options=replace(scorer, one_fold=alone),
        config=data.config,
        modules=modules,
        scales=data.scales,
    )
    on_train, on_test = (
        np.stack([getattr(u, name) for u in done], axis=1) for name in ("on_train", "on_test")
    )
    write_results(model, trained, data, test, (on_train, on_test), out)
    held_out = np.mean([t.valid_pcc for t in trained])
    log.info("held-out PCC %.3f (mean over modules)", held_out)


def _check_start(
    start: Path, scorer: TrainedScorer, layers: UpperLayers, options: UnfreezeOptions
) -> None:
    for part in scorer.modules:
        if part.acoustic is None:
            if options.frozen:
                raise InputError(
                    f"{start}: --frozen: its modules have no acoustic layers of their own; go on "
                    "from it with train_scorer"
                )
        elif part.acoustic.keys() != layers.state_dict().keys():
            raise InputError(f"{start}: its acoustic layers are others than --upper asks for")
