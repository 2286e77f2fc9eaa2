"""The table of items that all experts share: what they are fed, how it was judged, and the folds.

An item is a distinct (prompt, transcript) pair, where responses are text alone: equal pairs look
the same to every expert, so experts compute and train on distinct pairs, weighted by how often each
class was given to them, which is the same loss as on all rows. Folds are folds of pairs, so that no
pair is in two folds: a random split of rows would put most held-out rows into training as well.

That split is what papers report, though. With folds of rows, or of speakers, an item is a distinct
(pair, fold, whether it is tested): what is learnt out of fold then differs between equal pairs.

Of recordings an item is a row, since two recordings of one pair differ; folds are folds of
speakers.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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
Split = Literal["pairs", "rows", "speakers"]
"""What folds of typed or recognised responses are folds of."""


def known_speaker(response: Response) -> bool:
    """Whether a speaker is named, or the id begins with one."""
    return bool(response.speaker) or "_" in response.id


def speaker_of(response: Response) -> str:
    """The speaker that is named, else what stands before the first `_` of the id, else the id."""
    return response.speaker or response.id.partition("_")[0]


@dataclass(frozen=True)
class PairTable:
    """Items of training and test rows.

    prompts, responses: N strings. counts: N x classes, training rows of each class. folds: N, the
    fold of a training item, UNSEEN for an item of the test set alone. train_rows, test_rows: index
    of each row's item; train_labels, test_labels: each row's class. train, test: the rows.
    tested: whether each training row may be validated and tested, or trains only. second_rows: as
    test_rows, the items of what a second recogniser heard; empty where there is none.
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
    tested: NDArray[np.bool_]
    second_rows: NDArray[np.int64]
    classes: Classes = LANGUAGE_MEANING
    by: By = "pair"
    split: Split = "pairs"

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
        """Whether each test row's pair, of recordings its item, occurs in the training rows."""
        return self.seen(self.test_rows)

    def seen(self, items: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Whether the pair, of recordings the item, occurs in the training rows."""
        if self.by == "row":
            found: NDArray[np.bool_] = self.folds[items] != UNSEEN
            return found
        known = {r.pair for r in self.train}
        return np.array([(self.prompts[i], self.responses[i]) in known for i in items], bool)


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
    drawn = np.random.default_rng(seed).permutation(len(known)) % n_folds
    fold_of = dict(zip(known, drawn.tolist(), strict=True))
    folds = np.array([fold_of[r.pair] for r in train], np.int64)
    tested = np.ones(len(train), bool)
    return _of_text(train, (test, []), folds, tested, "pairs")


def build_crossed(
    train: list[Response],
    test: tuple[list[Response], list[Response]],
    split: Split,
    untested: str,
    n_folds: int,
    seed: int,
) -> PairTable:
    """Folds of rows at random, or of speakers, as the papers of this task split.

    test: test rows, and the same rows as a second recogniser heard them, or none. Training rows
    whose id matches `untested` train only, as do, by speakers, those of no known speaker: they have
    folds at random. Of either kind of rows folds hold equally many, within 1; by speakers, of like
    classes. Raises InputError for less than 3 folds (one is tested, one validates, others train),
    and for fewer rows or speakers that are tested than folds.
    """
    if n_folds < 3:
        raise InputError(
            f"{n_folds} folds of {split}: need at least 3: one is tested, one stops the training"
        )
    labels = np.array([r.label for r in train], np.int64)
    tested = np.array([not (untested and re.search(untested, r.id)) for r in train], bool)
    if split == "speakers":
        tested &= [known_speaker(r) for r in train]
    rng = np.random.default_rng(seed)
    folds = np.full(len(train), UNSEEN)
    for kind in (True, False):
        rows = np.flatnonzero(tested == kind)
        folds[rows] = rng.permutation(len(rows)) % n_folds
    rows = np.flatnonzero(tested)
    if split == "speakers":
        speakers = np.array([speaker_of(train[i]) for i in rows])
        folds[rows] = speaker_folds(speakers, labels[rows], n_folds, seed)
    elif len(rows) < n_folds:
        raise InputError(
            f"{len(rows)} training rows that may be tested cannot make {n_folds} folds"
        )
    return _of_text(train, test, folds, tested, split)


def _of_text(
    train: list[Response],
    test: tuple[list[Response], list[Response]],
    folds: NDArray[np.int64],
    tested: NDArray[np.bool_],
    split: Split,
) -> PairTable:
    """Items: training items first, then those of test rows alone, each group sorted.

    By pairs a test row's item is the training item of its pair, where there is one.
    """
    keys = [
        (r.pair, fold, of_test)
        for r, fold, of_test in zip(train, folds.tolist(), tested.tolist(), strict=True)
    ]
    items = sorted(set(keys))
    index: dict[tuple[str, str], int] = {}
    if split == "pairs":
        index = {pair: i for i, (pair, _, _) in enumerate(items)}
    new = sorted({r.pair for rows in test for r in rows} - index.keys())
    index |= {pair: len(items) + i for i, pair in enumerate(new)}
    of_key = {key: i for i, key in enumerate(items)}
    pairs = [pair for pair, _, _ in items] + new
    counts = np.zeros((len(pairs), len(LANGUAGE_MEANING.names)))
    train_rows = np.array([of_key[key] for key in keys])
    train_labels = np.array([r.label for r in train])
    np.add.at(counts, (train_rows, train_labels), 1)
    test_rows, second_rows = (np.array([index[r.pair] for r in rows], np.int64) for rows in test)
    return PairTable(
        prompts=[p for p, _ in pairs],
        responses=[r for _, r in pairs],
        counts=counts,
        folds=np.array([fold for _, fold, _ in items] + [UNSEEN] * len(new)),
        train=train,
        test=test[0],
        train_rows=train_rows,
        test_rows=test_rows,
        train_labels=train_labels,
        test_labels=np.array([r.label for r in test[0]], np.int64),
        tested=tested,
        second_rows=second_rows,
        split=split,
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
        tested=np.ones(len(train), bool),
        second_rows=np.zeros(0, np.int64),
        classes=classes,
        by="row",
    )


def build_table(
    train: list[Response],
    test: list[Response],
    second: list[Response],
    classes: Classes,
    settings: Mapping[str, Any],
) -> PairTable:
    """The table that folds.json says: `by`, `folds`, `seed` and, of other splits than of pairs,
    `split` and `untested`. Errors as of `build_rows`, `build_pairs` and `build_crossed`."""
    folds, seed = settings["folds"], settings["seed"]
    if settings["by"] == "row":
        return build_rows(train, test, classes, folds, seed)
    if (split := settings.get("split", "pairs")) == "pairs":
        return build_pairs(train, test, folds, seed)
    return build_crossed(train, (test, second), split, settings["untested"], folds, seed)


def load_data(data: Path) -> tuple[PairTable, Grammar]:
    """Read what `prepare_responses` wrote to `data`; without a grammar it is empty.

    By row the items are the rows of train.csv, then those of test.csv. By folds of rows or speakers
    what a second recogniser heard in the test rows is second.csv, where it is there.
    """
    settings = data / "folds.json"
    if not settings.exists():
        raise InputError(f"{settings}: no such file: run prepare_responses first")
    options = read_json(settings, ["by", "folds", "seed"])
    classes = read_classes(data)
    train, test = (read_response_file(data / f"{s}.csv", classes) for s in ("train", "test"))
    heard = data / "second.csv"
    second = read_response_file(heard, classes) if heard.exists() else []
    table = build_table(train, test, second, classes, options)
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
