"""Ensembles of seeds x speaker-disjoint folds: fitted over processes, told as tables."""

import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np

from pyscorer.contract.scores import write_scores
from pyscorer.parallel import shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

Shared = TypeVar("Shared")
Fitted = TypeVar("Fitted")
At = TypeVar("At")


@dataclass(frozen=True, order=True)
class Place:
    """One member of an ensemble."""

    seed: int
    fold: int
    """Its speakers are held out."""


def places(seeds: Iterable[int], folds: int, one_fold: bool = False) -> list[Place]:
    """Every seed with every fold; with `one_fold`, seed s with fold s alone (modulo folds)."""
    if one_fold:
        return [Place(seed, seed % folds) for seed in seeds]
    return [Place(seed, fold) for seed in seeds for fold in range(folds)]


def fit_all(
    fit: Callable[[Shared, At], Fitted],
    shared: Shared,
    members: Sequence[At],
    jobs: int,
    name: str,
    told: Callable[[Fitted], str] | None = None,
) -> list[Fitted]:
    """`fit(shared, member)` of all members, in order; `told` says what to log of each."""
    began, fitted = time.monotonic(), []
    results = shared_map(fit, shared, members, jobs)
    for model in progress_bar(results, name, len(members), unit="model"):
        fitted.append(model)
        if told is not None:
            log.info("%s, after %.0f s", told(model), time.monotonic() - began)
    return fitted


@dataclass(frozen=True)
class Split:
    """The utterances of a split, and what people said of them."""

    keys: list[str]
    speakers: np.ndarray
    scores: np.ndarray
    """In their own units."""


def by_seed(predicted: np.ndarray, members: Sequence[Place]) -> np.ndarray:
    """Mean over the folds of each seed: utterances x members -> utterances x seeds."""
    seeds = np.array([place.seed for place in members])
    means = [predicted[:, seeds == seed].mean(axis=1) for seed in np.unique(seeds)]
    return np.stack(means, axis=1)


def write_ensemble(
    out: Path,
    members: Sequence[Place],
    folds: np.ndarray,
    train: tuple[Split, np.ndarray],
    test: tuple[Split, np.ndarray],
) -> None:
    """Write the tables of scores of an ensemble.

    `train` and `test` are splits with their scores by every member (utterances x members), `folds`
    those of the train utterances. scores.csv (test): utterance, speaker, human, predicted (mean
    over seeds), seed_0, ...; single_scores.csv: seed s by its member of fold s alone;
    out_of_fold.csv (train): each utterance by the members that hold out its fold, if all are there.
    """
    (split, scores), (learnt, on_train) = test, train
    write_scores(
        *(out / "scores.csv", split.keys, split.speakers, split.scores),
        by_seed(scores, members),
    )
    count = int(folds.max()) + 1
    single = [i for i, place in enumerate(members) if place.fold == place.seed % count]
    write_scores(
        *(out / "single_scores.csv", split.keys, split.speakers, split.scores),
        scores[:, single],
    )
    seeds = len({place.seed for place in members})
    if len(members) == seeds * count:
        per_seed = on_train.reshape(len(folds), seeds, count)
        held_out = per_seed[np.arange(len(folds)), :, folds]
        write_scores(
            *(out / "out_of_fold.csv", learnt.keys, learnt.speakers, learnt.scores), held_out
        )
