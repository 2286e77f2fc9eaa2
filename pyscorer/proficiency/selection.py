"""Validation: thresholds, and which experts a mixture is made of."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from pyscorer.contract.classes import Classes
from pyscorer.errors import InputError
from pyscorer.evaluation.acceptance import (
    GROSS_WEIGHT,
    Exams,
    choose_threshold,
    count_decisions,
    draw_exams,
)
from pyscorer.evaluation.class_metrics import balanced_threshold
from pyscorer.proficiency.architectures import Group
from pyscorer.proficiency.combine import other_rows
from pyscorer.proficiency.decisions import Decisions, metrics_of
from pyscorer.proficiency.pairs import PairTable
from pyscorer.proficiency.task import CRITERIA, Rule, equipercentile_cuts

GROSS_WEIGHTS = (1.0, 1.5, 2.0, GROSS_WEIGHT)
"""What a wrong meaning may weigh in a system's score, chosen on validation rows.

A gross false accept costs three plain ones, but a gross rejection gains no more than a plain one:
what a meaning should weigh lies between 1 and 3 and depends on the threshold.
"""


@dataclass(frozen=True)
class Limits:
    """Constraints of the threshold's choice by D_full, on validation rows."""

    min_recall: float = 0.85
    min_rejection: float = 0.5


@dataclass(frozen=True)
class Validation:
    """The training rows on which everything is chosen, and exams drawn from them.

    rows: numbers into the table's training rows. weights: how often each counts.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    weights: NDArray[np.float64]
    exams: Exams
    limits: Limits
    classes: Classes


@dataclass(frozen=True)
class Choice:
    """What validation rows chose for a system.

    gross: weight of a wrong meaning in the score. thresholds, of levels cuts, and metrics: one a
    seed; value: mean over seeds of what chooses (the first of `CRITERIA`): of D_full the exams'
    (geometric) mean, else the metric itself.
    """

    gross: float
    thresholds: list[float]
    metrics: list[dict[str, float]]
    value: float
    cuts: list[tuple[float, ...]] = field(default_factory=list)

    def mean(self, metric: str) -> float:
        """Mean of a metric over seeds."""
        return float(np.mean([row[metric] for row in self.metrics]))


def build_validation(
    table: PairTable,
    limits: Limits,
    ids: str = "",
    accepted: NDArray[np.bool_] | None = None,
    exams: int = 200,
    seed: int = 0,
    known: NDArray[np.bool_] | None = None,
) -> Validation:
    """Take the training rows whose id matches `ids` and weigh them to be like the test rows.

    Rows that only train are left out. The others fall into strata: whether training rows of another
    speaker hold the pair (where items are pairs; or `known`, of every training row), whether the
    transcript is empty, and whether the grammar accepts it (`accepted`, by item). Each stratum gets
    the weight that it has among the test rows, of which no label is read: empty transcripts, all
    wrong and easily rejected, must not decide anything where the test set has none. Raises
    InputError if no row matches, or if those that do are all right or all wrong, or all of one
    level.
    """
    matched = np.array([re.search(ids, r.id) is not None for r in table.train])
    rows = np.flatnonzero(matched & table.tested)
    if not len(rows):
        raise InputError(f"no training response has an id that matches {ids!r}")
    labels = table.train_labels[rows]
    kinds = labels if table.classes.ordinal else labels == 0
    if len(np.unique(kinds)) < 2:
        alike = "of one level" if table.classes.ordinal else "right or all wrong"
        raise InputError(f"the responses that match {ids!r} are all {alike}")
    seen = np.zeros(len(rows), bool)
    if known is not None:
        seen = known[rows]
    elif table.by == "pair":
        seen = other_rows(table)[rows].sum(axis=1) > 0
    size = max(len(table.test_rows), 100)
    weights = np.ones(len(rows))
    if len(table.test_rows):
        empty = np.array([not r for r in table.responses])
        of_pair = 2 * empty + (0 if accepted is None else accepted & ~empty)
        stratum = 3 * seen + of_pair[table.train_rows[rows]]
        wanted = 3 * table.test_seen + of_pair[table.test_rows]
        share = np.bincount(wanted, minlength=6) / len(wanted)
        found = np.bincount(stratum, minlength=6) / len(stratum)
        weights = share[stratum] / found[stratum]
        if len(np.unique(kinds[weights > 0])) < 2:
            weights = np.ones(len(rows))
    drawn = draw_exams(labels, weights, size, exams, seed)
    return Validation(rows, labels, weights, drawn, limits, table.classes)


def choose(
    outputs: NDArray, validation: Validation, gross_weights: Sequence[float] = GROSS_WEIGHTS
) -> Choice:
    """Choose the weight of meaning, where there is one, and a threshold a seed.

    outputs: seeds x training rows x classes.
    """
    classes = validation.classes
    chosen: Choice | None = None
    for gross in gross_weights if classes.gross else (GROSS_WEIGHT,):
        choice = choose_scores(Rule(classes, gross).score(outputs), validation, gross)
        if chosen is None or choice.value > chosen.value:
            chosen = choice
    assert chosen is not None
    return chosen


def choose_scores(scores: NDArray, validation: Validation, gross: float = GROSS_WEIGHT) -> Choice:
    """Choose a threshold, of levels cuts, a seed: seeds x training rows scores, out of fold."""
    scores = scores[:, validation.rows]
    if validation.classes.kind == "language_meaning":
        return _by_d_full(scores, validation, gross)
    classes, labels, weights = validation.classes, validation.labels, validation.weights
    thresholds, cuts = list[float](), list[tuple[float, ...]]()
    if classes.ordinal:
        cuts = [equipercentile_cuts(s, labels, weights, len(classes.names)) for s in scores]
        rules = [Rule(classes, gross, cuts=of_seed) for of_seed in cuts]
    else:
        thresholds = [balanced_threshold(s, labels == 0, weights) for s in scores]
        rules = [Rule(classes, gross, threshold) for threshold in thresholds]
    metrics = []
    for rule, score in zip(rules, scores, strict=True):
        found = metrics_of(Decisions.of_scores(rule, score), labels, weights[None])
        metrics.append({name: float(values[0]) for name, values in found.items()})
    first = CRITERIA[classes.kind][0]
    # A constant score has no kappa, and is worth nothing.
    value = float(np.mean([np.nan_to_num(row[first]) for row in metrics]))
    return Choice(gross, thresholds, metrics, value, cuts)


def _by_d_full(scores: NDArray, validation: Validation, gross: float) -> Choice:
    limits = validation.limits
    found = [
        choose_threshold(s, validation.exams, limits.min_recall, limits.min_rejection)
        for s in scores
    ]
    metrics = [
        count_decisions(s >= t, validation.labels, validation.weights).as_row()
        for s, (t, _) in zip(scores, found, strict=True)
    ]
    return Choice(gross, [t for t, _ in found], metrics, float(np.mean([d for _, d in found])))


def is_fbk(expert: str) -> bool:
    """Whether an expert is one of the FBK baseline's networks."""
    return expert.startswith("fbk")


