"""Folds of rows and of speakers, networks that the next fold stops, what they say of each row."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from made_responses import write_responses

from pyscorer.contract.classes import LANGUAGE_MEANING
from pyscorer.corpora.spoken_call import EDITION_1_TEST, Response, write_grammar
from pyscorer.errors import InputError
from pyscorer.proficiency import crossing
from pyscorer.proficiency.architectures import Architecture, as_printed
from pyscorer.proficiency.early_stopping import distinct_inputs, spread, stacked, train_stopped
from pyscorer.proficiency.expert_features import Inputs, save_inputs
from pyscorer.proficiency.loss import cross_entropy, expert_loss
from pyscorer.proficiency.networks import BatchedLstm
from pyscorer.proficiency.pairs import (
    UNSEEN,
    PairTable,
    TrainingItems,
    build_crossed,
    build_pairs,
    load_data,
)
from pyscorer.proficiency.prepare_responses import ResponseOptions, prepare_responses
from pyscorer.proficiency.sample_responses import make_sample
from pyscorer.proficiency.train_expert import ExpertOptions, train_expert

HUMAN = "^h"


def rows_of(ids, label=0, prompt="Frag: Tee", response="tea please") -> list[Response]:
    return [Response(i, prompt, response, label) for i in ids]


def made_rows() -> list[Response]:
    """40 rows of 8 speakers, 20 of none and 6 that a human wrote, of few distinct pairs."""
    spoken = [
        Response(f"s{i % 8}_{i}", f"Frag: {i % 3}", f"word {i % 5}", 2 * (i % 2)) for i in range(40)
    ]
    alone = [Response(f"{i}", f"Frag: {i % 3}", f"word {i % 5}", 0) for i in range(20)]
    human = [Response(f"h{i}", "Frag: 0", "word 0", 0) for i in range(6)]
    return [*spoken, *alone, *human]


def made_table(split="rows", folds=5, second=()) -> PairTable:
    test = [Response("t1", "Frag: 0", "word 0", 0), Response("t2", "Frag: 0", "new", 2)]
    return build_crossed(made_rows(), (test, list(second)), split, HUMAN, folds, 1)


def test_every_row_is_tested_and_validated_by_one_network_that_never_learnt_its_fold():
    table = made_table()
    fold_of = table.folds[table.train_rows]
    tested = np.zeros(len(table.train))
    for k in range(5):
        learnt, stops = crossing.trained_on(table, k), crossing.stopped_by(table, k)
        assert not set(table.folds[learnt.pairs]) & {UNSEEN, k, (k + 1) % 5}
        assert set(table.folds[stops.pairs]) == {(k + 1) % 5}
        kept = ~np.isin(fold_of, (k, (k + 1) % 5))
        assert learnt.weights.sum() == kept.sum()
        of_stop = (fold_of == (k + 1) % 5) & table.tested
        assert stops.weights.sum() == of_stop.sum()
        tested += (fold_of == k) & table.tested
    assert (tested == table.tested).all()
    sizes = np.bincount(fold_of[table.tested])
    assert sizes.max() - sizes.min() <= 1


def test_what_a_human_transcribed_trains_and_is_never_tested():
    table = made_table()
    human = np.array([r.id.startswith("h") for r in table.train])
    assert (table.tested == ~human).all()
    items = set(table.train_rows[human])
    assert (
        not items & set(table.train_rows[~human])
        and not crossing.tested_items(table)[list(items)].any()
    )
    learnt = {int(i) for k in range(5) for i in crossing.trained_on(table, k).pairs}
    stops = {int(i) for k in range(5) for i in crossing.stopped_by(table, k).pairs}
    assert items <= learnt and not items & stops
    wanted = [3569, 3570, 4701, 4702]
    table = build_crossed(rows_of(map(str, wanted * 3)), ([], []), "rows", EDITION_1_TEST, 3, 0)
    assert table.tested.tolist() == [True, False, False, True] * 3


def test_speakers_share_no_fold_and_rows_without_one_train_only():
    table = made_table("speakers", 4)
    named = np.array([r.id.startswith("s") for r in table.train])
    assert (table.tested == named).all()
    folds = {}
    for row in np.flatnonzero(named):
        folds.setdefault(table.speakers[row], set()).add(int(table.folds[table.train_rows[row]]))
    assert len(folds) == 8 and all(len(found) == 1 for found in folds.values())
    assert set(table.folds[table.train_rows[~named]]) == {0, 1, 2, 3}
    with pytest.raises(InputError, match="8 speakers cannot make 9 speaker-disjoint folds"):
        made_table("speakers", 9)


def test_an_item_is_a_pair_of_one_fold_and_a_test_pair_is_seen_where_any_fold_has_it():
    table = made_table()
    items = zip(
        table.prompts, table.responses, table.folds, crossing.tested_items(table), strict=True
    )
    assert len(set(items)) == table.n_items
    assert table.counts.sum() == len(table.train)
    for row, item in enumerate(table.train_rows):
        assert (table.prompts[item], table.responses[item]) == table.train[row].pair
        assert table.counts[item, table.train_labels[row]] > 0
    assert (table.folds[table.test_rows] == UNSEEN).all()
    assert table.test_seen.tolist() == [True, False]
    assert len({r.pair for r in table.train}) < (table.folds != UNSEEN).sum()


def test_too_few_folds_or_rows():
    with pytest.raises(InputError, match="2 folds of rows: need at least 3"):
        made_table("rows", 2)
    with pytest.raises(InputError, match="2 training rows that may be tested cannot make 3"):
        build_crossed(rows_of(["1", "2", "h3"]), ([], []), "rows", HUMAN, 3, 0)
    with pytest.raises(InputError, match="split: rows"):
        crossing.check_crossed(build_pairs(made_rows(), [], 5, 0))
    crossing.check_crossed(made_table())


def test_views_take_the_network_of_a_rows_fold_and_the_one_before():
    table = made_table()
    said = np.arange(5.0)[None, :, None, None] + np.arange(table.n_items)[None, None, :, None] * 10
    said = np.concatenate([said, said + 5])
    fold_of = table.folds[table.train_rows]
    assert (crossing.tested_view(table, said)[0, :, 0] == fold_of + 10 * table.train_rows).all()
    assert (crossing.tested_view(table, said)[1] == crossing.tested_view(table, said)[0] + 5).all()
    before = np.where(fold_of == 0, 4, fold_of - 1)
    assert (crossing.validation_view(table, said)[0, :, 0] == before + 10 * table.train_rows).all()
    assert (crossing.mean_view(said, table.test_rows)[0, :, 0] == 2 + 10 * table.test_rows).all()


def test_cross_entropy_is_minus_the_log_posterior_weighted():
    scores = torch.log(torch.tensor([[[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]]]))
    labels, weights = torch.tensor([[0, 1]]), torch.tensor([[3.0, 1.0]])
    expected = (3 * np.log(2) + np.log(10)) / 4
    assert cross_entropy(scores, labels, weights).tolist() == pytest.approx([expected])
    sure = torch.tensor([[[200.0, 0.0, 0.0]]])
    assert cross_entropy(sure, torch.tensor([[1]]), torch.ones(1, 1)).tolist() == [200.0]
    outputs = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]]])
    zero, one = torch.zeros(2, 1, dtype=torch.long), torch.ones(2, 1)
    assert expert_loss(outputs, zero, one).tolist() == [0.0, 1.0]


def test_a_fused_lstm_is_the_batched_one():
    torch.manual_seed(0)
    ours, theirs = BatchedLstm(2, 3, 5), BatchedLstm(2, 3, 5, fused=True)
    theirs.load_state_dict(ours.state_dict())
    x, lengths = torch.randn(2, 4, 6, 3), torch.tensor([[6, 2, 1, 4], [3, 6, 5, 1]])
    assert torch.allclose(ours(x, lengths), theirs(x, lengths), atol=1e-6)
    gradients = []
    for network in (ours, theirs):
        network(x, lengths).square().sum().backward()
        gradients.append([p.grad for p in network.parameters()])
    for a, b in zip(*gradients, strict=True):
        assert torch.allclose(a, b, atol=1e-5)


def test_equal_inputs_are_trained_on_once_with_the_weight_of_all():
    values = np.array([[1, 2], [3, 4], [1, 2], [1, 2]], np.float32)[..., None]
    distinct = distinct_inputs(Inputs(values, np.array([2, 2, 2, 1])))
    assert distinct.of_item.tolist() == [0, 1, 0, 2]
    assert (distinct.inputs.values[distinct.of_item] == values).all()
    items = TrainingItems(np.array([0, 1, 2, 2]), np.array([0, 1, 0, 3]), np.array([1.0, 2, 4, 8]))
    merged = distinct.merged(items)
    assert merged.pairs.tolist() == [0, 0, 1]
    assert merged.classes.tolist() == [0, 3, 1]
    assert merged.weights.tolist() == [5, 8, 2]
    assert spread(merged, 3.0).pairs.tolist() == [0, 0, 0, 0, 0, 1]
    assert spread(merged, 3.0).classes.tolist() == [0, 0, 3, 3, 3, 1]
    assert spread(merged, 3.0).weights.tolist() == [2.5, 2.5, 8 / 3, 8 / 3, 8 / 3, 2]
    both, numbers = stacked([merged, items])
    assert [n.tolist() for n in numbers] == [[0, 1, 2], [3, 4, 5, 6]]
    assert both.weights[numbers[1]].tolist() == items.weights.tolist()


def test_each_member_keeps_the_epoch_of_least_validation_loss():
    """A member whose validation contradicts its training is best before it has learnt much."""
    rng = np.random.default_rng(0)
    inputs = Inputs(rng.normal(size=(200, 3)).astype(np.float32))
    classes = (inputs.values[:, 0] > 0).astype(np.int64)
    train = TrainingItems(np.arange(150), classes[:150], np.ones(150))
    same = TrainingItems(np.arange(150, 200), classes[150:], np.ones(50))
    other = replace(same, classes=1 - same.classes)
    shape = Architecture("made", (8,), dropout=0.0, epochs=6, learning_rate=1e-2)

    def validation_loss(epochs: int, patience: int) -> list[float]:
        network = train_stopped(
            inputs,
            [train, train],
            [same, other],
            replace(shape, epochs=epochs),
            LANGUAGE_MEANING,
            16,
            patience,
            seed=3,
        )
        with torch.inference_mode():
            x = torch.from_numpy(inputs.values[150:])[None].expand(2, -1, -1)
            labels = torch.from_numpy(np.stack([same.classes, other.classes]))
            return cross_entropy(network.scores(x), labels, torch.ones(2, 50)).tolist()

    kept = [validation_loss(epochs, 10) for epochs in (1, 2, 6)]
    assert kept[0][0] > kept[1][0] > kept[2][0]
    assert kept[0][1] == kept[1][1] == kept[2][1]
    assert validation_loss(6, 1)[0] == kept[2][0]
    again = validation_loss(6, 10)
    assert again == kept[2]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A sample with folds of rows, a second recogniser, and made inputs that tell the class."""
    work = tmp_path_factory.mktemp("crossed")
    train, test, grammar = make_sample(1, 120, 12)
    write_responses(work / "train.csv", train)
    write_responses(work / "test.csv", test)
    write_responses(
        work / "second.csv", [replace(r, recognised=f"{r.recognised} oh") for r in test[::-1]]
    )
    write_grammar(work / "grammar.xml", grammar)
    options = ResponseOptions(
        train=work / "train.csv",
        test=work / "test.csv",
        grammar=work / "grammar.xml",
        second_test=work / "second.csv",
        split="rows",
        untested="-000.$",
        folds=3,
    )
    prepare_responses(work / "data", options)
    table, _ = load_data(work / "data")
    values = np.random.default_rng(0).normal(size=(table.n_items, 6)).astype(np.float32)
    values[np.arange(table.n_items), table.counts.argmax(axis=1)] += 6
    save_inputs_of(work, values)
    return work, options


