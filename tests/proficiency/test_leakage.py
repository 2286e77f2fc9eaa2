"""Folds, out-of-fold features and training items: what may not know a label does not."""

import dataclasses

import numpy as np
import pytest

from pyscorer.corpora.spoken_call import Response
from pyscorer.errors import InputError
from pyscorer.proficiency import fbk, joined, units
from pyscorer.proficiency.combine import other_rows
from pyscorer.proficiency.mixture import GateOptions, train_gate
from pyscorer.proficiency.pairs import UNSEEN, average_members, build_pairs, training_items
from pyscorer.proficiency.sample_responses import make_sample
from pyscorer.proficiency.selection import Limits, build_validation
from pyscorer.proficiency.train_members import batches


def sample_table(folds=4):
    train, test, grammar = make_sample(3, 160, 40)
    return build_pairs(train, test, folds, 1), grammar


def test_equal_pairs_share_a_fold_and_every_row_is_counted():
    table, _ = sample_table()
    assert len(set(zip(table.prompts, table.responses, strict=True))) == len(table.prompts)
    assert table.counts.sum() == 160
    sizes = np.bincount(table.folds[table.folds != UNSEEN])
    assert sizes.max() - sizes.min() <= 1
    train_pairs = {r.pair for r in table.train}
    assert table.test_seen.tolist() == [r.pair in train_pairs for r in table.test]
    with pytest.raises(InputError, match="at least 2 folds"):
        build_pairs(table.train, table.test, 1, 1)


def test_features_of_a_pair_do_not_change_with_its_own_label():
    table, grammar = sample_table()
    references = fbk.tokenise_grammar(grammar)
    alignments = fbk.align_pairs(references, table.prompts, table.responses)
    flipped = table.counts.copy()
    chosen = np.flatnonzero(table.folds == 2)
    flipped[chosen] = flipped[chosen][:, ::-1]
    other = dataclasses.replace(table, counts=flipped)
    before, _ = fbk.out_of_fold_features(table, references, alignments, [], 2)
    after, _ = fbk.out_of_fold_features(other, references, alignments, [], 2)
    assert np.array_equal(before[chosen], after[chosen])
    assert not np.array_equal(before[table.folds == 1], after[table.folds == 1])
    near, near_after = units.out_of_fold_neighbours(table), units.out_of_fold_neighbours(other)
    assert np.array_equal(near[chosen], near_after[chosen])
    assert not np.array_equal(near, near_after)
    english = [grammar[p].translation for p in table.prompts]
    parts, _ = joined.out_of_fold_parts(table, english, references, alignments)
    parts_after, _ = joined.out_of_fold_parts(other, english, references, alignments)
    assert np.array_equal(parts[chosen], parts_after[chosen])
    assert not np.array_equal(parts, parts_after)


def test_a_gate_never_sees_the_fold_it_speaks_for():
    table, _ = sample_table(2)
    rng = np.random.default_rng(0)
    outputs = rng.dirichlet(np.ones(4), (1, len(table.prompts), 2)).astype(np.float32)
    outputs = outputs.reshape(1, len(table.prompts), 8)
    flipped = table.counts.copy()
    flipped[table.folds == 1] = flipped[table.folds == 1][:, ::-1]
    options = GateOptions(hidden=(6,), epochs=1)
    one = train_gate(outputs, table, options)
    two = train_gate(outputs, dataclasses.replace(table, counts=flipped), options)
    # Member 1 was trained without fold 1, whose labels changed; member 0 was not.
    weights = [gate.layers[0].weight.detach().numpy() for gate in (one, two)]
    assert not np.allclose(weights[0][0], weights[1][0])


def test_out_of_fold_outputs_come_from_the_member_that_never_saw_the_pair():
    table, _ = sample_table()
    outputs = np.zeros((1, 4, len(table.prompts), 4)) + np.arange(4)[None, :, None, None]
    out_of_fold, final = average_members(table, outputs)
    known = table.folds != UNSEEN
    assert np.array_equal(out_of_fold[0, known, 0], table.folds[known])
    assert (final == 1.5).all() and (out_of_fold[0, ~known] == 1.5).all()


