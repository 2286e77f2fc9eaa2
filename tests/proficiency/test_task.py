"""Scores and decisions of a rule, worked out by hand for each kind of classes."""

import numpy as np
import pytest

from pyscorer.contract.classes import ACCEPTED, LANGUAGE_MEANING, Classes
from pyscorer.proficiency.task import CRITERIA, Rule, equipercentile_cuts, told_apart

LEVELS = Classes("levels", ("A1", "A2", "B1"))


def test_a_wrong_meaning_counts_several_times():
    said = np.array([[0.5, 0.1, 0.2, 0.2], [0.2, 0.0, 0.8, 0.0]])
    assert Rule(LANGUAGE_MEANING, 3.0).score(said) == pytest.approx([0.5 / 1.6, 0.2])
    assert Rule(LANGUAGE_MEANING, 1.0).score(said) == pytest.approx([0.5, 0.2])
    assert Rule(LANGUAGE_MEANING, 1.0, 0.4).decide(said).tolist() == [0, 2]
    assert Rule(LANGUAGE_MEANING, 3.0, 0.4).decide(said).tolist() == [2, 2]


def test_two_classes_are_decided_by_the_share_of_the_first_whatever_the_scale():
    rule = Rule(ACCEPTED, threshold=0.6)
    said = np.array([[0.7, 0.3], [0.55, 0.45], [1.2, 0.8]])
    assert rule.score(said) == pytest.approx([0.7, 0.55, 0.6])
    assert rule.decide(said).tolist() == [0, 1, 0]
    assert rule.accepts(np.array([0.59, 0.6])).tolist() == [False, True]


def test_of_levels_the_expected_one_is_the_score_and_its_last_cut_the_decision():
    said = np.array([[[0.5, 0.5, 0.0]], [[0.1, 0.1, 0.8]], [[4.0, 0.0, 1.0]]])
    rule = Rule(LEVELS)
    assert rule.score(said) == pytest.approx(np.array([[0.5], [1.7], [0.4]]))
    assert rule.decide(said).tolist() == [[1], [2], [0]]
    assert rule.levels(np.array([1.49, 1.5])).tolist() == [1, 2]
    assert Rule(LEVELS, cuts=(0.4, 1.8)).decide(said).tolist() == [[1], [1], [1]]
    with pytest.raises(ValueError, match="no level"):
        rule.accepts(np.array([1.0]))


def test_each_level_is_decided_as_often_as_people_gave_it():
    labels, ones = np.array([0, 0, 1, 2, 2]), np.ones(5)
    # Everything is near the middle, in the right order but for one pair.
    scores = np.array([0.9, 1.0, 1.1, 1.05, 1.3])
    cuts = equipercentile_cuts(scores, labels, ones, 3)
    assert cuts == pytest.approx((1.025, 1.075))
    assert Rule(LEVELS, cuts=cuts).levels(scores).tolist() == [0, 0, 2, 1, 2]
    # The last one counts three times: 2 of 7 are below the second level, 3 below the third.
    weighted = equipercentile_cuts(scores, labels, np.array([1, 1, 1, 1, 3.0]), 3)
    assert weighted == pytest.approx((1.025, 1.075))
    # Nobody was given the lowest or the highest of five.
    outer = equipercentile_cuts(scores, labels + 1, ones, 5)
    assert outer == pytest.approx((0.0, 1.025, 1.075, 5.0))


def test_posteriors_of_other_classes_are_refused():
    with pytest.raises(ValueError, match="4 posteriors for 2 classes"):
        Rule(ACCEPTED).score(np.ones((1, 4)))
    with pytest.raises(ValueError, match="without a threshold"):
        Rule(ACCEPTED).decide(np.ones((1, 2)))


def test_every_kind_is_chosen_by_something():
    assert {LANGUAGE_MEANING.kind, ACCEPTED.kind, LEVELS.kind} == set(CRITERIA)
    assert told_apart(LANGUAGE_MEANING) == ((0,), (1, 2, 3))
    assert told_apart(ACCEPTED) == ((0,), (1,)) and told_apart(LEVELS) == ((0,), (1,), (2,))
