"""Mixtures of experts in cross-validation: a gate a fold, trained and applied."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from numpy.typing import NDArray

from pyscorer.proficiency.crossed_decisions import Crossing, Words
from pyscorer.proficiency.crossed_gates import (
    CrossedGateOptions,
    CrossedRows,
    mix_rows,
    mix_test,
    train_gates,
)
from pyscorer.proficiency.loss import GROSS_FACTOR
from pyscorer.proficiency.mixture import concatenate

log = logging.getLogger(__name__)

Group = Literal["paper", "search", "ours"]
"""Whose a combination is: named in the paper, of those it searched, or with our experts."""


@dataclass(frozen=True)
class Experts:
    """What experts say. outputs: seeds x folds x N x c. said: their views."""

    outputs: dict[str, NDArray]
    said: dict[str, Words]
    crossing: Crossing

    def seeds(self, members: Sequence[str]) -> int:
        """How many seeds all of them have: a combination has no more."""
        return min(len(self.outputs[m]) for m in members)

    def words(self, members: Sequence[str]) -> list[Words]:
        """What the members say, of the seeds that all of them have."""
        seeds = self.seeds(members)
        return [{part: said[:seeds] for part, said in self.said[m].items()} for m in members]


@dataclass(frozen=True)
class Mixture:
    """A mixture to be trained."""

    name: str
    group: Group
    members: tuple[str, ...]
    gross_factor: float = GROSS_FACTOR
    learning_rate: float = 1e-3


def mixed(shared: tuple[Experts, CrossedGateOptions], task: Mixture) -> Words:
    """Train the gates of a mixture and apply them; rate and lambda are the mixture's own."""
    experts, options = shared
    crossing, table = experts.crossing, experts.crossing.table
    words = experts.words(task.members)
    tested, validated = (
        concatenate([said[part] for said in words]) for part in ("tested", "validated")
    )
    rows = CrossedRows(
        tested,
        validated,
        crossing.labels,
        crossing.folds,
        crossing.counted,
        table.n_folds,
    )
    options = replace(options, gross_factor=task.gross_factor, learning_rate=task.learning_rate)
    log.info("gates of %s: %s", task.name, ", ".join(task.members))
    gates = train_gates(rows, table.classes, options)
    tested, validated = mix_rows(gates, rows, options.inputs)
    outputs = [experts.outputs[m][: experts.seeds(task.members)] for m in task.members]
    test, second = (
        mix_test(gates, concatenate([o[:, :, at] for o in outputs]), options.inputs)
        for at in (table.test_rows, table.second_rows)
    )
    return {"tested": tested, "validated": validated, "test": test, "second": second}
