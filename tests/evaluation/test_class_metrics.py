"""Metrics on any classes: cases worked out by hand, scikit-learn as a rival, weights as copies."""

import math

import numpy as np
import pytest
from sklearn import metrics as rival

from pyscorer.evaluation import class_metrics as own

ONE = np.ones((1, 5))
LABELS = np.array([0, 0, 1, 2, 2])
DECIDED = np.array([0, 1, 1, 2, 0])


def counts(decided=DECIDED, labels=LABELS, weights=ONE):
    return own.confusions(decided, labels, 3, weights)


def test_decisions_on_three_levels_by_hand():
    assert counts()[0].tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 1]]
    assert own.accuracy(counts()) == pytest.approx([3 / 5])
    assert own.recalls(counts())[0] == pytest.approx([1 / 2, 1, 1 / 2])
    assert own.balanced_accuracy(counts()) == pytest.approx([2 / 3])
    assert own.f1_by_class(counts())[0] == pytest.approx([2 / 4, 2 / 3, 2 / 3])
    assert own.macro_f1(counts()) == pytest.approx([(1 / 2 + 2 / 3 + 2 / 3) / 3])
    # Observed: one miss by 1 and one by 2 of 5. Expected: margins (2, 1, 2) and (2, 2, 1) of 25:
    # by 1: 2*2 + 1*2 + 1*1 + 2*2, by 2: 2*1 + 2*2.
    assert own.quadratic_kappa(counts()) == pytest.approx([1 - ((1 + 4) / 5) / ((11 + 24) / 25)])


def test_a_class_that_is_nowhere_has_no_say():
    two = own.confusions(np.array([0, 1]), np.array([0, 1]), 3, np.ones((1, 2)))
    assert own.macro_f1(two) == 1 and own.balanced_accuracy(two) == 1
    assert np.isnan(own.f1_by_class(two)[0, 2])
    one = own.confusions(np.array([0, 0]), np.array([0, 0]), 2, np.ones((1, 2)))
    assert np.isnan(own.quadratic_kappa(one)).all()


def test_auc_by_hand_and_with_a_tie():
    scores, positive = np.array([0.1, 0.4, 0.4, 0.8]), np.array([False, True, False, True])
    # Pairs: 0.4 > 0.1, 0.4 = 0.4, 0.8 > both.
    assert own.auc(scores, positive, np.ones((1, 4))) == pytest.approx([3.5 / 4])
    assert own.auc(scores, ~positive, np.ones((1, 4))) == pytest.approx([0.5 / 4])
    assert np.isnan(own.auc(scores, np.ones(4, bool), np.ones((1, 4)))).all()


def test_levels_are_told_apart_pair_by_pair():
    scores = np.array([0.0, 1.0, 0.5, 2.0, 0.7])
    # 0 and 1: 1 of 2 right. 0 and 2: 2.0 above both, 0.7 above one: 3 of 4. 1 and 2: both right.
    wanted = (1 / 2 + 3 / 4 + 1) / 3
    assert own.pairwise_auc(scores, LABELS, ONE) == pytest.approx([wanted])
    without_1 = np.array([[1.0, 1, 0, 1, 1]])
    assert own.pairwise_auc(scores, LABELS, without_1) == pytest.approx([3 / 4])
    assert np.isnan(own.pairwise_auc(scores, np.ones(5, int), ONE)).all()


def test_correlation_by_hand():
    x, y = np.array([0.0, 1, 2]), np.array([0.0, 2, 1])
    assert own.correlation(x, y, np.ones((1, 3))) == pytest.approx([0.5])
    assert np.isnan(own.correlation(np.full(3, 0.1), y, np.ones((1, 3)))).all()


def test_losses_and_calibration_by_hand():
    said = np.array([[0.8, 0.2], [0.6, 0.4], [0.1, 0.9]])
    labels, ones = np.array([0, 1, 1]), np.ones((1, 3))
    assert own.log_loss(said, labels, ones) == pytest.approx(
        [-(math.log(0.8) + math.log(0.4) + math.log(0.9)) / 3]
    )
    assert own.brier(said, labels, ones) == pytest.approx([(0.04 + 0.36 + 0.01) / 3])
    # Bins [.8, .9): .8 against 1; [.6, .7): .6 against 0; [.1, .2): .1 against 0.
    found = own.calibration_error(said[:, 0], labels == 0, ones)
    assert found == pytest.approx([(0.2 + 0.6 + 0.1) / 3])
    # Two in one bin: means .65 and half.
    both = own.calibration_error(np.array([0.62, 0.68]), np.array([True, False]), np.ones((1, 2)))
    assert both == pytest.approx([0.15])
    assert own.calibration_error(np.array([1.0]), np.array([True]), np.ones((1, 1))) == 0


def test_the_threshold_of_the_highest_balanced_accuracy():
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.9])
    positive = np.array([False, True, False, True, True])
    # From 0.35 on: 2 of 3 and 2 of 2; from 0.15 on: 3 of 3 and 1 of 2.
    assert own.balanced_threshold(scores, positive, np.ones(5)) == pytest.approx(0.35)
    assert own.balanced_threshold(scores, positive, np.array([1, 9, 1, 1, 1.0])) == pytest.approx(
        0.15
    )
    assert own.balanced_threshold(np.ones(5), positive, np.ones(5)) == 1.0
    with pytest.raises(ValueError, match="accepted and rejected"):
        own.balanced_threshold(scores, np.ones(5, bool), np.ones(5))


@pytest.fixture
def drawn():
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 4, 60)
    scores = np.round(labels + rng.normal(size=60), 1)
    return labels, scores, np.clip(np.floor(scores + 0.5), 0, 3).astype(int), rng


def test_scikit_learn_says_the_same(drawn):
    labels, scores, decided, rng = drawn
    weight = rng.integers(0, 4, 60).astype(float)
    found = own.confusions(decided, labels, 4, weight[None])
    assert own.macro_f1(found)[0] == pytest.approx(
        rival.f1_score(labels, decided, average="macro", sample_weight=weight)
    )
    assert own.balanced_accuracy(found)[0] == pytest.approx(
        rival.balanced_accuracy_score(labels, decided, sample_weight=weight)
    )
    assert own.quadratic_kappa(found)[0] == pytest.approx(
        rival.cohen_kappa_score(labels, decided, weights="quadratic", sample_weight=weight)
    )
    assert own.auc(scores, labels > 1, weight[None])[0] == pytest.approx(
        rival.roc_auc_score(labels > 1, scores, sample_weight=weight)
    )
    said = rng.dirichlet(np.ones(4), 60)
    assert own.log_loss(said, labels, weight[None])[0] == pytest.approx(
        rival.log_loss(labels, said, sample_weight=weight)
    )


def test_a_weight_counts_as_copies(drawn):
    labels, scores, _, rng = drawn
    weight = rng.integers(0, 3, 60)
    copies = np.repeat(np.arange(60), weight)
    once = np.ones((1, len(copies)))
    for metric in (own.pairwise_auc, own.correlation):
        assert metric(scores, labels, weight[None].astype(float)) == pytest.approx(
            metric(scores[copies], labels[copies], once)
        )


def test_whole_speakers_are_drawn():
    weights = own.unit_weights(["a", "a", "b", "c"], 200, seed=3)
    assert weights.shape == (200, 4) and (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert (weights == own.unit_weights(["a", "a", "b", "c"], 200, seed=3)).all()