def save_inputs_of(work, values) -> None:
    (work / "features").mkdir()
    sequences = Inputs(values[:, None].repeat(2, axis=1), np.full(len(values), 2))
    kinds = {"fbk": Inputs(values), "joined": Inputs(values), "w2v": sequences}
    save_inputs(work / "features", kinds)


def test_second_rows_are_the_test_rows_as_another_recogniser_heard_them(prepared):
    work, _ = prepared
    table, _ = load_data(work / "data")
    heard = [table.responses[i] for i in table.second_rows]
    assert heard == [f"{r.recognised} oh" for r in table.test]
    assert [table.prompts[i] for i in table.second_rows] == [r.prompt for r in table.test]
    assert (table.folds[table.second_rows] == UNSEEN).all()
    assert table.split == "rows" and np.count_nonzero(~table.tested) == 10
    settings = json.loads((work / "data" / "folds.json").read_text())
    assert settings == {"by": "pair", "folds": 3, "seed": 1, "split": "rows", "untested": "-000.$"}


def test_a_second_recogniser_of_other_responses(prepared, tmp_path):
    _, options = prepared
    _, test, _ = make_sample(1, 120, 12)
    options = replace(options, second_test=tmp_path / "second.csv")
    write_responses(tmp_path / "second.csv", [replace(test[0], id="other"), *test[1:]])
    with pytest.raises(InputError, match=r"second.csv: 2 other ids: other is not a test response"):
        prepare_responses(tmp_path / "data", options)
    write_responses(tmp_path / "second.csv", test[1:])
    with pytest.raises(InputError, match=f"{test[0].id} is a test response it lacks"):
        prepare_responses(tmp_path / "data", options)
    write_responses(tmp_path / "second.csv", [replace(test[0], label=1), *test[1:]])
    with pytest.raises(InputError, match=f"{test[0].id}: another prompt or class"):
        prepare_responses(tmp_path / "data", options)
    with pytest.raises(InputError, match="second_test: needs folds of rows or speakers"):
        prepare_responses(tmp_path / "data", replace(options, split="pairs"))
    with pytest.raises(InputError, match=r"untested: .* is no regular expression"):
        prepare_responses(tmp_path / "data", replace(options, untested="("))


