"""The table of items that all experts share: what they are fed, how it was judged, and the folds.

An item is a distinct (prompt, transcript) pair, where responses are text alone: equal pairs look
the same to every expert, so experts compute and train on distinct pairs, weighted by how often each
class was given to them, which is the same loss as on all rows. Folds are folds of pairs, so that no
pair is in two folds: a random split of rows would put most held-out rows into training as well.

Of recordings an item is a row, since two recordings of one pair differ; folds are folds of
speakers.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pyscorer.contract.classes import LANGUAGE_MEANING, Classes, read_classes
from pyscorer.contract.files import read_json
from pyscorer.corpora.spoken_call import Grammar, Response, read_grammar
from pyscorer.errors import InputError
from pyscorer.proficiency.response_file import read_response_file
from pyscorer.scoring.folds import speaker_folds

UNSEEN = -1
By = Literal["pair", "row"]
"""What an item is."""


def speaker_of(response: Response) -> str:
    """The speaker that is named, else what stands before the first `_` of the id, else the id."""
    return response.speaker or response.id.partition("_")[0]


@dataclass(frozen=True)
class PairTable:
    """Items of training and test rows.

    prompts, responses: N strings. counts: N x classes, training rows of each class. folds: N, the
    fold of a training item, UNSEEN for an item that only the test set has. train_rows, test_rows:
    index of each row's item; train_labels, test_labels: each row's class. train, test: the rows.
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
    classes: Classes = LANGUAGE_MEANING
    by: By = "pair"

    @property
    def n_items(self) -> int:
        """N."""
        return len(self.prompts)

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return int(self.folds.max()) + 1

    @property
    def keys(self) -> list[str]:
        """The id of every row, training rows first: by row, of every item."""
        return [r.id for r in (*self.train, *self.test)]

    @property
    def speakers(self) -> list[str]:
        """The speaker of every row, as `keys`."""
        return [speaker_of(r) for r in (*self.train, *self.test)]

    def grouped(self, members: int) -> NDArray[np.int64]:
        """N: the group of folds that each training item is in, as `folds`, of at most `members`.

        Folds f, f + members, ... form one group: a network that takes long is trained without a
        group of folds, while features and fast experts leave out one fold at a time.
        """
        return np.where(self.folds == UNSEEN, UNSEEN, self.folds % members)

    @property
    def test_seen(self) -> NDArray[np.bool_]:
        """Whether each test row's item occurs in the training rows."""
        seen: NDArray[np.bool_] = self.folds[self.test_rows] != UNSEEN
        return seen

    def index(self) -> dict[tuple[str, str], int]:
        """Pair -> row of this table."""
        return {p: i for i, p in enumerate(zip(self.prompts, self.responses, strict=True))}


@dataclass(frozen=True)
class TrainingItems:
    """Every class that a training item was given: which item, which class, and its weight."""

    pairs: NDArray[np.int64]
    classes: NDArray[np.int64]
    weights: NDArray[np.float64]


def training_items(table: PairTable, power: float) -> TrainingItems:
    """What a table has to learn from; n rows of an item weigh n**power, shared by its classes."""
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
    counts = np.zeros((len(pairs), len(LANGUAGE_MEANING.names)))
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


def build_rows(
    train: list[Response], test: list[Response], classes: Classes, n_folds: int, seed: int
) -> PairTable:
    """Every row an item, training rows first; folds of whole speakers, of like classes.

    Raises InputError for fewer speakers than folds.
    """
    rows = [*train, *test]
    labels = np.array([r.label for r in rows], np.int64)
    counts = np.zeros((len(rows), len(classes.names)))
    counts[np.arange(len(train)), labels[: len(train)]] = 1
    folds = np.full(len(rows), UNSEEN)
    speakers = np.array([speaker_of(r) for r in train])
    folds[: len(train)] = speaker_folds(speakers, labels[: len(train)], n_folds, seed)
    return PairTable(
        prompts=[r.prompt for r in rows],
        responses=[r.recognised for r in rows],
        counts=counts,
        folds=folds,
        train=train,
        test=test,
        train_rows=np.arange(len(train)),
        test_rows=np.arange(len(train), len(rows)),
        train_labels=labels[: len(train)],
        test_labels=labels[len(train) :],
        classes=classes,
        by="row",
    )


def load_data(data: Path) -> tuple[PairTable, Grammar]:
    """Read what `prepare_responses` wrote to `data`; without a grammar it is empty.

    By row the items are the rows of train.csv, then those of test.csv.
    """
    settings = data / "folds.json"
    if not settings.exists():
        raise InputError(f"{settings}: no such file: run prepare_responses first")
    options = read_json(settings, ["by", "folds", "seed"])
    classes = read_classes(data)
    train, test = (read_response_file(data / f"{s}.csv", classes) for s in ("train", "test"))
    if options["by"] == "row":
        table = build_rows(train, test, classes, options["folds"], options["seed"])
    else:
        table = build_pairs(train, test, options["folds"], options["seed"])
    grammar = data / "grammar.xml"
    return table, read_grammar(grammar) if grammar.exists() else {}


def average_members(table: PairTable, outputs: NDArray) -> tuple[NDArray, NDArray]:
    """Out-of-fold and final outputs of an expert from its fold members.

    outputs: seeds x groups x N x C, what the member trained without each group of folds
    (`PairTable.grouped`) says of every item.
    Returns (out_of_fold, final), both seeds x N x C: for a training item the word of the member
    that never saw it, and for any item the mean of all members. Items that only the test set has
    get the mean in both.
    """
    final = outputs.mean(axis=1)
    out_of_fold = final.copy()
    groups = table.grouped(outputs.shape[1])
    for group in range(outputs.shape[1]):
        held_out = groups == group
        out_of_fold[:, held_out] = outputs[:, group, held_out]
    return out_of_fold, final
