"""Training of the scoring module over speaker-disjoint folds and several seeds."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pyscorer.contract.large import moments_of
from pyscorer.contract.pooled import (
    PooledSet,
    concatenate,
    read_columns,
    read_pooled,
    read_targets,
    select_columns,
)
from pyscorer.contract.scales import Range, Scales, check_same, read_scales
from pyscorer.contract.scores import write_rows
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import pearson
from pyscorer.parallel import one_thread
from pyscorer.pronunciation.frame_table import FrameTable, join_frames, numbered, read_frames
from pyscorer.pronunciation.module import ModuleConfig
from pyscorer.pronunciation.module_batches import Batches
from pyscorer.pronunciation.scorer import (
    ScorerModule,
    ScorerOptions,
    Trained,
    TrainedScorer,
    load_scorer,
    predict_all,
    save_scorer,
    train_module,
)
from pyscorer.pronunciation.splicing import read_splices, splice
from pyscorer.pronunciation.synthetic_scores import read_synthetic
from pyscorer.scoring.ensemble import Place, Split, fit_all, write_ensemble
from pyscorer.scoring.folds import speaker_folds


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
    """Pooled directories of perturbed copies and of other unlabelled speech, trained on as well."""
    splices: Path | None = None
    """splices.csv: utterances made up of the train split's words, trained on as well."""
    frames: Path | None = None
    """Directory of the frames that the pooled vectors are means of: train on these."""
    copies_frames: tuple[Path, ...] = ()
    """Likewise of the copies."""


@dataclass(frozen=True)
class TestSources:
    """Where the test split comes from."""

    data: Path
    pool: Path
    frames: Path | None = None


