"""What boosted trees read beside the grader's network, learn from, and count in the mean."""

from dataclasses import replace

import numpy as np
import pytest
from made_corpus import make_utterances

from pyscorer.contract.pooled import select
from pyscorer.grading.grader_inputs import STATES, GraderInputs, assemble, norms_of
from pyscorer.grading.grader_trees import (
    GraderTrees,
    best_shares,
    fit_detector,
    fit_grader_trees,
    mixed,
    tree_inputs,
    usual_score,
)


def test_trees_read_all_but_deep_features_and_phones_read_their_word() -> None:
    raw, _, _ = make_utterances(3)
    inputs = assemble(raw, norms_of(raw))
    widths = sum(width for _, width in inputs.spans)
    phones, words, utterances, owner = tree_inputs(inputs)
    np.testing.assert_array_equal(words, inputs.words)
    np.testing.assert_array_equal(utterances, inputs.utterances)
    np.testing.assert_array_equal(np.bincount(owner), raw.pooled.word_counts)
    # Then the phone and its place in the word.
    assert phones.shape == (len(raw.pooled.phones), widths + words.shape[1] + 2)
    np.testing.assert_array_equal(phones[0, widths:-2], words[0])
    assert phones[0, -2] == raw.pooled.phones[0]
    deep = replace(inputs, spans=(*inputs.spans[:-1], ("gop" + STATES, inputs.spans[-1][1])))
    assert tree_inputs(deep).phones.shape[1] == phones.shape[1] - inputs.spans[-1][1]


def test_trees_of_some_utterances_do_not_learn_from_the_others() -> None:
    raw, labels, _ = make_utterances(30)
    inputs: GraderInputs = assemble(raw, norms_of(raw))
    tables, heard = tree_inputs(inputs), np.arange(100)
    train = select(inputs.pooled, heard)
    words = labels.words.copy()
    words[:, 1] = np.where(np.arange(len(words)) % 50 == 7, 5, 10)
    known = replace(labels, words=words)
    spoilt = replace(
        known,
        phones=known.phones.copy(),
        words=known.words.copy(),
        utterances=known.utterances.copy(),
    )
    spoilt.phones[len(train.phones) :] = 0
    spoilt.words[len(train.words) :] = 0
    spoilt.utterances[100:] = 0
    one, other = (fit_grader_trees(tables, each, train, heard, 0) for each in (known, spoilt))
    for level, again in zip(one(tables), other(tables), strict=True):
        np.testing.assert_array_equal(level, again)
    scores = one(tables)
    assert [level.shape for level in scores] == [(120, 5), (len(words), 3), (len(labels.phones),)]
    assert np.corrcoef(scores[2], labels.phones)[0, 1] > 0.8
    assert [trees.usual for trees in one.words] == [None, 10.0, None]
    for level, again in zip(scores, GraderTrees.of_content(one.content())(tables), strict=True):
        np.testing.assert_array_equal(level, again)


def test_what_is_nearly_always_the_highest_score_is_detected_and_told_as_the_expected_one() -> None:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(4000, 3))
    low = x[:, 0] > 2
    y = np.where(low, np.where(x[:, 1] > 0, 4.0, 6.0), 10.0)
    y[:10] = np.nan
    assert usual_score(y) == 10 and usual_score(10 - y) is None and usual_score(y * np.nan) is None
    assert usual_score(np.full(9, 10.0)) is None
    found = fit_detector(x, y, 10.0, seed=0)
    mean = np.nanmean(y[low])
    scores = found(x)
    assert found.low == pytest.approx(mean)
    assert scores[low].mean() == pytest.approx(mean, abs=1)
    assert scores[~low].mean() == pytest.approx(10, abs=0.1)
    assert (scores <= 10).all() and (scores >= mean).all()


def test_the_share_of_the_trees_has_the_least_error_of_each_aspect() -> None:
    # The truth lies a quarter of the way from the network to the trees; of the second aspect the
    # trees are right; of the third nobody told.
    network = np.zeros((4, 3))
    trees = np.array([[4.0, 1.0, 9.0], [-4.0, 2.0, 9.0], [8.0, 3.0, 9.0], [0.0, 4.0, 9.0]])
    human = np.stack([trees[:, 0] / 4, trees[:, 1], np.full(4, np.nan)], axis=1)
    phones = (np.zeros(2), np.array([np.nan, np.nan]), np.ones(2))
    shares = best_shares(
        (network, network, phones[0]), (trees, trees, phones[1]), (human, human, phones[2])
    )
    assert shares[0] == pytest.approx((0.25, 1.0, 0.0)) and shares[1] == shares[0]
    assert shares[2] == (0.0,)
    nothing_told = (np.zeros((4, 1)), np.zeros((4, 1)), np.zeros(4))
    wrong = (np.ones((4, 1)), np.ones((4, 1)), np.ones(4))
    assert best_shares(wrong, nothing_told, nothing_told) == ((0.0,), (0.0,), (0.0,))
    utterances, _, unknown = mixed((network, network, phones[0]), (trees, trees, phones[1]), shares)
    np.testing.assert_allclose(utterances[:, :2], human[:, :2])
    np.testing.assert_array_equal(unknown, phones[0])
