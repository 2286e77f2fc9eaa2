"""Tables 1 to 3 in the paper's protocol: numbers by hand, and a run on the sample."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyscorer.corpora.spoken_call import Response
from pyscorer.errors import InputError
from pyscorer.evaluation.acceptance import mean_metrics, resample
from pyscorer.evaluation.quote import quote
from pyscorer.proficiency.combine_experts import CombineOptions, combine_experts
from pyscorer.proficiency.expert_features import FeatureOptions, expert_features
from pyscorer.proficiency.expert_rows import (
    Combined,
    architecture_rows,
    compare,
    load_combined,
    paper_figures,
    parts_tested,
    result,
)
from pyscorer.proficiency.expert_tables import ExpertTableOptions, expert_tables
from pyscorer.proficiency.pairs import PairTable, build_crossed, load_data
from pyscorer.proficiency.prepare_responses import ResponseOptions, prepare_responses
from pyscorer.proficiency.train_expert import ExpertOptions, train_expert

EXPERTS = [
    *(f"fbk{n}" for n in range(1, 7)),
    *("LSTM-W2V-M", "FFN-BOW-WC", "FFN-BOW-TFIDF", "FFN-JOINED"),
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run on the sample."""
    work = tmp_path_factory.mktemp("run")
    prepare_responses(work / "data", ResponseOptions(folds=3, split="rows"))
    kinds = ("fbk", "joined", "counts", "tfidf", "w2v_marked")
    features = FeatureOptions(dimension=8, orders=2, kinds=kinds, protocol="paper")
    expert_features(work / "data", work / "features", features)
    options = ExpertOptions(protocol="paper", seeds=2, hidden=(8,), epochs=8, batch=32)
    for expert in EXPERTS:
        folders = (work / "data", work / "features", expert, work / "experts" / expert)
        train_expert(*folders, options)
    experts = [work / "experts" / e for e in EXPERTS]
    combining = CombineOptions(gate_epochs=2, searched_mixtures=1, gate_factors=(6.0,))
    combine_experts(work / "data", experts, work / "combined", combining)
    samples = ExpertTableOptions(samples=20, note="the sample")
    expert_tables(work / "data", experts, work / "combined", work / "tables", samples)
    return work


def test_every_row_of_the_paper_stands_in_its_table(run: Path):
    sizes = pd.read_csv(run / "tables" / "table1.csv").set_index("network")
    assert sizes.loc["FFN-BOW-WC", "paper_neurons"] == "2040-150-150-150-170-15-4"
    assert sizes.loc["LSTM-W2V-M", "neurons"] == "9-8-4"
    second, third = (pd.read_csv(run / "tables" / f"table{n}.csv") for n in (2, 3))
    titles = ["cross-validation over rows", "test rows"]
    assert second["tested_on"].unique().tolist() == titles
    first = second[second["tested_on"] == titles[0]].set_index("model")
    assert first.index.tolist() == [
        *("LSTM-W2V-M", "FFN-BOW-WC", "FFN-BOW-TFIDF", "FbkB"),
        *("2nd best of the challenge", "3rd best of the challenge"),
        *(f"fbk{n}" for n in range(1, 7)),
        "grammar match",
    ]
    assert first.loc["LSTM-W2V-M", ["paper_d_full", "paper_accuracy", "paper_f1"]].tolist() == [
        *(6.19, 0.873, 0.88)
    ]
    names = [name.partition(" (")[0] for name in third["model"]]
    wanted = ["PJ-1FbkB-Dfull", "PJ3-3FbkB-F1", "MIX-3FbkB-F1", "MIX2-3FbkB-F1", "FbkB"]
    assert names[:5] == wanted
    assert third["model"].str.contains("validation's choice").sum() == 4
    ours = pd.read_csv(run / "tables" / "ours.csv")["model"].unique()
    assert ours.tolist() == [
        "FFN-JOINED",
        *("PJ-1FbkB-Dfull + ours", "PJ-3FbkB-F1 + ours", "PJ-all"),
        *("MIX-1FbkB-Dfull + ours", "MIX-3FbkB-F1 + ours", "MIX-all"),
        *(name for name in ours if name.endswith(", lambda 6")),
    ]


