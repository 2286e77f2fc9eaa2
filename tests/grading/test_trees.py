"""Boosted trees as plain arrays, by hand and against scikit-learn."""

from dataclasses import replace

import numpy as np
import torch
from made_corpus import make_utterances
from sklearn.ensemble import HistGradientBoostingRegressor

from pyscorer.contract.pooled import select
from pyscorer.grading.grader_inputs import STATES, GraderInputs, assemble, norms_of
from pyscorer.grading.trees import Trees, fit_grader_trees, fit_trees, tree_inputs


def test_scores_are_the_base_and_the_leaf_of_each_tree() -> None:
    # x0 <= 1 ? (x1 <= 0 ? 10 : 20) : 30, and a tree that is a leaf.
    trees = Trees(
        base=1.0,
        depth=2,
        roots=torch.tensor([0, 5]),
        feature=torch.tensor([0, 1, 0, 0, 0, 0]),
        threshold=torch.tensor([1.0, 0, 0, 0, 0, 0]),
        children=torch.tensor([[1, 3, 2, 3, 4, 5], [2, 4, 2, 3, 4, 5]]),
        value=torch.tensor([0, 0, 30.0, 10, 20, 5]),
    )
    x = np.array([[1, 0], [1, 0.5], [1.5, 0]], dtype=np.float32)
    np.testing.assert_array_equal(trees(x), [16, 26, 36])
    assert trees(x[:0]).shape == (0,)


def test_what_is_kept_scores_as_scikit_learn_does_and_unknown_scores_teach_nothing() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(5000, 6)).astype(np.float32)
    y = (x[:, 0] * x[:, 1] + 0.1 * generator.normal(size=5000)).astype(np.float32)
    options = {"max_iter": 200, "max_leaf_nodes": 24, "learning_rate": 0.05, "max_features": 0.3}
    own = HistGradientBoostingRegressor(
        l2_regularization=5.0, min_samples_leaf=60, early_stopping=False, random_state=3, **options
    )
    wanted = own.fit(x, y).predict(x)
    unknown = np.concatenate([y, np.full(10, np.nan, np.float32)])
    found = fit_trees(np.concatenate([x, x[:10]]), unknown, seed=3)(x)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_trees_read_all_but_deep_features_and_phones_read_their_word() -> None:
    raw, _, _ = make_utterances(3)
    inputs = assemble(raw, norms_of(raw))
    widths = sum(width for _, width in inputs.spans)
    phones, words = tree_inputs(inputs)
    np.testing.assert_array_equal(words, inputs.words)
    # Then the phone and its place in the word.
    assert phones.shape == (len(raw.pooled.phones), widths + words.shape[1] + 2)
    np.testing.assert_array_equal(phones[0, widths:-2], words[0])
    assert phones[0, -2] == raw.pooled.phones[0]
    deep = replace(inputs, spans=(*inputs.spans[:-1], ("gop" + STATES, inputs.spans[-1][1])))
    assert tree_inputs(deep)[0].shape[1] == phones.shape[1] - inputs.spans[-1][1]


def test_trees_of_some_utterances_do_not_learn_from_the_others() -> None:
    raw, labels, _ = make_utterances(30)
    inputs: GraderInputs = assemble(raw, norms_of(raw))
    tables, train = tree_inputs(inputs), select(inputs.pooled, np.arange(100))
    spoilt = replace(labels, phones=labels.phones.copy(), words=labels.words.copy())
    spoilt.phones[len(train.phones) :] = 0
    spoilt.words[len(train.words) :] = 0
    made = [fit_grader_trees(tables, each, train, 0) for each in (labels, spoilt)]
    assert len(made[0]) == 4
    for one, other in zip(*made, strict=True):
        torch.testing.assert_close(one.value, other.value, rtol=0, atol=0)
    right = np.corrcoef(made[0][0](tables[0]), labels.phones)[0, 1]
    assert right > 0.8
