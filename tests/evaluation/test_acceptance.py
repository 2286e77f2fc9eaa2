"""Metrics of acceptance: the definitions on counts worked out by hand, and their edge cases."""

import math

import numpy as np
import pytest

from pyscorer.evaluation.acceptance import (
    Acceptance,
    Exams,
    choose_threshold,
    count_decisions,
    draw_exams,
    mean_d_full_interval,
    paired_bootstrap,
)


def test_metrics_of_counts_worked_out_by_hand():
    found = Acceptance(ca=670, fr=80, cr=191, pfa=51, gfa=8)
    assert found.fa == 51 + 3 * 8
    assert found.d == pytest.approx((191 / 266) / (80 / 750))
    assert found.d_a == pytest.approx((670 / 750) / (75 / 266))
    assert found.d_full == pytest.approx(math.sqrt(670 * 191 / (80 * 75)))
    assert found.d_full == pytest.approx(math.sqrt(found.d * found.d_a))
    assert found.accuracy == pytest.approx(861 / 1000)
    assert found.f1 == pytest.approx(2 * 670 / (2 * 670 + 80 + 59))
    assert found.f1_weighted == pytest.approx(2 * 670 / (2 * 670 + 80 + 75))
    assert found.recall == pytest.approx(670 / 750)
    assert found.rejection == pytest.approx(191 / 250)


def test_every_class_is_counted_where_it_belongs():
    accepted = [True, False, True, False, True, False, True, False]
    labels = [0, 0, 1, 1, 2, 2, 3, 3]
    found = count_decisions(accepted, labels)
    assert (found.ca, found.fr, found.cr, found.pfa, found.gfa) == (1, 1, 3, 1, 2)


@pytest.mark.parametrize(
    ("counts", "name", "value"),
    [
        ((5, 0, 5, 1, 0), "d", math.inf),  # no right response rejected
        ((5, 0, 5, 1, 0), "d_full", math.inf),
        ((5, 1, 5, 0, 0), "d_full", math.inf),  # no false accept
        ((0, 0, 0, 0, 0), "d_full", math.nan),
        ((5, 0, 0, 5, 0), "d", math.nan),  # everything accepted: 0 / 0
        ((5, 0, 0, 5, 0), "d_full", math.nan),
        ((0, 0, 3, 1, 0), "recall", math.nan),
        ((0, 4, 3, 1, 0), "d_full", 0.0),
        ((0, 0, 3, 0, 0), "f1", math.nan),
    ],
)
def test_undefined_and_infinite_cases(counts, name, value):
    assert getattr(Acceptance(*counts), name) == pytest.approx(value, nan_ok=True)


def test_bad_decisions_are_refused():
    with pytest.raises(ValueError, match="decisions for"):
        count_decisions([True], [0, 0])
    with pytest.raises(ValueError, match="0 to 3"):
        count_decisions([True], [4])


def certain(labels):
    """One exam that holds every item once: what a threshold reaches is then known exactly."""
    return Exams(np.arange(len(labels))[None], np.asarray(labels))


def test_threshold_matches_exhaustive_search():
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 2, 3], 300, p=[0.7, 0.2, 0.1])
    scores = np.round(rng.normal(labels == 0, 0.8), 1)

    def value(threshold):
        c = count_decisions(scores >= threshold, labels)
        if c.recall < 0.85 or c.rejection < 0.5:
            return -1
        ca, fr, cr, fa = (x + 0.5 for x in (c.ca, c.fr, c.cr, c.fa))
        return math.sqrt(ca * cr / (fr * fa))

    best = max(value(t) for t in np.unique(scores))
    threshold, reached = choose_threshold(scores, certain(labels))
    assert value(threshold) == pytest.approx(best) == pytest.approx(reached)


def test_exams_hold_items_in_proportion_to_their_weights():
    exams = draw_exams([0, 2, 3], [1.0, 3.0, 0.0], size=100, number=400)
    assert exams.items.shape == (400, 100)
    assert np.bincount(exams.items.ravel(), minlength=3) / 400 == pytest.approx([25, 75, 0], abs=1)


def test_constraints_keep_the_threshold_from_extremes():
    # Rejecting only the three lowest costs no right response: D_full is highest, and useless.
    labels = np.array([2] * 3 + [0, 2] * 50 + [0] * 200)
    scores = np.concatenate([np.full(3, 0.1), np.tile([0.6, 0.5], 50), np.full(200, 0.9)])
    scores[3], labels[4] = 0.3, 0
    chosen, _ = choose_threshold(scores, certain(labels))
    assert chosen == pytest.approx(0.55)
    assert count_decisions(scores >= chosen, labels).rejection == 1
    with pytest.raises(ValueError, match="right and wrong"):
        choose_threshold([0.1, 0.2], certain([0, 0]))
    assert choose_threshold([0.4, 0.4], certain([0, 2])) == (0.4, 0.0)


def test_constraints_hold_in_most_exams_not_just_on_average():
    rng = np.random.default_rng(2)
    labels = rng.choice([0, 2], 4000, p=[0.7, 0.3])
    scores = rng.normal(labels == 0, 1.0)
    exams = draw_exams(labels, np.ones(4000), size=200, number=300, seed=1)
    rates = []
    for certainty in (0.5, 0.95):
        # Recall is of no account here, so that rejection alone holds the threshold up.
        threshold, _ = choose_threshold(scores, exams, 0.0, 0.8, certainty)
        rejected = ((scores < threshold) & (labels == 2))[exams.items].sum(axis=1)
        wrong = (labels == 2)[exams.items].sum(axis=1)
        rates.append(float((rejected / wrong >= 0.8).mean()))
    assert rates[1] >= 0.95 and rates[0] >= 0.5


def test_weighted_counts():
    count = count_decisions([True, False, True], [0, 2, 3], [2.0, 0.5, 1.5])
    assert (count.ca, count.cr, count.gfa) == (2.0, 0.5, 1.5)


def test_intervals_hold_the_observed_value_and_repeat_with_the_seed():
    labels = np.array([0] * 750 + [2] * 139 + [3] * 111)
    accepted = np.zeros(1000, bool)
    accepted[:670] = True
    accepted[750:801] = True
    accepted[890:898] = True
    low, high = mean_d_full_interval(accepted[None], labels)
    assert low < count_decisions(accepted, labels).d_full < high
    assert (low, high) == mean_d_full_interval(accepted[None], labels)
    assert 1.0 < high - low < 3.0


def test_a_clearly_better_system_wins_the_paired_bootstrap():
    rng = np.random.default_rng(0)
    labels = rng.choice([0, 2, 3], 500, p=[0.75, 0.14, 0.11])
    good = (labels == 0) ^ (rng.random(500) < 0.05)
    bad = (labels == 0) ^ (rng.random(500) < 0.25)
    difference, p = paired_bootstrap([good], [bad], labels, samples=300)
    assert difference > 1 and p < 0.01
    assert paired_bootstrap([good], [good], labels, samples=50) == (0.0, 1.0)