def test_the_fbk_networks_that_are_best_on_validation_vote(run: Path):
    systems = load_combined(run / "combined").systems
    value = {s["name"]: s["validation"]["d_full"] for s in systems if s["kind"] == "fbk"}
    (vote,) = (s for s in systems if s["kind"] == "vote")
    assert vote["members"] == sorted(value, key=lambda name: (-value[name], name))[:3]


def test_figures_of_the_tables_are_those_of_the_outputs(run: Path):
    table, _ = load_data(run / "data")
    outputs = np.load(run / "experts" / "fbk2" / "outputs.npy")
    folds = table.folds[table.train_rows]
    accepted = outputs[:, folds, table.train_rows].argmax(axis=-1) == 0
    accuracy = (accepted == (table.train_labels == 0)).mean()
    rows = pd.read_csv(run / "tables" / "all.csv").set_index(["tested_on", "model"])
    assert rows.loc[("cross-validation over rows", "fbk2"), "accuracy"] == pytest.approx(accuracy)
    mean = outputs[:, :, table.test_rows].mean(axis=1).argmax(axis=-1) == 0
    accuracy = (mean == (table.test_labels == 0)).mean()
    assert rows.loc[("test rows", "fbk2"), "accuracy"] == pytest.approx(accuracy)
    assert rows.loc["test rows", ["ca", "fr", "cr", "pfa", "gfa"]].sum(axis=1).eq(100).all()


def test_the_page_stands_alone_and_documents_can_quote_the_tables(run: Path, tmp_path: Path):
    page = (run / "tables" / "proficiency.html").read_text(encoding="utf-8")
    assert "Data: the sample." in page and "data:image/svg+xml;base64" in page
    assert "MIX2-3FbkB-F1" in page and "8.08" in page and 'src="http' not in page
    document = tmp_path / "proficiency.md"
    document.write_text("<!-- copy of tables/tables.md -->\n<!-- end -->\n")
    quote(run, document)
    text = document.read_text(encoding="utf-8")
    assert (
        "**Table 3: combinations; test rows**" in text
        and "| 2nd best of the challenge | 5.61" in text
    )
    assert "decided by the largest output" in text
    assert "tuned thresholds**" in page.replace("</", "**</") and "tuned thresholds**" not in text


def test_combining_again_gives_the_same(run: Path, tmp_path: Path):
    experts = [run / "experts" / e for e in EXPERTS]
    options = CombineOptions(gate_epochs=2, searched_mixtures=1, gate_factors=(6.0,))
    combine_experts(run / "data", experts, tmp_path / "again", options, jobs=2)
    for name in ("systems.json", "decisions.npz"):
        assert (run / "combined" / name).read_bytes() == (tmp_path / "again" / name).read_bytes()


def test_an_expert_of_fewer_seeds_is_combined_in_as_many(run: Path, tmp_path: Path):
    slow = tmp_path / "FFN-BOW-WC"
    shutil.copytree(run / "experts" / "FFN-BOW-WC", slow)
    np.save(slow / "outputs.npy", np.load(slow / "outputs.npy")[:1])
    experts = [slow if e == slow.name else run / "experts" / e for e in EXPERTS]
    options = CombineOptions(gate_epochs=1, searched_mixtures=1)
    combine_experts(run / "data", experts, tmp_path / "combined", options)
    expert_tables(
        run / "data", experts, tmp_path / "combined", tmp_path / "out", ExpertTableOptions(20)
    )
    combined = load_combined(tmp_path / "combined")
    seeds = [
        (slow.name in system["members"], len(combined.decisions[f"{number}.test"]))
        for number, system in enumerate(combined.systems)
    ]
    assert set(seeds) == {(True, 1), (False, 2)}


