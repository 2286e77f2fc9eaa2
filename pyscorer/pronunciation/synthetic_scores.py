"""Synthetic scores of speech that nobody scored, by a regressor on its GOP."""

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

from pyscorer.contract.files import atomic_open, read_table
from pyscorer.contract.pooled import PooledSet, read_pooled
from pyscorer.contract.tables import column_names, read_frame
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import pearson
from pyscorer.pronunciation.splicing import draw_splices, splice, write_splices
from pyscorer.scoring.baselines import (
    BaselineOptions,
    Regressor,
    TrainingSet,
    fit_regressor,
    load_training_set,
    predict_baseline,
)
from pyscorer.scoring.ensemble import fit_all

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SyntheticScores:
    """The table that `synthetic_scores` writes."""

    keys: list[str]
    folds: np.ndarray
    """Fold of each utterance's speaker; a copy has that of its original."""
    scores: np.ndarray
    """Utterances x folds: column k for a module whose held-out fold is k."""


@dataclass(frozen=True)
class _Member:
    """A regressor that leaves out one fold or two."""

    seed: int
    pair: tuple[int, int]


def _fit(train: TrainingSet, member: _Member) -> Regressor:
    first, second = member.pair
    held_out = np.isin(train.folds, member.pair)
    place = max(10, train.blank.options.folds) * first + second  # a number of its own
    return fit_regressor(train, held_out, member.seed, place)


def synthetic_scores(
    train_data: Path,
    train_pool: Path,
    out: Path,
    options: BaselineOptions,
    copies_data: list[Path] | None = None,
    copies_pool: list[Path] | None = None,
    splices: int = 0,
) -> None:
    """Score train utterances and their copies by regressors that saw no human score of theirs.

    The speakers are dealt into the folds of train_scorer. Column `without_<k>` is for a module that
    holds out fold k: an utterance of fold j is scored there by regressors of the folds other than j
    and k, so neither its own score nor one of the held-out speakers' is in it. `copies_data` (of
    the stage perturb) and `copies_pool` are parallel lists; a copy counts with its original.
    `options` are those of train_baseline; each score is the mean over `seeds` regressors. `splices`
    utterances are made up of every one of the train split, of words of its speaker: unlabelled
    speech without end, whose GOP is known.

    Writes out/scores.csv: utterance, fold, without_0, without_1, ... (in the units of the human
    scores), and with `splices` out/splices.csv: utterance, source, word_index.

    Raises InputError for a column that is not there, an utterance without a score, and a copy whose
    original is not in `train_data`.
    """
    if options.kind == "blstm":
        # It stops early on the speakers held out: their scores would be in it.
        raise InputError("--kind blstm: synthetic scores come from boosted trees; use gbt or trees")
    if options.folds < 3:
        raise InputError("--folds: 3 at least, as regressors leave out two folds")
    copies_data, copies_pool = copies_data or [], copies_pool or []
    if len(copies_data) != len(copies_pool):
        raise InputError(f"{len(copies_data)} --copies-data, but {len(copies_pool)} --copies-pool")
    train = load_training_set(train_data, train_pool, options)
    pairs = list(combinations_with_replacement(range(options.folds), 2))
    seeds = range(options.seed, options.seed + options.seeds)
    members = [_Member(seed, pair) for pair in pairs for seed in seeds]
    fitted = fit_all(_fit, train, members, options.jobs, "synthetic_scores")
    model = replace(train.blank, models=tuple(fitted))

    def scored(pooled: PooledSet, folds: np.ndarray) -> np.ndarray:
        scores = np.empty((len(folds), options.folds))
        by_member = predict_baseline(model, pooled).reshape(len(folds), len(pairs), -1)
        for (j, k), column in zip(pairs, by_member.mean(axis=2).T, strict=True):
            scores[folds == j, k] = column[folds == j]
            scores[folds == k, j] = column[folds == k]
        return scores

    with atomic_open(out / "scores.csv") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["utterance", "fold", *(f"without_{k}" for k in range(options.folds))])
        for pooled, folds in _unlabelled(train, copies_data, copies_pool, splices, out):
            scores = scored(pooled, folds)
            for key, fold, row in zip(pooled.keys, folds, scores, strict=True):
                table.writerow([key, fold, *(f"{value:.4f}" for value in row)])
            if pooled is train.pooled:
                own = scores[np.arange(len(folds)), folds]
                log.info(
                    "%s: PCC of cross-fitted synthetic and human scores %.3f",
                    options.kind,
                    pearson(own, train.scores),
                )


def _unlabelled(
    train: TrainingSet,
    copies_data: list[Path],
    copies_pool: list[Path],
    splices: int,
    out: Path,
) -> Iterator[tuple[PooledSet, np.ndarray]]:
    """Yield (utterances, their folds): the train split, its copies, and what is spliced of it."""
    yield train.pooled, train.folds
    fold_of = dict(zip(train.pooled.keys, train.folds, strict=True))
    for data, pool in zip(copies_data, copies_pool, strict=True):
        pooled = read_pooled(pool, list(train.blank.columns))
        original = read_table(data / "utt2uniq")
        strange = [key for key in pooled.keys if original.get(key) not in fold_of]
        if strange:
            raise InputError(
                f"{pool}: {strange[0]}: its original is not in the train split; run perturb on it"
            )
        yield pooled, np.array([fold_of[original[key]] for key in pooled.keys])
    if splices:
        drawn = draw_splices(train.pooled, train.speakers, splices)
        write_splices(out / "splices.csv", drawn)
        yield splice(train.pooled, drawn), np.tile(train.folds, splices)


def read_synthetic(path: Path) -> SyntheticScores:
    """Read scores.csv of `synthetic_scores`. Raises InputError if it is missing or malformed."""
    if not path.exists():
        raise InputError(f"{path}: no such file; run synthetic_scores")
    columns = column_names(path)
    names = [name for name in columns if name.startswith("without_")]
    if columns[:2] != ["utterance", "fold"] or not names:
        raise InputError(f"{path}: not a table of synthetic_scores")
    table = read_frame(path, columns, text=["utterance"])
    scores = table[names].to_numpy(dtype=np.float32)
    return SyntheticScores(list(table["utterance"]), table["fold"].to_numpy(), scores)