def test_a_slow_expert_leaves_out_groups_of_folds():
    table, _ = sample_table()
    outputs = np.zeros((1, 2, len(table.prompts), 4)) + np.arange(2)[None, :, None, None]
    out_of_fold, _ = average_members(table, outputs)
    known = table.folds != UNSEEN
    assert np.array_equal(out_of_fold[0, known, 0], table.folds[known] % 2)
    # The groups of 4 folds in 2 are the 2 folds that the same seed draws.
    assert np.array_equal(table.grouped(2), sample_table(2)[0].folds)


def test_a_row_does_not_count_among_the_other_rows_of_its_pair():
    rows = [Response(str(i), "P", "a", label) for i, label in enumerate([0, 0, 2])]
    rows.append(Response("9", "P", "b", 3))
    others = other_rows(build_pairs(rows, [], 2, 0))
    assert others.tolist() == [[1, 0, 1, 0], [1, 0, 1, 0], [2, 0, 0, 0], [0, 0, 0, 0]]


def test_what_the_same_speaker_said_is_left_out_of_the_memory():
    ids = ["anna_1", "anna_2", "ben_1", "77"]
    rows = [Response(i, "P", "a", label) for i, label in zip(ids, [0, 2, 3, 0], strict=True)]
    rows.append(Response("9", "P", "b", 3))
    others = other_rows(build_pairs(rows, [], 2, 0))
    assert others[:4].tolist() == [[1, 0, 0, 1], [1, 0, 0, 1], [2, 0, 1, 0], [1, 0, 1, 1]]


def test_validation_rows_are_those_named_and_are_weighed_like_the_test_rows():
    rows = [Response(f"u{i}_1", "P", "a", 0) for i in range(4)]
    rows += [Response(f"u{i}_2", "P", f"once {i}", 2) for i in range(4)]
    rows.append(Response("55", "P", "b", 3))
    test = [Response(f"t{i}", "P", "a" if i < 3 else "c", 0) for i in range(4)]
    validation = build_validation(build_pairs(rows, test, 2, 0), Limits(), "^u", exams=3)
    assert validation.rows.tolist() == list(range(8))
    # Three of four test rows are of a known pair, but half of the validation rows.
    assert validation.weights.tolist() == [1.5] * 4 + [0.5] * 4
    # The test rows have no empty transcript: one that is wrong, as all are, decides nothing.
    rows.append(Response("u9_1", "P", "", 3))
    validation = build_validation(build_pairs(rows, test, 2, 0), Limits(), "^u", exams=3)
    assert validation.weights[-1] == 0 and 8 not in validation.exams.items
    with pytest.raises(InputError, match="matches 'x'"):
        build_validation(build_pairs(rows, test, 2, 0), Limits(), "x")


def test_items_weigh_a_pair_by_a_power_of_its_rows():
    rows = [Response(str(i), "P", "a", label) for i, label in enumerate([0, 0, 0, 2])]
    rows.append(Response("9", "P", "b", 3))
    table = build_pairs(rows, [], 2, 0)
    items = training_items(table, 1.0)
    assert (items.pairs.tolist(), items.classes.tolist()) == ([0, 0, 1], [0, 2, 3])
    assert items.weights.tolist() == [3, 1, 1]
    assert training_items(table, 0.5).weights.tolist() == [1.5, 0.5, 1.0]


def test_an_epoch_shows_every_member_each_of_its_items_once():
    members = [np.arange(10), np.arange(3, 10)]
    seen = [[], []]
    for order, real in batches(members, np.arange(10), 4, np.random.default_rng(0)):
        for m in range(2):
            seen[m] += order[m, real[m]].tolist()
    assert sorted(seen[0]) == list(range(10)) and sorted(seen[1]) == list(range(3, 10))


def test_the_sample_repeats_with_its_seed():
    assert make_sample(1) == make_sample(1)
    assert make_sample(1)[0] != make_sample(2)[0]
