"""Synthetic scores of speech that nobody scored, by a regressor on its GOP."""

import csv
import logging
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import chain, combinations_with_replacement
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

NO_FOLD = -1
"""The fold of speech by people whom nobody scored: no module holds it out."""


@dataclass(frozen=True)
class SyntheticScores:
    """The table that `synthetic_scores` writes."""

    keys: list[str]
    folds: np.ndarray
    """Fold of each utterance's speaker, NO_FOLD where it has none; a copy has its original's."""
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
    unlabelled_data: list[Path] | None = None,
    unlabelled_pool: list[Path] | None = None,
    test_data: Path | None = None,
) -> None:
    """Score unlabelled speech by regressors on GOP; of the train split, as if it had no scores.

    The speakers are dealt into the folds of train_scorer. Column `without_<k>` is for a module that
    holds out fold k: an utterance of fold j is scored there by regressors of the folds other than j
    and k, so neither its own score nor one of the held-out speakers' is in it. `copies_data` (of
    the stage perturb) and `copies_pool` are parallel lists; a copy counts with its original.
    `options` are those of train_baseline; each score is the mean over `seeds` regressors. `splices`
    utterances are made up of every one of the train split, of words of its speaker: unlabelled
    speech without end, whose GOP is known. `unlabelled_data` and `unlabelled_pool` are parallel
    lists of other speech, whose scores, if it has any, are not read. By a speaker of the train
    split it is in that speaker's fold; else it is in none (NO_FOLD), and in column `without_<k>`
    scored by regressors of all folds but k. `test_data` says who must not be in it.

    Writes out/scores.csv: utterance, fold, without_0, without_1, ... (in the units of the human
    scores), and with `splices` out/splices.csv: utterance, source, word_index.

    Raises InputError for a column that is not there, an utterance without a score, a copy whose
    original is not in `train_data`, and unlabelled speech by a speaker of the test split or with
    an utterance that is there already.
    """
    if options.kind == "blstm":
        # It stops early on the speakers held out: their scores would be in it.
        raise InputError("--kind blstm: synthetic scores come from boosted trees; use gbt or trees")
    if options.folds < 3:
        raise InputError("--folds: 3 at least, as regressors leave out two folds")
    copies = _parallel("copies", copies_data or [], copies_pool or [])
    others = _parallel("unlabelled", unlabelled_data or [], unlabelled_pool or [])
    if others and test_data is None:
        raise InputError("--unlabelled-data: needs --test-data, whose speakers must not be in it")
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
            if j == k:
                scores[folds == NO_FOLD, k] = column[folds == NO_FOLD]
            scores[folds == j, k] = column[folds == j]
            scores[folds == k, j] = column[folds == k]
        return scores

    with atomic_open(out / "scores.csv") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["utterance", "fold", *(f"without_{k}" for k in range(options.folds))])
        parts = (_made(train, copies, splices, out), _recorded(train, others, test_data))
        for pooled, folds in chain(*parts):
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


def _parallel(name: str, data: list[Path], pool: list[Path]) -> list[tuple[Path, Path]]:
    if len(data) != len(pool):
        raise InputError(f"{len(data)} --{name}-data, but {len(pool)} --{name}-pool")
    return list(zip(data, pool, strict=True))


def _made(
    train: TrainingSet, copies: list[tuple[Path, Path]], splices: int, out: Path
) -> Iterator[tuple[PooledSet, np.ndarray]]:
    """Yield (utterances, their folds): the train split, its copies, and what is spliced of it."""
    yield train.pooled, train.folds
    fold_of = dict(zip(train.pooled.keys, train.folds, strict=True))
    for data, pool in copies:
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


def _recorded(
    train: TrainingSet, others: list[tuple[Path, Path]], test_data: Path | None
) -> Iterator[tuple[PooledSet, np.ndarray]]:
    """Yield (utterances, their folds): other speech, after a look at whose it is."""
    tested = read_table(test_data / "utt2spk") if test_data else {}
    test_speakers, known = set(tested.values()), set(train.pooled.keys)
    fold_of = dict(zip(train.speakers, train.folds, strict=True))
    for data, pool in others:
        pooled, speakers = (
            read_pooled(pool, list(train.blank.columns)),
            read_table(data / "utt2spk"),
        )
        for key in pooled.keys:
            if key not in speakers:
                raise InputError(f"{data}/utt2spk: lacks utterance {key}")
            if key in tested or speakers[key] in test_speakers:
                raise InputError(
                    f"{data}: {key}: speaker {speakers[key]} is in the test split, {test_data}: "
                    "nothing may learn from the test split's audio; take this speaker out"
                )
            if key in known:
                raise InputError(
                    f"{data}: {key}: is in the train split, or in unlabelled speech, already: name "
                    "what is other speech, or call it otherwise"
                )
        known.update(pooled.keys)
        folds = np.array([fold_of.get(speakers[key], NO_FOLD) for key in pooled.keys])
        shared = np.count_nonzero(folds != NO_FOLD)
        log.info(
            "%s: %d unlabelled utterances, %d of them by speakers of the train split",
            *(data, len(folds), shared),
        )
        yield pooled, folds


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