def test_experts_of_the_papers_protocol(prepared, tmp_path):
    """A network a seed and fold, whose word on rows that it never saw is mostly right."""
    work, _ = prepared
    table, _ = load_data(work / "data")
    for expert in ("fbk3", "LSTM-W2V", "TREES"):
        options = ExpertOptions(protocol="paper", seeds=2, hidden=(16,), epochs=25, batch=4)
        for out in ("a", "b"):
            train_expert(work / "data", work / "features", expert, tmp_path / out / expert, options)
        first, second = (tmp_path / out / expert for out in ("a", "b"))
        for file in ("outputs.npy", "architecture.json"):
            assert (first / file).read_bytes() == (second / file).read_bytes()
        outputs = np.load(first / "outputs.npy")
        assert outputs.shape == (2, 3, table.n_items, 4)
        assert outputs.sum(axis=-1) == pytest.approx(1, abs=1e-5)
        right = crossing.tested_view(table, outputs).argmax(axis=-1) == table.train_labels
        assert right.mean() > 0.7
        assert (outputs[:, 0] != outputs[:, 1]).any()
    data = tmp_path / "pairs"
    prepare_responses(data, ResponseOptions(folds=3))
    with pytest.raises(InputError, match="folds of rows or speakers"):
        train_expert(data, work / "features", "fbk1", tmp_path / "out", options)


def test_only_one_expert_keeps_the_modified_loss():
    assert as_printed("LSTM-W2V-L", 10).gross_factor == 3
    assert as_printed("FFN-SPM", 10).gross_factor == 1
    fbk = [as_printed(f"fbk{n}", 10) for n in range(1, 7)]
    assert len(set(fbk)) == 6, "the networks that vote differ"
    shape = as_printed("LSTM-W2V-M", 10)
    assert (shape.learning_rate, shape.epochs, shape.weight_power) == (1e-3, 50, 1)
    assert shape.hidden == (75, 25, 25, 20) and shape.members == 10