def rank_experts(choices: Mapping[str, Choice], classes: Classes) -> dict[str, list[str]]:
    """Experts from best to worst on validation rows by each criterion of the classes."""
    first, *others = CRITERIA[classes.kind]
    ranking = {first: sorted(choices, key=lambda e: (-choices[e].value, e))}
    for criterion in others:
        ranking[criterion] = sorted(choices, key=lambda e: (-choices[e].mean(criterion), e))
    return ranking


def subsets(
    ranking: Mapping[str, list[str]], groups: Mapping[str, Group]
) -> dict[str, tuple[str, ...]]:
    """Name -> experts: (1 or 3 best FBK) x (by each criterion) x (1, 2 or 3 best stand-alone).

    Then the 2 and 3 best stand-alone experts without FBK (of all, where there is no FBK network),
    and all experts. Where some hear text and some sound, all experts and all of either come first,
    and the 2 and 3 best of either and the best, the 2 and the 3 best of both together last. Subsets
    that come out equal are kept once, under the name met first. FBK networks are ranked by the
    criterion of the name, the stand-alone experts by the first criterion.
    """
    best = next(iter(ranking.values()))
    alone = [e for e in best if not is_fbk(e)]
    of_group = {group: [e for e in best if groups[e] == group] for group in get_args(Group)}
    both_heard = all(of_group.values())
    found: dict[str, tuple[str, ...]] = {}
    if both_heard:
        _add(found, "all experts", tuple(best))
        for group, members_of in of_group.items():
            _add(found, f"{group} only", tuple(members_of))
    for criterion, ranked in ranking.items():
        fbk = [e for e in ranked if is_fbk(e)]
        for n_fbk in (1, 3) if fbk else ():
            for n_alone in (1, 2, 3):
                members = (*fbk[:n_fbk], *alone[:n_alone])
                name = f"{min(n_fbk, len(fbk))} FBK ({criterion}) + {min(n_alone, len(alone))}"
                _add(found, name, members)
    without = " without FBK" if len(alone) < len(best) else " best"
    for n_alone in (2, 3):
        _add(found, f"{min(n_alone, len(alone))}{without}", tuple(alone[:n_alone]))
    _add(found, "all experts", tuple(best))
    if both_heard:
        for number in (1, 2, 3):
            both = tuple(e for members_of in of_group.values() for e in members_of[:number])
            _add(found, f"{number} best of text and of sound", both)
        for number in (2, 3):
            for group, members_of in of_group.items():
                _add(found, f"{number} best {group}", tuple(members_of[:number]))
    return found


def _add(found: dict[str, tuple[str, ...]], name: str, members: tuple[str, ...]) -> None:
    if len(members) > 1 and frozenset(members) not in {frozenset(m) for m in found.values()}:
        found[name] = members
