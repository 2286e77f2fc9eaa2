"""Validation: thresholds, and which experts a mixture is made of."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pyscorer.errors import InputError
from pyscorer.evaluation.acceptance import (
    GROSS_WEIGHT,
    Exams,
    choose_threshold,
    count_decisions,
    draw_exams,
)
from pyscorer.proficiency.combine import acceptance_score, other_rows
from pyscorer.proficiency.pairs import PairTable

Criterion = Literal["d_full", "f1"]
CRITERIA: tuple[Criterion, ...] = ("d_full", "f1")
GROSS_WEIGHTS = (1.0, 1.5, 2.0, GROSS_WEIGHT)
"""What a wrong meaning may weigh in a system's score, chosen on validation rows.

A gross false accept costs three plain ones, but a gross rejection gains no more than a plain one:
what a meaning should weigh lies between 1 and 3 and depends on the threshold.
"""


@dataclass(frozen=True)
class Limits:
    """Constraints of the threshold's choice, on validation rows."""

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


@dataclass(frozen=True)
class Choice:
    """What validation rows chose for a system.

    gross: weight of a wrong meaning in the score. thresholds, metrics: one a seed; d_full: mean
    over seeds of the exams' (geometric) mean D_full.
    """

    gross: float
    thresholds: list[float]
    metrics: list[dict[str, float]]
    d_full: float

    @property
    def f1(self) -> float:
        """Mean F1 over seeds."""
        return float(np.mean([row["f1"] for row in self.metrics]))


def build_validation(
    table: PairTable,
    limits: Limits,
    ids: str = "",
    accepted: NDArray[np.bool_] | None = None,
    exams: int = 200,
    seed: int = 0,
) -> Validation:
    """Take the training rows whose id matches `ids` and weigh them to be like the test rows.

    Rows fall into strata: whether training rows of another speaker hold the pair, whether the
    transcript is empty, and whether the grammar accepts it (`accepted`, by pair). Each stratum gets
    the weight that it has among the test rows, of which no label is read: empty transcripts, all
    wrong and easily rejected, must not decide anything where the test set has none. Raises
    InputError if no row matches, or if those that do are all right or all wrong.
    """
    rows = np.flatnonzero([re.search(ids, r.id) is not None for r in table.train])
    if not len(rows):
        raise InputError(f"no training response has an id that matches {ids!r}")
    labels = table.train_labels[rows]
    if (labels == 0).all() or (labels != 0).all():
        raise InputError(f"the responses that match {ids!r} are all right or all wrong")
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
        if not ((labels == 0) @ weights and (labels != 0) @ weights):
            weights = np.ones(len(rows))
    drawn = draw_exams(labels, weights, size, exams, seed)
    return Validation(rows, labels, weights, drawn, limits)


def choose(
    outputs: NDArray, validation: Validation, gross_weights: Sequence[float] = GROSS_WEIGHTS
) -> Choice:
    """Choose the weight of meaning and a threshold a seed: seeds x training rows x 4 outputs."""
    chosen: Choice | None = None
    for gross in gross_weights:
        choice = choose_scores(acceptance_score(outputs, gross), validation, gross)
        if chosen is None or choice.d_full > chosen.d_full:
            chosen = choice
    assert chosen is not None
    return chosen


def choose_scores(scores: NDArray, validation: Validation, gross: float = GROSS_WEIGHT) -> Choice:
    """Choose a threshold a seed: seeds x training rows scores, out of fold."""
    limits = validation.limits
    scores = scores[:, validation.rows]
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


def rank_experts(choices: Mapping[str, Choice]) -> dict[Criterion, list[str]]:
    """Experts from best to worst on validation rows by each criterion."""
    return {
        criterion: sorted(choices, key=lambda e: (-getattr(choices[e], criterion), e))
        for criterion in CRITERIA
    }


def subsets(ranking: Mapping[Criterion, list[str]]) -> dict[str, tuple[str, ...]]:
    """Name -> experts: (1 or 3 best FBK) x (by D_full or F1) x (1, 2 or 3 best stand-alone).

    Then the 2 and 3 best stand-alone experts without FBK, and all experts. Subsets that come out
    equal are kept once, under the name met first. FBK networks are ranked by the
    criterion of the name; the stand-alone experts by D_full.
    """
    alone = [e for e in ranking["d_full"] if not is_fbk(e)]
    found: dict[str, tuple[str, ...]] = {}
    for criterion in CRITERIA:
        fbk = [e for e in ranking[criterion] if is_fbk(e)]
        for n_fbk in (1, 3):
            for n_alone in (1, 2, 3):
                members = (*fbk[:n_fbk], *alone[:n_alone])
                name = f"{min(n_fbk, len(fbk))} FBK ({criterion}) + {min(n_alone, len(alone))}"
                _add(found, name, members)
    for n_alone in (2, 3):
        _add(found, f"{min(n_alone, len(alone))} without FBK", tuple(alone[:n_alone]))
    _add(found, "all experts", tuple(ranking["d_full"]))
    return found


def _add(found: dict[str, tuple[str, ...]], name: str, members: tuple[str, ...]) -> None:
    if len(members) > 1 and frozenset(members) not in {frozenset(m) for m in found.values()}:
        found[name] = members
