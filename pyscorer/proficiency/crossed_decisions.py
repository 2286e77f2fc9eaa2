"""What experts and their combinations say in the paper's protocol, and what is decided of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyscorer.evaluation.acceptance import Exams, choose_threshold, count_decisions
from pyscorer.proficiency.combine import pseudo_joint, shares_of
from pyscorer.proficiency.crossing import held_out, mean_view, tested_view, validation_view
from pyscorer.proficiency.pairs import PairTable
from pyscorer.proficiency.paper_combinations import CRITERIA
from pyscorer.proficiency.selection import Validation, choose
from pyscorer.proficiency.task import Rule

PARTS = ("validated", "tested", "test", "second")
"""Training rows as the networks that stop on them and those that test them see them, test rows, and
test rows as a second recogniser heard them.
"""

Words = dict[str, NDArray]
"""Part -> what is said of its rows, seeds x rows x classes; no rows where there is no such part."""


@dataclass(frozen=True)
class Crossing:
    """The rows of the table in cross-validation, and the rows thresholds are tuned on.

    like_test: the rows that tune thresholds for test rows, and exams that are like these.
    """

    table: PairTable
    like_test: Validation

    @property
    def labels(self) -> NDArray[np.int64]:
        """Of training rows."""
        return self.table.train_labels

    @property
    def folds(self) -> NDArray[np.int64]:
        """Of training rows."""
        return self.table.folds[self.table.train_rows]

    @property
    def counted(self) -> NDArray[np.bool_]:
        """Which training rows are validated and tested; others train only."""
        return self.table.tested

    def priors(self) -> dict[str, NDArray]:
        """Part -> class priors that broadcast over what is said of it.

        Of a training row those of the rows that its network was trained on; of test rows those of
        all training rows.
        """
        n_folds, c = self.table.n_folds, self.table.counts.shape[1]
        of_fold = np.stack(
            [
                shares_of(np.bincount(self.labels[self._learnt(fold)], minlength=c).astype(float))
                for fold in range(n_folds)
            ]
        )
        everywhere = shares_of(np.bincount(self.labels, minlength=c).astype(float))
        tested, validated = of_fold[self.folds], of_fold[(self.folds - 1) % n_folds]
        return {"tested": tested, "validated": validated} | dict.fromkeys(PARTS[2:], everywhere)

    def _learnt(self, fold: int) -> NDArray[np.bool_]:
        learnt: NDArray[np.bool_] = ~np.isin(self.folds, held_out(fold, self.table.n_folds))
        return learnt


@dataclass(frozen=True)
class Decisions:
    """Part -> seeds x rows, whether accepted: by the largest output, and by a tuned threshold.

    Nothing is tuned for validation rows themselves.
    """

    accepted: dict[str, NDArray[np.bool_]]
    tuned: dict[str, NDArray[np.bool_]]


def learnt_pairs(table: PairTable) -> NDArray[np.bool_]:
    """Whether the network that is tested on each training row was trained on its pair."""
    folds = table.folds[table.train_rows]
    folds_of: dict[tuple[str, str], set[int]] = {}
    for response, fold in zip(table.train, folds.tolist(), strict=True):
        folds_of.setdefault(response.pair, set()).add(fold)
    return np.array(
        [
            bool(folds_of[response.pair].difference(held_out(fold, table.n_folds)))
            for response, fold in zip(table.train, folds.tolist(), strict=True)
        ]
    )


def views(table: PairTable, outputs: NDArray) -> Words:
    """What an expert's networks say: on test rows their mean. outputs: seeds x folds x N x c."""
    return {
        "validated": validation_view(table, outputs),
        "tested": tested_view(table, outputs),
        "test": mean_view(outputs, table.test_rows),
        "second": mean_view(outputs, table.second_rows),
    }


def joined(said: Sequence[Words], crossing: Crossing) -> Words:
    """The pseudo-joint model of experts: see `combine.pseudo_joint`."""
    priors = crossing.priors()
    return {part: pseudo_joint([words[part] for words in said], priors[part]) for part in PARTS}


def decide(said: Words, crossing: Crossing) -> Decisions:
    """Accept where the first class is the largest output; and from a tuned threshold on.

    The threshold is on `Rule.score`. For the tested rows of fold k that of each seed has the
    highest D_full on the validation rows of all other folds, within the limits. For test rows it is
    chosen as our own protocol chooses, with the weight of a wrong meaning, see `selection.choose`.
    """
    accepted = {part: said[part].argmax(axis=-1) == 0 for part in PARTS}
    rule = Rule(crossing.table.classes)
    scores = {part: rule.score(said[part]) for part in PARTS[:2]}
    tuned = {"tested": np.zeros(scores["tested"].shape, bool)}
    limits = crossing.like_test.limits
    for seed, validated in enumerate(scores["validated"]):
        for fold in range(crossing.table.n_folds):
            own = crossing.folds == fold
            others = crossing.counted & ~own
            labels = crossing.labels[others]
            everything = Exams(np.arange(len(labels))[None], labels)
            threshold, _ = choose_threshold(
                validated[others], everything, limits.min_recall, limits.min_rejection
            )
            tuned["tested"][seed, own] = scores["tested"][seed, own] >= threshold
    choice = choose(said["validated"], crossing.like_test)
    rule = Rule(crossing.table.classes, choice.gross)
    for part in PARTS[2:]:
        tuned[part] = rule.score(said[part]) >= np.array(choice.thresholds)[:, None]
    return Decisions(accepted, tuned)


def vote(networks: Sequence[Decisions], said: Sequence[Words]) -> Decisions:
    """The FBK baseline: the majority of the networks rules.

    Where as many accept as reject, the mean of what they say decides.
    """
    tie = {part: np.mean([w[part] for w in said], axis=0).argmax(axis=-1) == 0 for part in PARTS}
    return Decisions(
        {part: majority([n.accepted[part] for n in networks], tie[part]) for part in PARTS},
        {part: majority([n.tuned[part] for n in networks], tie[part]) for part in PARTS[1:]},
    )


def majority(votes: Sequence[NDArray], tie: NDArray) -> NDArray[np.bool_]:
    """Whether more than half accept, or half of them where `tie` is set."""
    for_it, half = np.sum(votes, axis=0), len(votes) / 2
    accepted: NDArray[np.bool_] = (for_it > half) | ((for_it == half) & tie)
    return accepted


def validation_metrics(decisions: Decisions, crossing: Crossing) -> dict[str, float]:
    """Mean over seeds of every criterion on validation rows, by the largest output."""
    rows = crossing.counted
    found = [
        count_decisions(accepted[rows], crossing.labels[rows]).as_row()
        for accepted in decisions.accepted["validated"]
    ]
    return {c: float(np.nan_to_num(np.mean([row[c] for row in found]))) for c in CRITERIA}


def grammar_words(table: PairTable, matches: NDArray[np.bool_], seeds: int) -> Words:
    """What the grammar says of every part: right where it has the response, else wrong."""
    said = np.zeros((table.n_items, table.counts.shape[1]), np.float32)
    said[np.arange(table.n_items), np.where(matches, 0, 2)] = 1
    rows: Mapping[str, NDArray] = {
        "validated": table.train_rows,
        "tested": table.train_rows,
        "test": table.test_rows,
        "second": table.second_rows,
    }
    return {part: np.tile(said[rows[part]], (seeds, 1, 1)) for part in PARTS}
