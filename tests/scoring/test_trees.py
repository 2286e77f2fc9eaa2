"""Boosted trees kept in treelite's format: against scikit-learn, and what is damaged."""

import pickle

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor

from pyscorer.errors import InputError
from pyscorer.grading.grader_trees import fit_trees
from pyscorer.scoring.trees import Trees, boost

OPTIONS = {"max_iter": 200, "max_leaf_nodes": 24, "learning_rate": 0.05, "max_features": 0.3}


def data(rows: int = 5000) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(rows, 6)).astype(np.float32)
    return x, (x[:, 0] * x[:, 1] + 0.1 * generator.normal(size=rows)).astype(np.float32)


def test_a_stump_is_its_base_and_the_leaf_of_each_side() -> None:
    # One tree of two leaves, learning rate 1: the means of both sides.
    x, y = np.array([[0.0]] * 30 + [[1.0]] * 30), np.array([2.0] * 30 + [8.0] * 30)
    trees = boost(x, y, 0, max_iter=1, max_leaf_nodes=2, learning_rate=1.0)
    np.testing.assert_allclose(trees(np.array([[0.0], [0.4], [0.6], [9.0]])), [2, 2, 8, 8])
    assert trees(x[:0]).shape == (0,)


def test_what_is_kept_scores_as_scikit_learn_does_and_unknown_scores_teach_nothing() -> None:
    x, y = data()
    own = HistGradientBoostingRegressor(
        l2_regularization=5.0, min_samples_leaf=60, early_stopping=False, random_state=3, **OPTIONS
    )
    wanted = own.fit(x, y).predict(x)
    unknown = np.concatenate([y, np.full(10, np.nan, np.float32)])
    found = fit_trees(np.concatenate([x, x[:10]]), unknown, seed=3)(x)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_a_column_that_is_not_known_goes_where_it_went_in_training() -> None:
    x, y = data(600)
    x[::7, 0] = np.nan
    x[:, 5] = np.nan  # of no row
    own = HistGradientBoostingRegressor(early_stopping=False, random_state=1, max_iter=20)
    wanted = own.fit(np.where(np.isnan(x).all(axis=0), 0, x), y).predict(x)
    np.testing.assert_allclose(boost(x, y, 1, max_iter=20)(x), wanted, atol=1e-9)


def test_trees_travel_as_tensors_and_between_processes() -> None:
    x, y = data(300)
    trees = boost(x, y, 0, max_iter=5)
    expected = trees(x)
    for copy in (Trees.from_tensor(trees.as_tensor()), pickle.loads(pickle.dumps(trees))):
        np.testing.assert_array_equal(copy(x), expected)


def test_trees_cut_short_are_an_error() -> None:
    x, y = data(300)
    content = boost(x, y, 0, max_iter=5).content
    with pytest.raises(InputError, match="not boosted trees, or damaged"):
        Trees(content[: len(content) // 2])(x)
