"""What scores of speakers who were not learned from decide: shares of trees, intervals."""

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pyscorer.contract.labels import Labels
from pyscorer.contract.pooled import PooledSet, select
from pyscorer.evaluation.metrics import pearson
from pyscorer.grading.grader import Levels, TrainedGrader, ranges_of, with_intervals
from pyscorer.grading.grader_trees import NETWORK_ALONE, Scores, Shares, best_shares
from pyscorer.grading.intervals import Calibration, Interval, fit_calibration, fit_interval

log = logging.getLogger(__name__)


def pcc_of(
    scores: Scores,
    labels: Labels,
    pooled: PooledSet,
    utterances: np.ndarray,
) -> dict[str, float]:
    """PCC of the scores that stand for all of these utterances and their words, and of the phones.

    By name, as `total`, `word_total`, `phone`; `overall` where no aspect stands for all and the
    mean does. Of those that were scored; NaN where none was.
    """
    chosen, scales = select(pooled, utterances), labels.scales

    def of_known(predicted: np.ndarray, human: np.ndarray) -> float:
        known = ~np.isnan(human)
        return pearson(predicted[known], human[known])

    def of_level(level: str, predicted: np.ndarray, human: np.ndarray) -> float:
        if name := scales.overall_of(level):
            at = list(scales.level(level)).index(name)
            return of_known(predicted[:, at], human[:, at])
        # The mean of the same aspects on both sides.
        both = np.where(np.isnan(human), np.nan, predicted)
        return of_known(*(scales.overall_scores(level, each) for each in (both, human)))

    return {
        scales.overall or "overall": of_level(
            "utterance", scores[0], labels.utterances[utterances]
        ),
        f"word_{scales.overall_of('word') or 'overall'}": of_level(
            "word", scores[1], labels.words[chosen.words]
        ),
        "phone": of_known(scores[2], labels.phones[chosen.phones]),
    }


def chosen_shares(by_seed: Sequence[Scores], labels: Labels) -> Shares:
    """Of the trees, the best out of fold; the log tells them."""
    if len(by_seed) < 2:
        return NETWORK_ALONE
    network, trees = ((u.mean(axis=0), w.mean(axis=0), p.mean(axis=0)) for u, w, p in by_seed)
    shares = best_shares(network, trees, (labels.utterances, labels.words, labels.phones))
    names = [
        *labels.scales.utterance,
        *(f"word {aspect}" for aspect in labels.scales.word),
        "phone",
    ]
    values = [share for level in shares for share in level]
    told = ", ".join(f"{name} {share:.2f}" for name, share in zip(names, values, strict=True))
    log.info("share of the trees: %s", told)
    return shares


def calibrated(
    grader: TrainedGrader, out_of_fold: Scores, labels: Labels
) -> tuple[TrainedGrader, list[Levels]]:
    """`grader` with intervals, and the out-of-fold predictions with theirs."""
    human = (labels.utterances, labels.words, labels.phones[:, None])
    intervals: list[tuple[Interval, ...]] = []
    levels = []
    for by_seed, wanted, ranges in zip(out_of_fold, human, ranges_of(labels.scales), strict=True):
        value, spread = by_seed.mean(axis=0), by_seed.std(axis=0)
        columns = zip(*(x.reshape(wanted.shape).T for x in (value, spread)), wanted.T, strict=True)
        fitted = tuple(fit_interval(*column) for column in columns)
        intervals.append(fitted)
        levels.append(with_intervals(value, spread, fitted, ranges))
    calibration: Calibration = fit_calibration(
        levels[2].value, labels.phones, labels.scales.phone_range
    )
    return replace(grader, intervals=tuple(intervals), calibration=calibration), levels