def test_what_does_not_fit_is_named(run: Path, tmp_path: Path):
    experts = [run / "experts" / e for e in EXPERTS]
    with pytest.raises(InputError, match=r"5 FBK networks, .* at least 6"):
        combine_experts(run / "data", experts[1:], tmp_path / "c", CombineOptions())
    with pytest.raises(InputError, match=r"matches '\^none'"):
        options = CombineOptions(validation_ids="^none")
        combine_experts(run / "data", experts, tmp_path / "c", options)
    prepare_responses(tmp_path / "data", ResponseOptions(folds=4, split="rows"))
    with pytest.raises(InputError, match=r"run train_expert again, with protocol paper"):
        combine_experts(tmp_path / "data", experts, tmp_path / "c", CombineOptions())
    with pytest.raises(InputError, match="run combine_experts"):
        load_combined(tmp_path)


def made(split: str = "rows") -> PairTable:
    """Nine training rows of three speakers, each saying three things; two test rows."""
    labels = [0, 0, 2, 0, 3, 2, 0, 0, 1]
    train = [
        Response(f"{'abc'[n % 3]}_{n}", "P", f"word {n // 3}", label)
        for n, label in enumerate(labels)
    ]
    test = [Response("t_0", "P", "word 0", 0), Response("t_1", "P", "new", 2)]
    return build_crossed(train, (test, test[::-1]), split, "^c_8$", 3, 0)  # type: ignore[arg-type]


def combined_of(table: PairTable, **accepted: list[list[int]]) -> Combined:
    """Systems that decide as said of training rows, and accept all test rows."""
    systems, decisions = [], {}
    for number, (name, said) in enumerate(accepted.items()):
        kind = {"V": "vote", "M": "mixture", "J": "pseudo-joint"}.get(name[0], "fbk")
        systems.append(
            {"name": name, "kind": kind, "group": "paper", "members": ["a", "b"]}
            | {"validation": {"d_full": float(number), "accuracy": 0.5, "f1": 0.5}}
        )
        for suffix in ("", ".tuned"):
            decisions[f"{number}.tested{suffix}"] = np.array(said, bool)
            for part in ("test", "second"):
                decisions[f"{number}.{part}{suffix}"] = np.ones((len(said), 2), bool)
    return Combined(systems, {"mixture": "M", "pseudo-joint": "J"}, decisions)


def test_figures_by_hand():
    table = made()
    said = [[1, 1, 1, 0, 1, 0, 1, 1, 1], [1, 1, 0, 0, 1, 0, 1, 1, 1]]
    cross, test, second = parts_tested(table, 10, 0)
    found = result(combined_of(table, a=said), "a", cross)
    # Eight rows count. CA 4, FR 1, GFA 1; the first seed accepts one of two wrong in language.
    # D_full: sqrt(4 * 1 / (1 * (1 + 3))) = 1 and sqrt(4 * 2 / (1 * 3)).
    assert found["d_full"] == pytest.approx((1 + (8 / 3) ** 0.5) / 2)
    assert found["d_full_sd"] == pytest.approx(((8 / 3) ** 0.5 - 1) / 2**0.5)
    assert found["accuracy"] == pytest.approx((5 + 6) / 16)
    assert found["f1"] == pytest.approx((8 / 11 + 8 / 10) / 2)
    assert found["gfa"] == 1 and found["pfa"] == 0.5 and found["cr"] == 1.5
    assert found["d_full_low"] <= found["d_full_high"]
    assert found["seen_rows"] + found["unseen_rows"] == 8
    found = result(combined_of(table, a=said), "a", test)
    assert found["accuracy"] == 0.5 and test.seen.tolist() == [True, False]
    # The second recogniser heard the two the other way round.
    assert second.seen.tolist() == [False, True]


def test_a_pair_is_seen_where_its_network_was_trained_on_it():
    table = made()
    cross = parts_tested(table, 10, 0)[0]
    folds = table.folds[table.train_rows]
    assert cross.rows.tolist() == list(range(8)) and cross.labels.tolist()[:5] == [0, 0, 2, 0, 3]
    for row, seen in zip(cross.rows, cross.seen, strict=True):
        learnt = ~np.isin(folds, (folds[row], (folds[row] + 1) % 3))
        same = [r.recognised == table.train[row].recognised for r in table.train]
        assert seen == (learnt & same).any()
    assert 0 < cross.seen.sum() < 8


