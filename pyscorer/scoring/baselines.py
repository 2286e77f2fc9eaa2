"""The baselines on goodness of pronunciation: the stage `train_baseline`."""

import logging
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pyscorer.contract.pooled import PooledSet, read_columns, read_pooled, read_targets
from pyscorer.contract.scales import (
    SPEECHOCEAN,
    Range,
    Scales,
    check_same,
    from_unit,
    make_scales,
    read_scales,
    scales_content,
    to_unit,
)
from pyscorer.contract.scores import write_rows
from pyscorer.contract.segments import DURATION_COLUMNS
from pyscorer.contract.weights import load_weights, save_weights
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import mean_squared_error, pearson
from pyscorer.options import option
from pyscorer.scoring.blstm import BlstmConfig, FittedBlstm, Training, fit_blstm
from pyscorer.scoring.ensemble import Place, Split, by_seed, fit_all, places, write_ensemble
from pyscorer.scoring.folds import speaker_folds
from pyscorer.scoring.statistics import duration_norms, paper_statistics, rich_statistics
from pyscorer.scoring.trees import Trees, boost

Kind = Literal["gbt", "blstm", "trees"]
Regressor = Trees | FittedBlstm

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class BaselineOptions:
    """Which baseline, what it reads, and how it is trained."""

    kind: Kind = option(
        "gbt",
        "gbt: boosted trees on the average GOP and position of each phone; blstm: two "
        "BLSTMs and an MLP on GOP and phones; trees: boosted trees on statistics of GOP, "
        "durations and pauses",
    )
    measures: tuple[str, ...] = option(
        ("lpp", "gmm_gop"), "columns that are the GOP, by name in columns.txt"
    )
    aspect: str | None = option(None, "human score to learn; default: that which stands for all")
    seeds: int = option(5, "seeds from `seed` on, each with all folds", ge=1)
    seed: int = option(0, "the first", ge=0)
    folds: int = option(5, "speaker-disjoint folds of the train split", ge=2)
    iterations: int = option(400, "trees of a boosted regressor", ge=1)
    tree_rate: float = option(0.05, "learning rate of the trees", ge=0)
    leaves: int = option(4, "most leaves of a tree", ge=0)
    min_leaf: int = option(20, "fewest utterances of a leaf", ge=0)
    column_share: float = option(0.1, "columns drawn for a split", ge=0, le=1)
    epochs: int = option(20, "most epochs of the network", ge=1)
    patience: int = option(5, "epochs without a better held-out loss", ge=0)
    batch_size: int = option(64, "utterances a step of the network", ge=1)
    learning_rate: float = option(2e-3, "the network's, AdamW", ge=0)
    weight_decay: float = option(1e-2, "of the network", ge=0)
    hidden: int = option(32, "units of each direction of a BLSTM", ge=1)
    embedding: int = option(16, "dimension of the phone embedding", ge=1)
    dropout: float = option(0.2, "of the MLP's input", ge=0, le=1)
    one_fold: bool = option(False, "seed s holds out fold s alone: a fifth of the work")
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)

    def places(self) -> list[Place]:
        """Seed and held-out fold of every regressor."""
        return places(range(self.seed, self.seed + self.seeds), self.folds, self.one_fold)


@dataclass(frozen=True)
class Baseline:
    """A trained baseline: one regressor a seed and fold, and what they need to read phones."""

    options: BaselineOptions
    columns: tuple[str, ...]
    mean: np.ndarray
    deviation: np.ndarray
    norms: np.ndarray
    """See `statistics.duration_norms`."""
    models: tuple[Regressor, ...]
    """In the order of the options' places."""
    scales: Scales
    """Of the data that it was trained on."""

    @property
    def range(self) -> Range:
        """Of its scores."""
        return self.scales.utterance[self.scales.chosen(self.options.aspect, "baseline")]


@dataclass(frozen=True)
class TrainingSet:
    """The train split as the regressors see it."""

    pooled: PooledSet
    scores: np.ndarray
    speakers: np.ndarray
    folds: np.ndarray
    blank: Baseline
    """The baseline without its models."""
    inputs: np.ndarray
    """What the trees read, see `tree_inputs`; empty for the BLSTM."""


