"""The stage train_grader: the ensemble of graders over speaker-disjoint folds and seeds."""

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pyscorer.contract.labels import Labels, read_grades
from pyscorer.contract.pooled import select
from pyscorer.contract.scales import check_same, write_scales
from pyscorer.contract.scores import write_rows
from pyscorer.errors import InputError
from pyscorer.grading.batches import Batches, Scaling, Targets, scaling_of, targets_of
from pyscorer.grading.fit_grader import FitOptions, fit_grader, loss_weights, low_emphasis
from pyscorer.grading.grader import (
    Module,
    TrainedGrader,
    both_scores,
    ensemble_levels,
    module_scores,
    save_grader,
    within,
)
from pyscorer.grading.grader_inputs import (
    SOURCES,
    GraderInputs,
    RawInputs,
    SourcePaths,
    assemble,
    norms_of,
    read_inputs,
)
from pyscorer.grading.grader_trees import (
    GraderTrees,
    Scores,
    fit_grader_trees,
    mixed,
)
from pyscorer.grading.held_out import calibrated, chosen_shares, pcc_of
from pyscorer.grading.network import PREDICTED, Grader, GraderConfig
from pyscorer.grading.score_tables import write_levels
from pyscorer.options import option
from pyscorer.parallel import one_thread
from pyscorer.scoring.ensemble import Place, fit_all, places
from pyscorer.scoring.folds import speaker_folds

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class GraderOptions:
    """What a grader reads, its size, and the ensemble."""

    sources: tuple[
        Literal[
            "durations",
            "tdnnf",
            "gop",
            "encoder",
            "learned_gop",
            "heard",
            "recogniser",
            "prosody",
            "ctc_gop",
        ],
        ...,
    ] = option((), f"of {', '.join(SOURCES)}; default: all that are given", min_length=1)
    seeds: int = option(2, "seeds from `seed` on, each with folds of its own", ge=1)
    seed: int = option(0, "the first", ge=0)
    folds: int = option(5, "speaker-disjoint folds of the train split", ge=2)
    speakers: int = option(0, "train speakers to learn from, of each module; 0: all", ge=0)
    auxiliary: tuple[Literal["raters", "ordinal"], ...] = option(
        (),
        "targets of utterances beside their scores: each expert's rating; whether each of five "
        "levels is reached",
    )
    components: int = option(128, "principal components of deep features that enter", ge=1)
    width: int = option(64, "of the network", ge=4)
    trees: bool = option(True, "for phones, words and utterances, beside the network")
    layers: int = option(2, "of self-attention over phones", ge=1)
    dropout: float = option(0.1, "within the network", ge=0, lt=1)
    column_dropout: float = option(0.1, "of the inputs' columns, by utterance", ge=0, lt=1)
    source_dropout: float = option(0.1, "of whole sources, by utterance", ge=0, lt=1)
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


@dataclass(frozen=True)
class TrainingData:
    """The train split as the graders see it."""

    raw: RawInputs
    inputs: GraderInputs
    labels: Labels
    norms: np.ndarray
    scaling: Scaling
    batches: Batches
    targets: Targets
    config: GraderConfig


def load_training_data(data: Path, paths: SourcePaths, options: GraderOptions) -> TrainingData:
    """Read the train split, of which `paths` are."""
    raw = read_inputs(paths, options.sources)
    labels = read_grades(data, raw.pooled)
    norms = norms_of(raw)
    inputs = assemble(raw, norms, "durations" in (options.sources or SOURCES))
    scaling = scaling_of(inputs, labels, options.components, options.auxiliary)
    config = GraderConfig(
        scaling.reduced,
        inputs.words.shape[1],
        inputs.utterances.shape[1],
        width=options.width,
        layers=options.layers,
        dropout=options.dropout,
        column_dropout=options.column_dropout,
        source_dropout=options.source_dropout,
        word_aspects=len(labels.scales.word),
        utterance_aspects=len(labels.scales.utterance),
        auxiliary=scaling.utterance_scores.shape[1] - PREDICTED,
    )
    batches, targets = Batches(inputs, scaling), targets_of(labels, scaling, options.auxiliary)
    return TrainingData(raw, inputs, labels, norms, scaling, batches, targets, config)


def deal(labels: Labels, options: GraderOptions, seed: int) -> np.ndarray:
    """The fold of each utterance in the deal of a seed."""
    return speaker_folds(labels.speakers, labels.overall, options.folds, seed)


def parts_of(
    labels: Labels, options: GraderOptions, seed: int, fold: int
) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the utterances to learn from, and held out.

    With `options.speakers`, as many speakers are drawn of those to learn from, spread over the
    scores as the folds are.
    """
    folds = deal(labels, options, seed)
    train, held_out = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
    if options.speakers:
        speakers, total = labels.speakers[train], labels.overall[train]
        parts = len(np.unique(speakers)) // options.speakers
        if parts < 1:
            raise InputError(
                f"{options.speakers} speakers asked for, {len(np.unique(speakers))} to learn from"
            )
        train = train[speaker_folds(speakers, total, parts, 100 * seed + fold) == 0]
    return train, held_out


@dataclass(frozen=True)
class _Fitted:
    module: Module
    held_out: tuple[Scores, Scores | None]
    """Of the held-out utterances, see `both_scores`."""
    curve: list[dict[str, float]]
    pcc: dict[str, float]
    """Of the network's scores of the held-out utterances, see `pcc_of`."""


@dataclass(frozen=True)
class _Work:
    """What all graders share."""

    data: TrainingData
    options: GraderOptions
    fit: FitOptions