def test_by_speakers_whole_speakers_are_resampled():
    by_row = parts_tested(made(), 200, 0)[0].weights
    by_speaker = parts_tested(made("speakers"), 200, 0)[0].weights
    speakers = np.arange(8) % 3
    for speaker in range(3):
        own = by_speaker[:, speakers == speaker]
        assert (own == own[:, :1]).all()
    assert not (by_row[:, 0] == by_row[:, 3]).all()
    assert (by_row.sum(axis=1) == 8).all() and by_row.mean() == pytest.approx(1)


def test_resamples_weigh_as_many_rows_as_there_are_units():
    weights = resample(np.array([0, 0, 1]), 500, 1)
    assert set(map(tuple, weights.tolist())) == {(2, 2, 0), (1, 1, 1), (0, 0, 2)}
    accepted, labels = np.array([[1, 0, 1]], bool), np.array([0, 0, 3])
    found = mean_metrics(accepted, labels, np.array([[1.0, 1, 1], [2, 2, 0]]))
    assert found["accuracy"].tolist() == [1 / 3, 0.5]
    assert found["f1"] == pytest.approx([2 / 4, 4 / 6])
    # CA 1, FR 1, CR 0, FA 3; then 2, 2, 0, 0; each with a half more.
    wanted = [(1.5 * 0.5 / (1.5 * 3.5)) ** 0.5, (2.5 * 0.5 / (2.5 * 0.5)) ** 0.5]
    assert found["d_full"] == pytest.approx(wanted)


def test_combinations_are_held_against_their_best_member_and_the_baseline():
    table = made()
    bad, good = [[1, 1, 1, 0, 1, 0, 1, 1, 1]], [[1, 1, 0, 1, 0, 0, 1, 1, 0]]
    combined = combined_of(table, a=good, b=bad, V=bad, J=bad, M=good)
    found = compare(combined, parts_tested(table, 50, 0))
    assert len(found) == 2 * 3 * 4 and found["decided_by"].nunique() == 2
    of_cross = found[found["tested_on"] == "cross-validation over rows"]
    assert of_cross["model"].tolist() == 2 * ["M", "M", "J", "J"]
    of_cross = of_cross[of_cross["decided_by"] == "the largest output"]
    assert list(zip(of_cross["model"], of_cross["against"], strict=True)) == [
        *(("M", "b"), ("M", "V"), ("J", "b"), ("J", "V"))
    ]
    mixture = of_cross[of_cross["model"] == "M"].iloc[0]
    # CA 5, CR 3 and no error against CA 4, FR 1, CR 1, PFA 1, GFA 1; each with a half more.
    difference = (5.5 * 3.5 / (0.5 * 0.5)) ** 0.5 - (4.5 * 1.5 / (1.5 * 4.5)) ** 0.5
    assert mixture["difference"] == pytest.approx(difference)
    assert mixture["better"] > 0.9
    assert of_cross[of_cross["model"] == "J"]["better"].tolist() == [0, 0]


def test_systems_are_compared_on_the_seeds_that_both_have():
    table = made()
    bad, good = [[1, 1, 1, 0, 1, 0, 1, 1, 1]], [[1, 1, 0, 1, 0, 0, 1, 1, 0]]
    combined = combined_of(table, a=good, b=bad + good, V=bad + good, J=bad, M=good)
    first = combined_of(table, a=good, b=bad, V=bad, J=bad, M=good)
    parts = parts_tested(table, 50, 0)
    pd.testing.assert_frame_equal(compare(combined, parts), compare(first, parts))


def test_the_papers_figures_are_of_its_own_rows_alone(tmp_path: Path):
    assert paper_figures("MIX2-3FbkB-F1") == {
        "paper_d_full": 8.08, "paper_accuracy": 0.887, "paper_f1": 0.92,
    }  # fmt: skip
    assert paper_figures("PJ2-6FbkB-Acc") == {} == paper_figures("TREES")
    folder = tmp_path / "TREES"
    folder.mkdir()
    settings = {"expert": "TREES", "n_in": 40, "hidden": [], "trees": 100}
    (folder / "architecture.json").write_text(json.dumps(settings))
    assert architecture_rows([folder]).iloc[0]["neurons"] == "100 trees"
