"""Metrics of decisions by kind of classes: by hand, and against the counts of the task."""

import numpy as np
import pytest

from pyscorer.contract.classes import ACCEPTED, LANGUAGE_MEANING, Classes
from pyscorer.evaluation.acceptance import count_decisions
from pyscorer.proficiency.decisions import METRICS, Decisions, metrics_of
from pyscorer.proficiency.task import Rule

LEVELS = Classes("levels", ("low", "middle", "high"))


def of(classes, scores, labels, threshold=None, posteriors=None, weights=None):
    rule = Rule(classes, threshold=threshold)
    said = Decisions.of_scores(rule, np.asarray(scores, float), posteriors)
    labels = np.asarray(labels)
    once = np.ones((1, len(labels))) if weights is None else np.asarray(weights, float)
    return {name: float(v[0]) for name, v in metrics_of(said, labels, once).items()}


def test_acceptance_by_hand():
    found = of(ACCEPTED, [0.9, 0.6, 0.4, 0.7, 0.1], [0, 0, 0, 1, 1], threshold=0.5)
    assert found["recall"] == pytest.approx(2 / 3) and found["rejection"] == 0.5
    assert found["balanced_accuracy"] == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert found["accuracy"] == pytest.approx(3 / 5) and found["f1"] == pytest.approx(4 / 6)
    # 0.7 is above two of the three right ones.
    assert found["auc"] == pytest.approx(4 / 6)
    # Observed agreement 3 / 5, expected (3 * 3 + 2 * 2) / 25.
    assert found["kappa"] == pytest.approx((3 / 5 - 13 / 25) / (12 / 25))
    assert found["pcc"] == pytest.approx(
        np.corrcoef([0.9, 0.6, 0.4, 0.7, 0.1], [1, 1, 1, 0, 0])[0, 1]
    )
    assert "log_loss" not in found and "d_full" not in found


def test_posteriors_are_scaled_before_they_are_held_against_people():
    said = np.array([[1.6, 0.4], [0.3, 0.3]])
    found = of(ACCEPTED, [0.8, 0.5], [0, 1], 0.6, said)
    # As far as the floor of a posterior (1e-4) leaves them alone.
    assert found["log_loss"] == pytest.approx(-(np.log(0.8) + np.log(0.5)) / 2)
    assert found["brier"] == pytest.approx((0.04 + 0.25) / 2)
    assert found["calibration_error"] == pytest.approx((0.2 + 0.5) / 2)


def test_levels_by_hand():
    found = of(LEVELS, [0.2, 0.6, 1.2, 2.0], [0, 0, 1, 2])
    assert found["accuracy"] == 3 / 4
    assert found["f1"] == pytest.approx((2 / 3 + 2 / 3 + 1) / 3)
    assert found["auc"] == 1
    # One miss by one; expected from margins (2, 1, 1) and (1, 2, 1) of 16.
    by_one, by_two = 2 * 2 + 1 * 1 + 1 * 1 + 1 * 2, 2 * 1 + 1 * 1
    assert found["kappa"] == pytest.approx(1 - (1 / 4) / ((by_one + 4 * by_two) / 16))
    assert found["pcc"] == pytest.approx(np.corrcoef([0.2, 0.6, 1.2, 2.0], [0, 0, 1, 2])[0, 1])


def test_of_language_and_meaning_the_counts_are_those_of_the_task():
    rng = np.random.default_rng(0)
    labels, scores = rng.choice(4, 200, p=[0.6, 0.1, 0.2, 0.1]), rng.random(200)
    weights = rng.integers(0, 3, (1, 200))
    found = of(LANGUAGE_MEANING, scores, labels, 0.4, weights=weights)
    wanted = count_decisions(scores >= 0.4, labels, weights[0]).as_row()
    for name in ("d_full", "d", "d_a", "accuracy", "f1", "f1_weighted", "recall", "rejection"):
        assert found[name] == pytest.approx(wanted[name]), name


@pytest.mark.parametrize("classes", [ACCEPTED, LANGUAGE_MEANING, LEVELS])
def test_a_kind_has_the_metrics_that_the_tables_show(classes):
    number = len(classes.names)
    said = np.random.default_rng(1).dirichlet(np.ones(number), 30)
    labels = np.arange(30) % number
    rule = Rule(classes, threshold=None if classes.ordinal else 0.3)
    found = of(classes, rule.score(said), labels, rule.threshold, said)
    assert tuple(found) == METRICS[classes.kind]