def columns_of(pool: Path, options: BaselineOptions) -> tuple[str, ...]:
    """The columns of `pool` that a baseline reads. Raises InputError for one that is not there."""
    wanted = [*options.measures, *(DURATION_COLUMNS if options.kind == "trees" else ())]
    known = read_columns(pool)
    for name in wanted:
        if name not in known:
            shown = [c for c in known if not c.startswith(("deep_", "lpp_", "lpr_"))]
            raise InputError(f"{pool}/columns.txt: no column {name}; it has {', '.join(shown)}")
    if not options.measures:
        raise InputError("no measures: give the columns that are the GOP")
    return tuple(wanted)


def tree_inputs(baseline: Baseline, pooled: PooledSet) -> tuple[list[str], np.ndarray]:
    """What the boosted trees read: names, and utterances x statistics."""
    measures = baseline.options.measures
    if baseline.options.kind == "gbt":
        return paper_statistics(pooled, measures)
    return rich_statistics(pooled, measures, baseline.norms)


def load_training_set(data: Path, pool: Path, options: BaselineOptions) -> TrainingSet:
    """Read the columns that `options` ask for, the scores, and deal the speakers into folds."""
    columns = columns_of(pool, options)
    pooled = read_pooled(pool, list(columns))
    scales = read_scales(data)
    aspect = scales.chosen(options.aspect, data)
    scores, speakers = read_targets(data, aspect, pooled.keys)
    folds = speaker_folds(speakers, scores, options.folds)
    norms = np.zeros((0, 2))
    if options.kind == "trees":
        norms = duration_norms(pooled, pooled.features[:, len(options.measures)])
    mean, deviation = pooled.features.mean(axis=0), pooled.features.std(axis=0) + 1e-5
    options = replace(options, aspect=aspect)
    blank = Baseline(options, columns, mean, deviation, norms, (), scales)
    inputs = np.zeros(0) if options.kind == "blstm" else tree_inputs(blank, pooled)[1]
    return TrainingSet(pooled, scores, speakers, folds, blank, inputs)


def fit_regressor(train: TrainingSet, held_out: np.ndarray, seed: int, fold: int) -> Regressor:
    """One regressor of the utterances outside the mask `held_out`.

    Randomness derives from `seed` and `fold`, which stands for what is held out. The BLSTM stops
    early on the utterances held out; trees do not see them at all.
    """
    options = train.blank.options
    if options.kind != "blstm":
        # A number of its own for every seed and place, of which there are folds ** 2 at most.
        drawn = max(1000, options.folds**2) * seed + fold
        return boost(
            *(train.inputs[~held_out], train.scores[~held_out], drawn),
            learning_rate=options.tree_rate,
            max_iter=options.iterations,
            max_leaf_nodes=options.leaves,
            min_samples_leaf=options.min_leaf,
            max_features=options.column_share,
        )
    # The processes share the cores; and sums depend on the number of threads.
    with threadpool_limits(1):
        config = BlstmConfig(
            len(options.measures), options.embedding, options.hidden, options.dropout
        )
        training = Training(
            options.epochs,
            options.patience,
            options.batch_size,
            options.learning_rate,
            options.weight_decay,
        )
        normal = (train.blank.mean, train.blank.deviation)
        targets = to_unit(train.scores, train.blank.range)
        return fit_blstm(train.pooled, normal, targets, held_out, config, training, [seed, fold])


def _fit(train: TrainingSet, place: Place) -> Regressor:
    return fit_regressor(train, train.folds == place.fold, place.seed, place.fold)


def predict_baseline(baseline: Baseline, pooled: PooledSet) -> np.ndarray:
    """Scores, of the baseline's range, by every regressor: utterances x regressors.

    The features of `pooled` are the columns `baseline.columns`.
    """
    trees = baseline.options.kind != "blstm"
    inputs = tree_inputs(baseline, pooled)[1] if trees else np.zeros(0)

    def scores(model: Regressor) -> np.ndarray:
        if isinstance(model, FittedBlstm):
            shares = model.predict(pooled, (baseline.mean, baseline.deviation))
            return from_unit(shares, baseline.range)
        return np.clip(model(inputs), *baseline.range)

    return np.stack([scores(model) for model in baseline.models], axis=1)


