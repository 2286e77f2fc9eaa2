"""Boosted trees that score phones and words, beside the network: they err elsewhere."""

import numpy as np

from pyscorer.contract.labels import Labels, word_starts
from pyscorer.contract.pooled import Selection
from pyscorer.grading.grader_inputs import STATES, GraderInputs, place_in_word
from pyscorer.scoring.trees import Trees, boost

PHONE_SHARE, WORD_SHARE = 0.5, 0.25
"""Of the trees in the mean with the network's scores."""


def tree_inputs(inputs: GraderInputs) -> tuple[np.ndarray, np.ndarray]:
    """What trees read: of phones all but deep features, with the word's inputs; of words theirs."""
    starts = word_starts(inputs.pooled)
    of_word = np.diff(np.append(starts, len(inputs.pooled.phones)))
    blocks, at = [], 0
    for name, width in inputs.spans:
        if not name.endswith(STATES):
            blocks.append(inputs.pooled.features[:, at : at + width])
        at += width
    blocks += [inputs.words.repeat(of_word, axis=0)]
    places = np.column_stack([inputs.pooled.phones, place_in_word(inputs.pooled)])
    phones = np.concatenate([*blocks, places], axis=1, dtype=np.float32)
    return np.nan_to_num(phones), np.nan_to_num(inputs.words)


def fit_grader_trees(
    tables: tuple[np.ndarray, np.ndarray],
    labels: Labels,
    train: Selection,
    seed: int,
    emphasis: np.ndarray | None = None,
) -> tuple[Trees, ...]:
    """Trees of the phones, then of each aspect of words, from `tree_inputs` of the train part.

    `emphasis` weighs the scores of words: words x aspects.
    """
    phones, words = tables[0][train.phones], tables[1][train.words]
    targets = labels.words[train.words].T
    own = [None] * len(targets) if emphasis is None else list(emphasis[train.words].T)
    return (
        fit_trees(phones, labels.phones[train.phones], seed),
        *(fit_trees(words, y, seed, weights) for y, weights in zip(targets, own, strict=True)),
    )


def fit_trees(x: np.ndarray, y: np.ndarray, seed: int, weights: np.ndarray | None = None) -> Trees:
    """Boosted trees of the rows whose `y` is known."""
    known = ~np.isnan(y)
    return boost(
        *(x[known], y[known], seed, None if weights is None else weights[known]),
        max_iter=200,
        max_leaf_nodes=24,
        learning_rate=0.05,
        l2_regularization=5.0,
        min_samples_leaf=60,
        max_features=0.3,
    )
