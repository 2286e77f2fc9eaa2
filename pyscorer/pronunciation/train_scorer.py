"""Training of the scoring module over speaker-disjoint folds and several seeds."""

import functools
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.contract.files import atomic_path
from pyscorer.contract.pooled import (
    PooledSet,
    concatenate,
    read_columns,
    read_pooled,
    read_targets,
    select_columns,
)
from pyscorer.contract.scores import write_rows, write_scores
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import pearson
from pyscorer.parallel import one_thread, ordered_map
from pyscorer.progress import progress_bar
from pyscorer.pronunciation.module import ModuleConfig
from pyscorer.pronunciation.module_batches import Batches
from pyscorer.pronunciation.scorer import (
    ScorerOptions,
    Trained,
    load_scorer,
    predict_all,
    train_module,
)
from pyscorer.pronunciation.splicing import read_splices, splice
from pyscorer.pronunciation.synthetic_scores import read_synthetic
from pyscorer.scoring.folds import speaker_folds

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sources:
    """Where the modules' training utterances, targets and first weights come from."""

    data: Path
    pool: Path
    start: Path | None = None
    """Directory of a scorer to go on from."""
    synthetic: Path | None = None
    """scores.csv of synthetic_scores: the targets, in place of the human scores."""
    copies: tuple[Path, ...] = ()
    """Pooled directories of perturbed copies, trained on as well."""
    splices: Path | None = None
    """splices.csv: utterances made up of the train split's words, trained on as well."""