@dataclass(frozen=True)
class TrainingData:
    """The train split as the modules see it."""

    pooled: PooledSet
    """The utterances of the train split, then unlabelled ones, then spliced ones. With `frames` the
    features are numbers of phones there."""
    targets: np.ndarray
    """Utterances and copies x folds: scores that the module of a held-out fold learns."""
    folds: np.ndarray
    """Of all of them; NO_FOLD: trained on by all modules."""
    scores: np.ndarray
    """Human scores of the utterances, without copies."""
    speakers: np.ndarray
    columns: list[str]
    mean: np.ndarray
    deviation: np.ndarray
    batches: Batches
    config: ModuleConfig
    start: dict[Place, dict[str, torch.Tensor]]
    """First weights by seed and held-out fold; empty: drawn at random."""
    scales: Scales
    aspect: str
    frames: FrameTable | None = None

    @property
    def range(self) -> Range:
        """Of the scores."""
        return self.scales.utterance[self.aspect]

    def parts(self, fold: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices to train on, copies included, and held out, without copies."""
        held_out = np.flatnonzero(self.folds[: len(self.scores)] == fold)
        return np.flatnonzero(self.folds != fold), held_out


def load_training_data(sources: Sources, options: ScorerOptions) -> TrainingData:
    """Read the columns that `options` ask for and the targets; deal the speakers into folds."""
    pool = sources.pool
    columns = select_columns(pool, read_columns(pool), options.deep, options.extras)
    pooled = read_pooled(pool, columns)
    scales = read_scales(sources.data)
    aspect = scales.chosen(options.aspect, sources.data)
    scores, speakers = read_targets(sources.data, aspect, pooled.keys)
    folds = speaker_folds(speakers, scores, options.folds)
    mean, deviation = moments_of(pooled.features)
    deviation += 1e-5
    targets = np.repeat(scores[:, None], options.folds, axis=1)
    parts, frames = [pooled], None
    if sources.synthetic is not None:
        parts += [read_pooled(copy, columns) for copy in sources.copies]
    if sources.frames is not None:
        parts, frames = _by_frame(sources, parts)
    if sources.synthetic is not None and sources.splices is not None:
        parts.append(splice(parts[0], read_splices(sources.splices)))
    pooled = concatenate(parts)
    if sources.synthetic is not None:
        targets, folds = _synthetic_targets(sources.synthetic, pooled.keys, folds)
    config = ModuleConfig(
        len(columns),
        attention=options.attention,
        nonlinear_input=options.nonlinear_input,
        residual=options.residual,
        dropout=options.dropout,
        kept_inputs=len([name for name in columns if name in options.extras]),
    )
    start: dict[Place, dict[str, torch.Tensor]] = {}
    if sources.start is not None:
        model = read_start(sources.start, columns, options)
        start = {part.place: part.state for part in model.modules}
        mean, deviation = model.mean.numpy(), model.deviation.numpy()
    batches = Batches(pooled, mean, deviation, frames)
    return TrainingData(
        *(pooled, targets, folds, scores, speakers, columns, mean, deviation, batches, config),
        *(start, scales, aspect, frames),
    )


def _by_frame(sources: Sources, parts: list[PooledSet]) -> tuple[list[PooledSet], FrameTable]:
    """The train split and its copies with numbers of phones for features, and their frames."""
    if len(sources.copies_frames) != len(sources.copies):
        raise InputError(
            f"{len(sources.copies)} copies and other unlabelled data, but frames of "
            f"{len(sources.copies_frames)} (--copies-frames)"
        )
    assert sources.frames is not None
    pools = (sources.pool, *sources.copies)
    folders = (sources.frames, *sources.copies_frames)
    tables = [read_frames(*place) for place in zip(pools, parts, folders, strict=False)]
    firsts = np.cumsum([0, *(len(part.phones) for part in parts)])
    return [numbered(*part) for part in zip(parts, firsts, strict=False)], join_frames(tables)


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


def read_start(scorer: Path, columns: list[str], options: ScorerOptions) -> TrainedScorer:
    """The scorer of scorer/model.pt. Raises InputError if `options` cannot go on from it."""
    path = scorer / "model.pt"
    model = load_scorer(path)
    there = {part.place for part in model.modules}
    lacking = [place for place in options.places() if place not in there]
    if lacking:
        raise InputError(f"{path}: no module of seed {lacking[0].seed}, fold {lacking[0].fold}")
    if model.columns != columns:
        raise InputError(f"{path}: reads other columns than are asked for")
    for name in ("folds", "attention", "nonlinear_input", "residual", "frame_norm"):
        theirs, mine = getattr(model.options, name), getattr(options, name)
        if theirs != mine:
            raise InputError(f"{path}: trained with {name} {theirs}, not {mine}")
    return model


@one_thread()
def _train(work: tuple[TrainingData, ScorerOptions], place: Place) -> Trained:
    data, options = work
    return train_module(
        *(data.batches, data.targets[:, place.fold], data.parts(place.fold), data.config, options),
        *(place, data.range, data.start.get(place)),
    )


def told(t: Trained) -> str:
    """A line of the log on a module."""
    return (
        f"seed {t.place.seed} fold {t.place.fold}: best epoch {t.epoch} of {len(t.curve)}, "
        f"held-out PCC {t.valid_pcc:.3f}"
    )


def train_and_test(
    sources: Sources, test: TestSources, out: Path, options: ScorerOptions, name: str
) -> None:
    """Train all modules of a scorer, predict the test split, write what `train_scorer` says."""
    check_same(sources.data, test.data)
    if {options.frame_norm} != {place is not None for place in (sources.frames, test.frames)}:
        raise InputError(
            "--frame-norm takes --train-frames and --test-frames, directories of export; without "
            "it they are not read"
        )
    if options.frame_norm and (options.extras or not options.deep):
        raise InputError("--frame-norm: for the deep features alone; other inputs have no frames")
    data = load_training_data(sources, options)
    options = replace(options, aspect=data.aspect)
    trained = fit_all(_train, (data, options), options.places(), options.jobs, name, told)
    scorer = TrainedScorer(
        *(options, data.config, data.columns),
        *(torch.from_numpy(data.mean), torch.from_numpy(data.deviation)),
        *(tuple(ScorerModule(t.place, t.state) for t in trained), data.scales),
    )
    heard = read_test(test.data, test.pool, data.columns, data.aspect)
    pooled, frames = heard[0], None
    if test.frames is not None:
        pooled, frames = numbered(pooled), read_frames(test.pool, pooled, test.frames)
    on_train = predict_all(scorer, data.pooled, data.frames, len(data.scores))
    predicted = on_train, predict_all(scorer, pooled, frames)
    write_results(scorer, trained, data, heard, predicted, out)


def train_scorer(
    train_data: Path,
    train_pool: Path,
    test_data: Path,
    test_pool: Path,
    out: Path,
    options: ScorerOptions,
    start: Path | None = None,
    train_frames: Path | None = None,
    test_frames: Path | None = None,
) -> None:
    """Train the scoring module on the train split and predict the test split with it.

    For each seed one module a fold is trained on the other folds' speakers and stopped early on its
    own; the seed's prediction is the mean over its folds' modules, `predicted` the mean over seeds.
    Inputs are normalised by the train split's mean and standard deviation. The test split enters
    no choice. `start` is the directory of a scorer (of pretrain_scorer) whose modules are trained
    on: stage (iii) of Lin & Wang 2021, section 2.3; left out: random weights. With `frame_norm` the
    module reads `train_frames` and `test_frames`, the directories of export that the pooled vectors
    are means of: the first transformation and its LayerNorm are of frames, as printed.

    Writes out/model.pt (options, column names, normalisation, the weights of all modules),
    out/scores.csv (test: utterance, speaker, human, predicted, seed_0, ...), out/out_of_fold.csv
    (the same for train, each utterance by the modules that were not trained on its speaker; not
    with `one_fold`), out/single_scores.csv (test: seed s by its module of fold s alone),
    out/modules.csv (seed, fold, best epoch, held-out, train and test PCC) and
    out/train_log.csv.

    Raises InputError for a column or an aspect that is not there, splits of different scales, an
    utterance without a score, a `start` of other columns, folds or seeds, too few speakers for the
    folds, or frames without `frame_norm` and the other way round.
    """
    sources = Sources(train_data, train_pool, start, frames=train_frames)
    if start is not None and any(m.acoustic for m in load_scorer(start / "model.pt").modules):
        raise InputError(
            f"{start}: its modules have acoustic layers of their own, which train_scorer would "
            "leave out; go on from it with unfreeze_scorer, or start from a frozen scorer"
        )
    test = TestSources(test_data, test_pool, test_frames)
    train_and_test(sources, test, out, options, "train_scorer")


def read_test(
    data: Path, pool: Path, columns: list[str], aspect: str
) -> tuple[PooledSet, np.ndarray, np.ndarray]:
    """The test split: its phones, human scores and speakers."""
    pooled = read_pooled(pool, columns)
    return pooled, *read_targets(data, aspect, pooled.keys)


def write_results(
    scorer: TrainedScorer,
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
    (pooled, human, test_speakers), count = test, len(train.scores)
    on_train, on_test = predicted
    folds = train.folds[:count]
    learnt = Split(train.pooled.keys[:count], train.speakers, train.scores)
    heard = Split(pooled.keys, test_speakers, human)
    members = [t.place for t in trained]
    write_ensemble(out, members, folds, (learnt, on_train), (heard, on_test))
    modules = []
    for i, t in enumerate(trained):
        mine = folds != t.place.fold
        modules.append(
            asdict(t.place)
            | {
                "epoch": t.epoch,
                "valid_pcc": t.valid_pcc,
                "test_pcc": pearson(on_test[:, i], human),
                "train_pcc": pearson(on_train[mine, i], train.scores[mine]),
                "held_out_pcc": pearson(on_train[~mine, i], train.scores[~mine]),
            }
        )
    write_rows(out / "modules.csv", modules)
    curves = [asdict(t.place) | point for t in trained for point in t.curve]
    write_rows(out / "train_log.csv", curves)
    save_scorer(out / "model.pt", scorer)