def save_baseline(path: Path, baseline: Baseline) -> None:
    """Write model.pt."""
    arrays = {name: getattr(baseline, name) for name in ("mean", "deviation", "norms")}
    content = {
        "options": asdict(baseline.options),
        "columns": list(baseline.columns),
        "models": [
            {"trees": model.as_tensor()} if isinstance(model, Trees) else asdict(model)
            for model in baseline.models
        ],
        "scales": scales_content(baseline.scales),
    } | {name: torch.from_numpy(array) for name, array in arrays.items()}
    save_weights(path, content)


def load_baseline(path: Path) -> Baseline:
    """Read model.pt of train_baseline. Raises InputError if it is missing or damaged."""
    return load_weights(path, "a model of train_baseline", "train_baseline", _baseline_of)


def _baseline_of(content: dict[str, Any]) -> Baseline:
    models = tuple(
        Trees.from_tensor(model["trees"])
        if "trees" in model
        else FittedBlstm(BlstmConfig(**model["config"]), model["state"], model["epoch"])
        for model in content["models"]
    )
    return Baseline(
        BaselineOptions(**content["options"]),
        tuple(content["columns"]),
        content["mean"].numpy(),
        content["deviation"].numpy(),
        content["norms"].numpy(),
        models,
        make_scales(content["scales"], "scales") if "scales" in content else SPEECHOCEAN,
    )


def train_baseline(
    train_data: Path,
    train_pool: Path,
    test_data: Path,
    test_pool: Path,
    out: Path,
    options: BaselineOptions = BaselineOptions(),
) -> None:
    """Train a baseline of Lin & Wang (2021), or trees on durations and pauses as well.

    `train_pool` and `test_pool` are pooled directories, of the stage `gop` or of the stage `pool`
    (then with --measures log_posterior). As in train_scorer, for each seed one regressor a fold is
    trained on the other folds' speakers; the seed's prediction is the mean over its regressors.
    Trees do not see their own fold at all; the BLSTM stops early on it. The test split enters no
    choice.

    Writes out/model.pt, out/scores.csv (test: utterance, speaker, human, predicted, seed_0, ...),
    out/out_of_fold.csv (the same for train, each utterance by the regressors that were not trained
    on its speaker; not with `one_fold`), out/single_scores.csv (test: seed s by its regressor of
    fold s alone) and out/modules.csv (seed, fold, held-out, test and train PCC and MSE).

    Raises InputError for a column or an aspect that is not there, splits of different scales, an
    utterance without a score, or too few speakers for the folds.
    """
    check_same(train_data, test_data)
    train = load_training_set(train_data, train_pool, options)
    options = train.blank.options
    members = options.places()
    models = fit_all(_fit, train, members, options.jobs, "train_baseline")
    baseline = replace(train.blank, models=tuple(models))
    test = read_pooled(test_pool, list(columns_of(test_pool, options)))
    human, test_speakers = read_targets(test_data, str(options.aspect), test.keys)
    on_train, on_test = predict_baseline(baseline, train.pooled), predict_baseline(baseline, test)
    learnt = Split(train.pooled.keys, train.speakers, train.scores)
    heard = Split(test.keys, test_speakers, human)
    write_ensemble(out, members, train.folds, (learnt, on_train), (heard, on_test))
    table = []
    for i, place in enumerate(members):
        valid = train.folds == place.fold
        parts = {
            "valid": (on_train[valid, i], train.scores[valid]),
            "test": (on_test[:, i], human),
            "train": (on_train[~valid, i], train.scores[~valid]),
        }
        row: dict[str, Any] = asdict(place)
        for name, (predicted, scores) in parts.items():
            row[f"{name}_pcc"] = pearson(predicted, scores)
            row[f"{name}_mse"] = mean_squared_error(predicted, scores)
        table.append(row)
    write_rows(out / "modules.csv", table)
    # Last, so that its presence means that the stage is complete.
    save_baseline(out / "model.pt", baseline)
    log.info(
        "%s: PCC on held-out folds %.3f, on test %.3f (mean over regressors, over seeds)",
        options.kind,
        np.mean([row["valid_pcc"] for row in table]),
        np.mean([pearson(column, human) for column in by_seed(on_test, members).T]),
    )
