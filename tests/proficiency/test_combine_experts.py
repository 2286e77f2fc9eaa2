"""The paper's combinations: by their names, without a label of the rows they are tested on."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pyscorer.contract.classes import LANGUAGE_MEANING
from pyscorer.corpora.spoken_call import Response
from pyscorer.errors import InputError
from pyscorer.evaluation.acceptance import draw_exams
from pyscorer.proficiency.build_systems import System, majority_vote
from pyscorer.proficiency.combine_experts import CombineOptions, combine_experts
from pyscorer.proficiency.crossed_decisions import (
    Crossing,
    Decisions,
    decide,
    joined,
    majority,
    validation_metrics,
    views,
    vote,
)
from pyscorer.proficiency.crossed_gates import (
    CrossedGateOptions,
    CrossedRows,
    mix_rows,
    mix_test,
    train_gates,
)
from pyscorer.proficiency.pairs import PairTable, build_crossed
from pyscorer.proficiency.paper_combinations import distinct, own_combinations, rank, searched
from pyscorer.proficiency.prepare_responses import ResponseOptions, prepare_responses
from pyscorer.proficiency.selection import Choice, Limits, Validation, build_validation

FBK = [f"fbk{n}" for n in range(1, 7)]
DNNS = ["LSTM-W2V", "LSTM-W2V-L", "LSTM-W2V-M", "FFN-BOW-WC", "FFN-BOW-TFIDF", "LSTM-BERT"]


def ranking(d_full: list[str], f1: list[str]) -> dict[str, list[str]]:
    return {"d_full": d_full, "accuracy": d_full, "f1": f1}


def test_combinations_are_those_that_the_paper_names():
    by_d = ["LSTM-W2V-M", *reversed(FBK), "TREES", *(d for d in DNNS if d != "LSTM-W2V-M")]
    by_f1 = ["TREES", *FBK, *reversed(DNNS)]
    found = searched(ranking(by_d, by_f1))
    assert found["-1FbkB-Dfull"] == ("fbk6", "LSTM-W2V-M")
    assert found["3-3FbkB-F1"] == (
        *("fbk1", "fbk2", "fbk3"), "LSTM-BERT", "FFN-BOW-TFIDF", "FFN-BOW-WC",
    )  # fmt: skip
    assert found["-3FbkB-F1"] == ("fbk1", "fbk2", "fbk3", "LSTM-BERT")
    assert found["2-3FbkB-F1"] == ("fbk1", "fbk2", "fbk3", "LSTM-BERT", "FFN-BOW-TFIDF")
    # 1, 3 or 6 of one kind, 1, 2 or 3 of the other, by three criteria.
    assert len(found) == 27 and found["3-6FbkB-Acc"][:6] == tuple(reversed(FBK))
    assert not any("TREES" in members for members in found.values())


def test_combinations_of_the_same_members_stand_once_and_the_papers_always():
    order = [*FBK, *DNNS]
    found = searched(ranking(order, order))
    names = distinct(found, ["-1FbkB-Dfull", "3-3FbkB-F1"])
    assert names[:2] == ["-1FbkB-Dfull", "3-3FbkB-F1"] and len(names) == 9
    assert len({found[name] for name in names}) == 9


def test_six_best_of_five_networks_are_no_combination_and_two_are_too_few():
    five = [*FBK[:5], *DNNS]
    assert not [name for name in searched(ranking(five, five)) if "6FbkB" in name]
    with pytest.raises(InputError, match="2 FBK networks and 6 of LSTM-W2V,"):
        searched(ranking([*FBK[:2], *DNNS], [*FBK[:2], *DNNS]))
    with pytest.raises(InputError, match="6 FBK networks and 1 of LSTM-W2V,"):
        searched(ranking([*FBK, "LSTM-BERT", "TREES"], FBK))


def test_our_experts_are_mixed_in_beside_the_papers_combinations():
    order = ["TREES", *FBK, "FFN-SPM", *DNNS]
    assert own_combinations(ranking(order, order)) == {
        "-1FbkB-Dfull + ours": ("fbk1", "LSTM-W2V", "TREES", "FFN-SPM"),
        "-3FbkB-F1 + ours": ("fbk1", "fbk2", "fbk3", "LSTM-W2V", "TREES", "FFN-SPM"),
        "-all": tuple(order),
    }
    assert own_combinations(ranking([*FBK, *DNNS], [*FBK, *DNNS])) == {}


def test_experts_are_ranked_by_each_criterion_and_then_by_name():
    metrics = {
        "b": {"d_full": 6.0, "accuracy": 0.8, "f1": 0.90},
        "a": {"d_full": 6.0, "accuracy": 0.9, "f1": 0.91},
        "c": {"d_full": 7.0, "accuracy": 0.7, "f1": 0.92},
    }
    assert rank(metrics) == {
        "d_full": ["c", "a", "b"], "accuracy": ["a", "b", "c"], "f1": ["c", "a", "b"],
    }  # fmt: skip


def table_of(labels: list[int], n_folds: int = 3, test: int = 2, second: int = 0) -> PairTable:
    """Distinct responses, a row each; the last training row trains only."""
    train = [Response(f"r{n}", "P", f"word {n}", label) for n, label in enumerate(labels)]
    new = [Response(f"t{n}", "P", f"new {n}", 0) for n in range(test)]
    again = [replace(r, recognised=f"heard {r.id}") for r in new[:second]]
    untested = f"^r{len(labels) - 1}$"
    return build_crossed(train, (new, again), "rows", untested, n_folds, 0)


def crossing_of(table: PairTable) -> Crossing:
    return Crossing(table, build_validation(table, Limits(0, 0), exams=5))


def words(said: list[list[float]], table: PairTable) -> dict[str, np.ndarray]:
    """One seed that says the same of all training rows in both views."""
    rows = np.array([said])
    test = rows[:, : len(table.test_rows)]
    return {"validated": rows, "tested": rows, "test": test, "second": rows[:, :0]}


def test_the_pseudo_joint_model_divides_by_the_prior_of_what_the_networks_learnt():
    # 12 rows: 6 right, 3 wrong in language, 3 in both.
    table = table_of([0, 2, 0, 3, 0, 2, 0, 3, 0, 2, 0, 3])
    crossing = crossing_of(table)
    one, two = [0.6, 0.0, 0.4, 0.0], [0.5, 0.0, 0.5, 0.0]
    said = joined([words([p] * 12, table) for p in (one, two)], crossing)
    # Test rows: .6 * .5 / .5 = .6 against .4 * .5 / .25 = .8: rejected, though each accepts or
    # hesitates.
    assert said["test"][0, 0, [0, 2]] / said["test"][0, 0, 2] == pytest.approx([0.75, 1], abs=0.02)
    assert not decide(said, crossing).accepted["test"].any()
    for fold in range(3):
        learnt = ~np.isin(crossing.folds, (fold, (fold + 1) % 3))
        share = np.bincount(table.train_labels[learnt], minlength=4) / learnt.sum()
        share = np.maximum(share, 0.01) / np.maximum(share, 0.01).sum()
        row = np.flatnonzero(crossing.folds == fold)[0]
        odds = (0.6 * 0.5 / share[0]) / (0.4 * 0.5 / share[2])
        found = said["tested"][0, row]
        assert found[0] / found[2] == pytest.approx(odds, rel=0.01)
        after = np.flatnonzero(crossing.folds == (fold + 1) % 3)[0]
        assert said["validated"][0, after] == pytest.approx(found)


def test_the_first_class_must_be_the_largest_output():
    table = table_of([0, 2, 0, 3, 0, 2])
    said = [[0.4, 0.3, 0.2, 0.1], [0.4, 0.0, 0.5, 0.1], [0.9, 0, 0.1, 0], [0, 0, 0, 1]] * 2
    decisions = decide(words(said[:6], table), crossing_of(table))
    assert decisions.accepted["tested"].tolist() == [[True, False, True, False, True, False]]
    assert decisions.accepted["test"].tolist() == [[True, False]]


def test_a_threshold_is_tuned_on_the_rows_of_other_folds():
    rng = np.random.default_rng(0)
    table = table_of(rng.choice([0, 2], 60).tolist())
    right = (table.train_labels == 0).astype(float)
    score = np.clip(0.25 * right + rng.uniform(0, 0.6, 60), 0, 1)
    said = words(np.stack([score, 0 * score, 1 - score, 0 * score], axis=1).tolist(), table)
    before = decide(said, crossing_of(table))
    for fold in range(3):
        rows = table.folds[table.train_rows] == fold
        labels = np.where(rows, 2 - table.train_labels, table.train_labels)  # right for wrong
        other = decide(said, crossing_of(replace(table, train_labels=labels)))
        same = before.tuned["tested"] == other.tuned["tested"]
        assert same[:, rows].all()
        assert not same[:, ~rows].all(), "the labels of a fold do tune other folds' thresholds"


def test_the_majority_of_the_networks_rules_and_their_mean_breaks_ties():
    votes = [np.array([[True, True, False]]), np.array([[True, False, False]])]
    assert majority(votes, np.array([[False, True, True]])).tolist() == [[True, True, False]]
    assert majority([*votes, votes[1]], np.array([[False, True, True]])).tolist() == [
        [True, False, False]
    ]
    table = table_of([0, 2, 0, 3, 0, 2])
    sure, timid = [[0.9, 0, 0.1, 0]] * 6, [[0.4, 0, 0.6, 0]] * 6
    said = [words(s, table) for s in (sure, timid)]
    crossing = crossing_of(table)
    voted = vote([decide(s, crossing) for s in said], said)
    assert voted.accepted["test"].all()  # .65 on average
    said = [words(s, table) for s in (timid, timid, sure)]
    assert not vote([decide(s, crossing) for s in said], said).accepted["test"].any()


def test_validation_counts_the_rows_that_are_tested_alone():
    table = table_of([0, 2, 0, 3, 0, 2])
    accepted = np.array([[True, True, False, False, True, True]])  # the last row trains only
    decisions = Decisions({"validated": accepted}, {})
    found = validation_metrics(decisions, crossing_of(table))
    # CA 2, FR 1, CR 1, PFA 1: D_full = sqrt(2 * 1 / (1 * 1)).
    assert found == pytest.approx({"d_full": 2**0.5, "accuracy": 3 / 5, "f1": 4 / 6})


def test_our_own_protocols_vote_counts_thresholds_passed_and_then_how_far():
    """Three rows, three networks: 3, 2 and 1 of them accept."""
    scores = [[0.9, 0.8, 0.7], [0.6, 0.6, 0.1], [0.6, 0.2, 0.1]]
    choice = Choice(1.0, [0.5], [{}], 1.0)
    systems = [
        System(f"fbk{n}", 1, (f"fbk{n}",), choice, np.array([row]), np.array([row]))
        for n, row in enumerate(scores)
    ]
    labels = np.array([0, 0, 2])
    rows, weights = np.arange(3), np.ones(3)
    exams = draw_exams(labels, weights, 30, 5)
    validation = Validation(rows, labels, weights, exams, Limits(0, 0), LANGUAGE_MEANING)
    voted = majority_vote(systems, validation)
    assert voted.members == ("fbk0", "fbk1", "fbk2")
    near = 0.5 * np.tanh(np.array(scores) - 0.5).sum(axis=0) / 9
    assert voted.test[0] == pytest.approx(np.array([1, 2 / 3, 1 / 3]) + near)
    assert voted.choice.thresholds[0] == pytest.approx(voted.test[0, 1:].mean())


def crossed_rows(seed: int = 0, labels: np.ndarray | None = None) -> CrossedRows:
    """Two seeds, two experts, 90 rows: the first knows the class, the second is noise."""
    rng = np.random.default_rng(seed)
    true = rng.choice([0, 2, 3], 90)
    folds = np.arange(90) % 5
    knows = 0.7 * np.eye(4)[true] + 0.3 * rng.dirichlet(np.ones(4), 90)
    noise = rng.dirichlet(np.ones(4), 90)
    said = np.tile(np.concatenate([knows, noise], axis=1), (2, 1, 1)).astype(np.float32)
    counted = np.arange(90) < 85
    return CrossedRows(said, said, true if labels is None else labels, folds, counted, 5)


FAST = CrossedGateOptions(hidden=(8,), epochs=12, learning_rate=1e-2, batch=16)


def test_no_label_of_a_fold_reaches_its_gate():
    rows = crossed_rows()
    gates = train_gates(rows, LANGUAGE_MEANING, FAST)
    before, _ = mix_rows(gates, rows, "posteriors")
    for fold in range(5):
        own = rows.folds == fold
        other = replace(rows, labels=np.where(own, (rows.labels + 1) % 4, rows.labels))
        after, _ = mix_rows(train_gates(other, LANGUAGE_MEANING, FAST), rows, "posteriors")
        judged = rows.judged(fold)
        assert np.array_equal(before[:, judged], after[:, judged])
        assert not np.array_equal(before, after)
        # The next fold's labels stop the gate and do not train it.
        assert not np.isin(rows.folds[rows.learnt(fold)], (fold, (fold + 1) % 5)).any()
        assert set(rows.folds[rows.stopped_on(fold)]) == {(fold + 1) % 5}
        assert rows.counted[rows.stopped_on(fold)].all() and rows.counted[judged].all()


def test_a_gate_learns_whom_to_believe():
    rows = crossed_rows()
    gates = train_gates(rows, LANGUAGE_MEANING, FAST)
    tested, validated = mix_rows(gates, rows, "posteriors")
    right = tested.argmax(axis=-1) == rows.labels
    assert right[:, rows.counted].mean() > 0.95
    assert not tested[:, ~rows.counted].any() and not validated[:, ~rows.counted].any()
    assert (mix_rows(gates, rows, "posteriors")[0] == tested).all()
    again = train_gates(rows, LANGUAGE_MEANING, FAST)
    assert np.array_equal(mix_rows(again, rows, "posteriors")[0], tested)


def test_on_test_rows_each_fold_has_its_gate_and_its_networks():
    rows = crossed_rows()
    gates = train_gates(rows, LANGUAGE_MEANING, FAST)
    outputs = np.random.default_rng(1).dirichlet(np.ones(4), (2, 5, 7, 2))
    outputs = outputs.reshape(2, 5, 7, 8).astype(np.float32)
    found = mix_test(gates, outputs, "posteriors")
    with torch.inference_mode():
        credits = gates[1](torch.from_numpy(outputs[1]))[3, 4].numpy()
    assert ((credits > 0) & (credits < 1)).all()
    of_fold = credits[0] * outputs[1, 3, 4, :4] + credits[1] * outputs[1, 3, 4, 4:]
    other = outputs.copy()
    other[1, 3, 4] = 0
    # Silenced, network 3 is missing from the mean over the five.
    assert found[1, 4] - mix_test(gates, other, "posteriors")[1, 4] == pytest.approx(
        of_fold / 5, abs=1e-6
    )


def test_a_gate_may_see_one_number_an_expert():
    rows = crossed_rows()
    (gate, _) = train_gates(rows, LANGUAGE_MEANING, replace(FAST, inputs="acceptance"))
    assert gate.layers[0].weight.shape == (5, 2, 8) and gate.n_out == 2


def test_views_are_those_of_the_networks_that_left_a_row_out():
    table = table_of([0, 2, 0, 3, 0, 2], second=2)
    outputs = np.random.default_rng(0).random((2, 3, table.n_items, 4))
    said = views(table, outputs)
    for row, item in enumerate(table.train_rows):
        fold = table.folds[item]
        assert (said["tested"][:, row] == outputs[:, fold, item]).all()
        assert (said["validated"][:, row] == outputs[:, fold - 1, item]).all()
    assert said["second"] == pytest.approx(outputs[:, :, table.second_rows].mean(axis=1))
    assert said["test"].shape == said["second"].shape == (2, 2, 4)


def test_data_of_our_own_protocol_are_refused(tmp_path):
    prepare_responses(tmp_path / "data", ResponseOptions(folds=2))
    with pytest.raises(InputError, match=r"prepare_responses\.split rows or speakers"):
        combine_experts(tmp_path / "data", [], tmp_path / "out", CombineOptions())