@dataclass(frozen=True)
class TrainingData:
    """The train split as the modules see it."""

    pooled: PooledSet
    """The utterances of the train split, then their copies, then spliced ones."""
    targets: np.ndarray
    """Utterances and copies x folds: scores 0..10 that the module of a held-out fold learns."""
    folds: np.ndarray
    """Of utterances and copies."""
    scores: np.ndarray
    """Human scores of the utterances, without copies."""
    speakers: np.ndarray
    columns: list[str]
    mean: np.ndarray
    deviation: np.ndarray
    batches: Batches
    config: ModuleConfig
    start: dict[tuple[int, int], dict[str, torch.Tensor]]
    """First weights by seed and held-out fold; empty: drawn at random."""

    def parts(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices to train on, copies included, and held out, without copies."""
        held_out = np.flatnonzero(self.folds[: len(self.scores)] == fold)
        return np.flatnonzero(self.folds != fold), held_out


@functools.lru_cache(maxsize=1)
def load_training_data(sources: Sources, options: ScorerOptions) -> TrainingData:
    """Read the columns that `options` ask for and the targets; deal the speakers into folds."""
    pool = sources.pool
    columns = select_columns(pool, read_columns(pool), options.deep, options.extras)
    pooled = read_pooled(pool, columns)
    scores, speakers = read_targets(sources.data, options.aspect, pooled.keys)
    folds = speaker_folds(speakers, scores, options.folds)
    mean, deviation = pooled.features.mean(axis=0), pooled.features.std(axis=0) + 1e-5
    targets = np.repeat(scores[:, None], options.folds, axis=1)
    if sources.synthetic is not None:
        parts = [pooled, *(read_pooled(copy, columns) for copy in sources.copies)]
        if sources.splices is not None:
            parts.append(splice(pooled, read_splices(sources.splices)))
        pooled = concatenate(parts)
        targets, folds = _synthetic_targets(sources.synthetic, pooled.keys, folds)
    config = ModuleConfig(
        len(columns),
        attention=options.attention,
        dropout=options.dropout,
        kept_inputs=len([name for name in columns if name in options.extras]),
    )
    start: dict[tuple[int, int], dict[str, torch.Tensor]] = {}
    if sources.start is not None:
        model = read_start(sources.start, columns, options)
        start = {(part["seed"], part["fold"]): part["state"] for part in model["modules"]}
        mean, deviation = model["mean"].numpy(), model["deviation"].numpy()
    batches = Batches(pooled, mean, deviation)
    return TrainingData(
        pooled, targets, folds, scores, speakers, columns, mean, deviation, batches, config, start
    )


def _synthetic_targets(
    path: Path, keys: list[str], folds: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Targets and folds of `keys`, of which the first have the `folds` that they must have."""
    table = read_synthetic(path)
    place = {key: i for i, key in enumerate(table.keys)}
    missing = [key for key in keys if key not in place]
    if missing:
        raise InputError(
            f"{path}: no score of utterance {missing[0]} ({len(missing)} missing); run "
            "synthetic_scores with the same data and copies"
        )
    rows = np.array([place[key] for key in keys])
    found = table.folds[rows]
    if (found[: len(folds)] != folds).any() or table.scores.shape[1] <= folds.max():
        raise InputError(f"{path}: made with other folds; run synthetic_scores with the same")
    return table.scores[rows], found


def read_start(scorer: Path, columns: list[str], options: ScorerOptions) -> dict[str, Any]:
    """The content of scorer/model.pt. Raises InputError if `options` cannot go on from it."""
    path = scorer / "model.pt"
    model = load_scorer(path)
    there = {(part["seed"], part["fold"]) for part in model["modules"]}
    lacking = [place for place in options.places() if place not in there]
    if lacking:
        raise InputError(f"{path}: no module of seed {lacking[0][0]}, fold {lacking[0][1]}")
    if model["columns"] != columns:
        raise InputError(f"{path}: reads other columns than are asked for")
    for name, mine in (("folds", options.folds), ("attention", options.attention)):
        if model["options"][name] != mine:
            raise InputError(f"{path}: trained with {name} {model['options'][name]}, not {mine}")
    return model


@one_thread()
def _train_task(task: tuple[Sources, ScorerOptions, int, int]) -> Trained:
    sources, options, seed, fold = task
    data = load_training_data(sources, options)
    return train_module(
        *(data.batches, data.targets[:, fold], data.parts(fold), data.config, options),
        *((seed, fold), data.start.get((seed, fold))),
    )


def train_and_test(
    sources: Sources, test_data: Path, test_pool: Path, out: Path, options: ScorerOptions, name: str
) -> None:
    """Train all modules of a scorer, predict the test split, write what `train_scorer` says."""
    load_training_data.cache_clear()
    data = load_training_data(sources, options)
    trained: list[Trained] = []
    began = time.monotonic()
    tasks = [(sources, options, *place) for place in options.places()]
    modules = ordered_map(_train_task, tasks, options.jobs)
    for t in progress_bar(modules, name, len(tasks), unit="module"):
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
    test = read_test(test_data, test_pool, data.columns, options.aspect)
    predicted = (predict_all(model, data.pooled), predict_all(model, test[0]))
    write_results(model, trained, data, test, predicted, out)


def train_scorer(
    train_data: Path,
    train_pool: Path,
    test_data: Path,
    test_pool: Path,
    out: Path,
    options: ScorerOptions,
    start: Path | None = None,
) -> None:
    """Train the scoring module on the train split and predict the test split with it.

    For each seed one module a fold is trained on the other folds' speakers and stopped early on its
    own; the seed's prediction is the mean over its folds' modules, `predicted` the mean over seeds.
    Inputs are normalised by the train split's mean and standard deviation. The test split enters
    no choice. `start` is the directory of a scorer (of pretrain_scorer) whose modules are trained
    on: stage (iii) of Lin & Wang 2021, section 2.3; left out: random weights.

    Writes out/model.pt (options, column names, normalisation, the weights of all modules),
    out/scores.csv (test: utterance, speaker, human, predicted, seed_0, ...), out/out_of_fold.csv
    (the same for train, each utterance by the modules that were not trained on its speaker; not
    with `one_fold`), out/single_scores.csv (test: seed s by its module of fold s alone),
    out/modules.csv (seed, fold, best epoch, held-out, train and test PCC) and
    out/train_log.csv.

    Raises InputError for a column that is not there, an utterance without a score, a `start` of
    other columns, folds or seeds, or too few speakers for the folds.
    """
    sources = Sources(train_data, train_pool, start)
    train_and_test(sources, test_data, test_pool, out, options, "train_scorer")


def read_test(
    data: Path, pool: Path, columns: list[str], aspect: str
) -> tuple[PooledSet, np.ndarray, np.ndarray]:
    """The test split: its phones, human scores and speakers."""
    pooled = read_pooled(pool, columns)
    return pooled, *read_targets(data, aspect, pooled.keys)


def write_results(
    model: dict[str, Any],
    trained: list[Trained],
    train: TrainingData,
    test: tuple[PooledSet, np.ndarray, np.ndarray],
    predicted: tuple[np.ndarray, np.ndarray],
    out: Path,
) -> None:
    """Write what `train_scorer` says; model.pt last.

    `test` is what `read_test` gives; `predicted` are the scores of the train and test utterances:
    utterances x modules.
    """
    pooled, human, test_speakers = test
    on_train, on_test = predicted[0][: len(train.scores)], predicted[1]
    seeds = np.array([t.seed for t in trained])
    by_seed = np.stack([on_test[:, seeds == s].mean(axis=1) for s in np.unique(seeds)], axis=1)
    write_scores(out / "scores.csv", pooled.keys, test_speakers, human, by_seed)
    single = [i for i, t in enumerate(trained) if t.fold == t.seed % model["options"]["folds"]]
    one_each = on_test[:, single]
    write_scores(out / "single_scores.csv", pooled.keys, test_speakers, human, one_each)
    folds = train.folds[: len(train.scores)]
    if not model["options"]["one_fold"]:
        per_seed = on_train.reshape(len(folds), len(np.unique(seeds)), -1)
        out_of_fold = per_seed[np.arange(len(folds)), :, folds]
        keys = train.pooled.keys[: len(folds)]
        write_scores(out / "out_of_fold.csv", keys, train.speakers, train.scores, out_of_fold)
    modules = []
    for i, t in enumerate(trained):
        mine = folds != t.fold
        modules.append(
            {
                "seed": t.seed,
                "fold": t.fold,
                "epoch": t.epoch,
                "valid_pcc": t.curve[t.epoch - 1]["valid_pcc"],
                "test_pcc": pearson(on_test[:, i], human),
                "train_pcc": pearson(on_train[mine, i], train.scores[mine]),
                "held_out_pcc": pearson(on_train[~mine, i], train.scores[~mine]),
            }
        )
    write_rows(out / "modules.csv", modules)
    curves = [{"seed": t.seed, "fold": t.fold, **point} for t in trained for point in t.curve]
    write_rows(out / "train_log.csv", curves)
    with atomic_path(out / "model.pt") as path:
        torch.save(model, path)