@one_thread()
def _fit(work: _Work, place: Place) -> _Fitted:
    data, options, fit, seed, fold = work.data, work.options, work.fit, place.seed, place.fold
    train, held_out = parts_of(data.labels, options, seed, fold)
    network, curve = fit_grader(
        *(data.config, fit, data.batches, data.targets, train, [seed, fold], data.labels.scales)
    )
    trees: GraderTrees | None = None
    if options.trees:
        chosen = select(data.inputs.pooled, train)
        low = loss_weights(fit, data.labels.scales).low_words.numpy()
        emphasis = low_emphasis(data.labels.words, low) if fit.low_weights else None
        tables, own = data.batches.tables, 100 * seed + fold
        trees = fit_grader_trees(tables, data.labels, chosen, train, own, emphasis)
    module = Module(seed, fold, network, trees)
    both = both_scores(module, data.batches, held_out, data.scaling)
    pcc = pcc_of(both[0], data.labels, data.inputs.pooled, held_out)
    return _Fitted(module, both, curve, pcc)


def _told(f: _Fitted) -> str:
    values = ", ".join(f"{name.replace('_', ' ')} {value:.3f}" for name, value in f.pcc.items())
    place = f"seed {f.module.seed} fold {f.module.fold}"
    return f"{place}: held-out PCC of the network {values}"


def _collect(data: TrainingData, fitted: Sequence[_Fitted], options: GraderOptions) -> list[Scores]:
    """Scores of the train split by seed: those of the networks, and where there are, of the trees.

    Each seeds x utterances x aspects, likewise words, seeds x phones.
    """
    shapes = (data.labels.utterances.shape, data.labels.words.shape, data.labels.phones.shape)
    found: list[Scores] = []
    for parts in zip(*(f.held_out for f in fitted), strict=True):
        u, w, p = (np.zeros((options.seeds, *shape), dtype=np.float32) for shape in shapes)
        for f, scores in zip(fitted, parts, strict=True):
            if scores is None:
                return found
            _, held_out = parts_of(data.labels, options, f.module.seed, f.module.fold)
            chosen = select(data.inputs.pooled, held_out)
            rows = (held_out, chosen.words, chosen.phones)
            for level, own, part in zip((u, w, p), rows, scores, strict=True):
                level[f.module.seed - options.seed][own] = part
        found.append((u, w, p))
    return found


def _learn(
    train_data: Path, out: Path, paths: SourcePaths, options: GraderOptions, fit: FitOptions
) -> TrainedGrader:
    """Train the ensemble on the train split, of which `paths` are; write what is told of it."""
    data = load_training_data(train_data, paths, options)
    work = _Work(data, options, fit)
    members = places(range(options.seed, options.seed + options.seeds), options.folds)
    fitted = fit_all(_fit, work, members, options.jobs, "train_grader", _told)
    by_seed = _collect(data, fitted, options)
    grader = TrainedGrader(
        data.raw.columns,
        "durations" in (options.sources or SOURCES),
        *(data.norms, data.scaling, data.config),
        *(tuple(f.module for f in fitted), data.labels.scales),
        shares=chosen_shares(by_seed, data.labels),
    )
    trees = by_seed[1] if options.trees else None
    out_of_fold = within(mixed(by_seed[0], trees, grader.shares), data.labels.scales)
    grader, levels = calibrated(grader, out_of_fold, data.labels)
    write_levels(out, "out_of_fold", data.raw.pooled, data.labels, levels, out_of_fold)
    places_of = [asdict(place) for place in members]
    write_rows(
        out / "modules.csv",
        [place | f.pcc for place, f in zip(places_of, fitted, strict=True)],
    )
    write_rows(
        out / "train_log.csv",
        [place | row for place, f in zip(places_of, fitted, strict=True) for row in f.curve],
    )
    return grader


def train_grader(
    train_data: Path,
    test_data: Path,
    out: Path,
    paths: SourcePaths,
    options: GraderOptions,
    fit: FitOptions,
) -> None:
    """Train the ensemble of graders on the train split and predict the test split with it.

    Every seed deals the train speakers into folds of its own and trains one grader a fold on the
    others. Nothing is stopped early or chosen by what is held out; the out-of-fold scores are
    therefore what a single grader gives for new speakers. What nobody scored in the train split (an
    aspect, all words or phones) is not learned and stands in no table. Predictive intervals and the
    probability that a phone is wrong are fitted to the out-of-fold scores, and the share of the
    trees in each aspect is chosen by them. Scores of the test split are means over all graders; it
    enters no choice.

    Writes out/scores_utterance.csv, scores_word.csv and scores_phone.csv (test: the unit, aspect,
    human, predicted, low, high, seed_0, ...), out_of_fold_*.csv (the same for train; seed s by the
    graders of its deal that did not learn from the speaker), modules.csv (held-out PCC of each
    network), train_log.csv, scales.json, and model.pt last.

    Raises InputError for sources that are not of the same phones, splits of different scales,
    utterances or words without scores, or too few speakers for the folds.
    """
    scales = check_same(train_data, test_data)
    loss_weights(fit, scales)  # before the work
    # By another function, so that the train split is gone when the test split is read.
    grader = _learn(train_data, out, paths.split("train"), options, fit)
    test = read_inputs(paths.split("test"), options.sources)
    test_labels = read_grades(test_data, test.pooled)
    with one_thread():
        by_module = module_scores(grader, test)
    seeds = np.array([m.seed for m in grader.modules])
    means = tuple(
        np.stack([level[seeds == s].mean(axis=0) for s in np.unique(seeds)]) for level in by_module
    )
    levels = ensemble_levels(grader, by_module)
    write_levels(out, "scores", test.pooled, test_labels, levels, means)
    parameters = sum(p.numel() for p in Grader(grader.config).parameters())
    log.info("%d graders of %d parameters", len(grader.modules), parameters)
    write_scales(out, scales)
    save_grader(grader, out / "model.pt", asdict(options) | asdict(fit))
