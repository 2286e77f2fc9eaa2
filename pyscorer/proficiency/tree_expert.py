"""Extremely randomised trees (Geurts et al. 2006) as an expert: our own, on the joined features.

Trained by scikit-learn; kept as plain arrays, which load without pickles and judge one response
fast, since all trees take each step together.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier

from pyscorer.contract.files import atomic_path
from pyscorer.contract.weights import load_arrays
from pyscorer.errors import InputError
from pyscorer.proficiency.pairs import TrainingItems


@dataclass(frozen=True)
class Forest:
    """M members of T trees: nodes of all trees in one list.

    roots: M x T node numbers. feature (-1 at a leaf), threshold (<= goes left), left, right: by
    node. value: nodes x classes, their shares.
    """

    roots: NDArray[np.int32]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float32]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    value: NDArray[np.float32]


def train_forest(
    values: NDArray[np.float32],
    items: TrainingItems,
    members: list[NDArray[np.int64]],
    trees: int,
    seed: int,
    classes: int,
    leaf: int = 3,
) -> Forest:
    """Train a forest a member on its items (numbers into `items`)."""
    roots, parts, start = [], [], 0
    for number, chosen in enumerate(members):
        forest = ExtraTreesClassifier(
            trees, min_samples_leaf=leaf, max_features=0.3, random_state=seed + number, n_jobs=1
        )
        forest.fit(
            values[items.pairs[chosen]],
            items.classes[chosen],
            sample_weight=items.weights[chosen],
        )
        of_member = []
        for tree in (estimator.tree_ for estimator in forest.estimators_):
            value = np.zeros((tree.node_count, classes), np.float32)
            value[:, forest.classes_] = tree.value[:, 0] / tree.value[:, 0].sum(1, keepdims=True)
            inner = tree.children_left >= 0
            parts.append(
                (
                    np.where(inner, tree.feature, -1).astype(np.int32),
                    tree.threshold.astype(np.float32),
                    np.where(inner, tree.children_left + start, 0).astype(np.int32),
                    np.where(inner, tree.children_right + start, 0).astype(np.int32),
                    value,
                )
            )
            of_member.append(start)
            start += tree.node_count
        roots.append(of_member)
    arrays = [np.concatenate(column) for column in zip(*parts, strict=True)]
    return Forest(np.array(roots, np.int32), *arrays)


def apply_forest(forest: Forest, values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Class shares of every member: M x N x classes of N x D values."""
    out = np.zeros((len(forest.roots), len(values), forest.value.shape[1]), np.float32)
    flat = forest.roots.ravel()
    for n, row in enumerate(values):
        node = flat.copy()
        active = np.flatnonzero(forest.feature[node] >= 0)
        while len(active):
            at = node[active]
            goes_left = row[forest.feature[at]] <= forest.threshold[at]
            node[active] = np.where(goes_left, forest.left[at], forest.right[at])
            active = active[forest.feature[node[active]] >= 0]
        out[:, n] = forest.value[node].reshape(*forest.roots.shape, -1).mean(axis=1)
    return out


def save_forest(path: Path, forest: Forest) -> None:
    """Write a forest (.npz)."""
    with atomic_path(path) as part, part.open("wb") as stream:
        np.savez(stream, **vars(forest))


def load_forest(path: Path) -> Forest:
    """Read a forest."""
    try:
        return Forest(**load_arrays(path, "train_expert"))
    except TypeError as error:
        raise InputError(f"{path}: no forest of train_expert ({error})") from None
