"""The table of items that all experts share: one row a distinct (prompt, transcript) pair.

Equal pairs look the same to every expert, so experts compute and train on distinct pairs, weighted
by how often each class was given to them; this is the same loss as on all rows. Folds are folds of
pairs, so that no pair is in two folds: a random split of rows would put most held-out rows into
training as well.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pyscorer.contract.files import read_json
from pyscorer.corpora.spoken_call import CLASSES, Grammar, Response, read_grammar, read_responses
from pyscorer.errors import InputError

UNSEEN = -1


def speaker_of(identifier: str) -> str:
    """The speaker of a response id: what stands before the first `_`, else the id itself."""
    return identifier.partition("_")[0]


@dataclass(frozen=True)
class PairTable:
    """Distinct pairs of training and test rows.

    prompts, responses: N strings. counts: N x 4, training rows of each class. folds: N, the fold
    of a training pair, UNSEEN for a pair that only the test set has. train_rows, test_rows: index
    of each row's pair; train_labels, test_labels: each row's class. train, test: the rows.
    """

    prompts: list[str]
    responses: list[str]
    counts: NDArray[np.float64]
    folds: NDArray[np.int64]
    train: list[Response]
    test: list[Response]
    train_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    train_labels: NDArray[np.int64]
    test_labels: NDArray[np.int64]

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.folds.max()) + 1

    def grouped(self, members: int) -> NDArray[np.int64]:
        """N: the group of folds that each training pair is in, as `folds`, of at most `members`.

        Folds f, f + members, ... form one group: a network that takes long is trained without a
        group of folds, while features and fast experts leave out one fold at a time.
        """
        return np.where(self.folds == UNSEEN, UNSEEN, self.folds % members)

    @property
    def test_seen(self) -> NDArray[np.bool_]:
        """Whether each test row's pair occurs in the training rows."""
        seen: NDArray[np.bool_] = self.folds[self.test_rows] != UNSEEN
        return seen

    def index(self) -> dict[tuple[str, str], int]:
        """Pair -> row of this table."""
        return {p: i for i, p in enumerate(zip(self.prompts, self.responses, strict=True))}


@dataclass(frozen=True)
class TrainingItems:
    """Every class that a training pair was given: which pair, which class, and its weight."""

    pairs: NDArray[np.int64]
    classes: NDArray[np.int64]
    weights: NDArray[np.float64]


def training_items(table: PairTable, power: float) -> TrainingItems:
    """The items of a table; a pair of n rows weighs n**power, shared by its classes' rows."""
    pairs, classes = np.nonzero(table.counts)
    rows = table.counts.sum(axis=1)
    weights = table.counts[pairs, classes] * rows[pairs] ** (power - 1)
    return TrainingItems(pairs, classes, weights)


def build_pairs(train: list[Response], test: list[Response], n_folds: int, seed: int) -> PairTable:
    """Collect the distinct pairs (training pairs first, each group sorted) and draw the folds.

    Folds hold equally many training pairs, within 1. Raises InputError if there are fewer pairs
    than folds, or if n_folds < 2.
    """
    known = sorted({r.pair for r in train})
    if n_folds < 2 or len(known) < n_folds:
        raise InputError(f"{n_folds} folds of {len(known)} distinct pairs: need at least 2 folds")
    pairs = known + sorted({r.pair for r in test} - set(known))
    index = {pair: i for i, pair in enumerate(pairs)}
    counts = np.zeros((len(pairs), len(CLASSES)))
    train_rows = np.array([index[r.pair] for r in train])
    train_labels = np.array([r.label for r in train])
    np.add.at(counts, (train_rows, train_labels), 1)
    folds = np.full(len(pairs), UNSEEN)
    folds[: len(known)] = np.random.default_rng(seed).permutation(len(known)) % n_folds
    return PairTable(
        prompts=[p for p, _ in pairs],
        responses=[r for _, r in pairs],
        counts=counts,
        folds=folds,
        train=train,
        test=test,
        train_rows=train_rows,
        test_rows=np.array([index[r.pair] for r in test], np.int64),
        train_labels=train_labels,
        test_labels=np.array([r.label for r in test], np.int64),
    )


def load_data(data: Path) -> tuple[PairTable, Grammar]:
    """Read what `prepare_responses` wrote to `data`."""
    settings = data / "folds.json"
    if not settings.exists():
        raise InputError(f"{settings}: no such file: run prepare_responses first")
    options = read_json(settings, ["folds", "seed"])
    train, test = read_responses(data / "train.csv"), read_responses(data / "test.csv")
    table = build_pairs(train, test, options["folds"], options["seed"])
    return table, read_grammar(data / "grammar.xml")


def average_members(table: PairTable, outputs: NDArray) -> tuple[NDArray, NDArray]:
    """Out-of-fold and final outputs of an expert from its fold members.

    outputs: seeds x groups x N x C, what the member trained without each group of folds
    (`PairTable.grouped`) says of every pair.
    Returns (out_of_fold, final), both seeds x N x C: for a training pair the word of the member
    that never saw it, and for any pair the mean of all members. Pairs that only the test set has
    get the mean in both.
    """
    final = outputs.mean(axis=1)
    out_of_fold = final.copy()
    groups = table.grouped(outputs.shape[1])
    for group in range(outputs.shape[1]):
        held_out = groups == group
        out_of_fold[:, held_out] = outputs[:, group, held_out]
    return out_of_fold, final
