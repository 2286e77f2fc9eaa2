"""Cross-validation as papers of this task report it: what a network learns from, and what counts.

Of K folds, network k is tested on fold k, stopped by fold k + 1 (of the last, by the first) and
trained on the others. So each row is tested once and validates once. Table: `split` is not pairs,
where features learnt out of fold fit these folds.
"""

import numpy as np
from numpy.typing import NDArray

from pyscorer.errors import InputError
from pyscorer.proficiency.pairs import UNSEEN, PairTable, TrainingItems


def held_out(fold: int, n_folds: int) -> tuple[int, int]:
    """The folds that network `fold` does not learn from: that tests it, and that stops it."""
    return fold, (fold + 1) % n_folds


def tested_items(table: PairTable) -> NDArray[np.bool_]:
    """N: whether an item's training rows may be validated and tested."""
    found = np.zeros(table.n_items, bool)
    found[table.train_rows[table.tested]] = True
    return found


def items_of(table: PairTable, rows: NDArray[np.bool_]) -> TrainingItems:
    """Every class that each of the items `rows` (N) was given, weighing its training rows."""
    items, classes = np.nonzero(table.counts * rows[:, None])
    return TrainingItems(items, classes, table.counts[items, classes])


def trained_on(table: PairTable, fold: int) -> TrainingItems:
    """What network `fold` learns from: all folds but its own and the next."""
    left_out = (UNSEEN, *held_out(fold, table.n_folds))
    return items_of(table, ~np.isin(table.folds, left_out))


def stopped_by(table: PairTable, fold: int) -> TrainingItems:
    """What stops network `fold`: those of the next fold that may be tested."""
    _, stopping = held_out(fold, table.n_folds)
    return items_of(table, (table.folds == stopping) & tested_items(table))


def check_crossed(table: PairTable) -> None:
    """Raises InputError where folds are not those of cross-validation."""
    if table.by == "row" or table.split == "pairs" or table.n_folds < 3:
        raise InputError(
            "the paper's protocol needs 3 or more folds of rows or speakers, of responses that are "
            "text: prepare_responses.split: rows, and folds: 10"
        )


def tested_view(table: PairTable, outputs: NDArray) -> NDArray:
    """Each training row as the network that is tested on its fold judges it.

    outputs: seeds x K x N x C of `train_expert`. Returns seeds x training rows x C.
    """
    return _view(table, outputs, 0)


def validation_view(table: PairTable, outputs: NDArray) -> NDArray:
    """As `tested_view`, by the network that its fold stopped: what choices are made on."""
    return _view(table, outputs, -1)


def _view(table: PairTable, outputs: NDArray, shift: int) -> NDArray:
    networks = (table.folds[table.train_rows] + shift) % outputs.shape[1]
    return outputs[:, networks, table.train_rows]


def mean_view(outputs: NDArray, rows: NDArray[np.int64]) -> NDArray:
    """Rows of the test set as the mean of all K networks judges them: seeds x rows x C.

    rows: the table's test_rows or second_rows.
    """
    found: NDArray = outputs[:, :, rows].mean(axis=1)
    return found
