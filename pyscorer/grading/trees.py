"""Boosted trees that score phones and words, beside the network: they err elsewhere.

Trained by scikit-learn; kept as plain arrays, which load without pickles and without scikit-learn.
"""

from dataclasses import dataclass

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from pyscorer.contract.labels import Labels, word_starts
from pyscorer.contract.pooled import Selection
from pyscorer.grading.grader_inputs import STATES, GraderInputs, place_in_word

PHONE_SHARE, WORD_SHARE = 0.5, 0.25
"""Of the trees in the mean with the network's scores."""
_ROWS = 4096
"""Rows that take each step together: with more, memory grows to no gain."""


@dataclass(frozen=True)
class Trees:
    """Trees that are added up: the nodes of all, one tree after the other."""

    base: float
    depth: int
    """Steps from a root to the farthest leaf."""
    roots: torch.Tensor
    """Trees."""
    feature: torch.Tensor
    """Nodes: the column that is asked."""
    threshold: torch.Tensor
    """Nodes: what is not greater goes to the first child."""
    children: torch.Tensor
    """2 x nodes; a leaf is its own child."""
    value: torch.Tensor
    """Nodes."""

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Scores of rows x columns; all trees take each step together."""
        feature, threshold, value = (
            part.numpy() for part in (self.feature, self.threshold, self.value)
        )
        children = self.children.numpy().ravel()
        parts = [np.zeros(0, np.float32)]
        for rows in np.split(x, range(_ROWS, len(x), _ROWS)):
            first = np.arange(len(rows))[:, None] * rows.shape[1]
            node = np.broadcast_to(self.roots.numpy(), (len(rows), len(self.roots)))
            for _ in range(self.depth):
                asked = rows.take(first + feature.take(node))
                node = children.take(node + len(value) * (asked > threshold.take(node)))
            parts.append(self.base + value.take(node).sum(axis=1))
        return np.concatenate(parts).astype(np.float32)


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
    tables: tuple[np.ndarray, np.ndarray], labels: Labels, train: Selection, seed: int
) -> tuple[Trees, ...]:
    """Trees of the phones, then of each of WORD_ASPECTS, from `tree_inputs` of the train part."""
    phones, words = tables[0][train.phones], tables[1][train.words]
    targets = labels.words[train.words].T
    return (
        fit_trees(phones, labels.phones[train.phones], seed),
        *(fit_trees(words, target, seed) for target in targets),
    )


def fit_trees(x: np.ndarray, y: np.ndarray, seed: int) -> Trees:
    """Gradient boosting (Friedman 2001) of squared error on the rows whose `y` is known."""
    # Here: scikit-learn takes seconds, which whoever scores a recording does without.
    from sklearn.ensemble import HistGradientBoostingRegressor

    known = ~np.isnan(y)
    boosted = HistGradientBoostingRegressor(
        max_iter=200,
        max_leaf_nodes=24,
        learning_rate=0.05,
        l2_regularization=5.0,
        min_samples_leaf=60,
        max_features=0.3,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1):  # the processes share the cores
        boosted.fit(x[known], y[known])
    trees = [stage[0].nodes for stage in boosted._predictors]  # there is no public way to these
    sizes = [len(tree) for tree in trees]
    nodes, first = np.concatenate(trees), np.repeat(np.cumsum(sizes) - sizes, sizes)
    leaf, own = nodes["is_leaf"] > 0, np.arange(len(nodes))
    children = [np.where(leaf, own, first + nodes[side]) for side in ("left", "right")]
    return Trees(
        float(boosted._baseline_prediction.item()),
        int(nodes["depth"].max()),
        torch.from_numpy(np.unique(first)),
        torch.from_numpy(np.where(leaf, 0, nodes["feature_idx"]).astype(np.int32)),
        torch.from_numpy(nodes["num_threshold"].astype(np.float32)),
        torch.from_numpy(np.stack(children).astype(np.int32)),
        torch.from_numpy(nodes["value"].astype(np.float32)),
    )
