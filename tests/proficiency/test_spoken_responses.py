"""Responses of data directories: what is read and refused; runs on two, four and five classes."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_spoken import PROMPTS, make_spoken, write_grammar_table

from pyscorer.contract.classes import ACCEPTED, LANGUAGE_MEANING, Classes
from pyscorer.errors import InputError
from pyscorer.proficiency import joined
from pyscorer.proficiency.encoders import load_encoders
from pyscorer.proficiency.expert_features import (
    FeatureOptions,
    encode,
    expert_features,
    load_inputs,
)
from pyscorer.proficiency.grammar_table import read_any_grammar
from pyscorer.proficiency.pairs import UNSEEN, load_data
from pyscorer.proficiency.prepare_responses import ResponseOptions, prepare_responses
from pyscorer.proficiency.proficiency_tables import TableOptions, proficiency_tables
from pyscorer.proficiency.spoken_responses import SpokenPaths
from pyscorer.proficiency.systems import load_systems
from pyscorer.proficiency.train_expert import ExpertOptions, train_expert
from pyscorer.proficiency.train_mixture import MixtureOptions, train_mixture

LEVELS = Classes("levels", ("A1", "A2", "B1", "B2", "C1"))
SPEAKERS = {"train": 8, "test": 4}


def paths_of(root: Path) -> SpokenPaths:
    data, decode = root / "data", root / "decode"
    return SpokenPaths(data / "train", data / "test", decode / "train", decode / "test")


@pytest.fixture
def spoken(tmp_path) -> tuple[Path, SpokenPaths]:
    make_spoken(tmp_path, ACCEPTED, SPEAKERS)
    return tmp_path, paths_of(tmp_path)


def prepare(root: Path, paths: SpokenPaths, **options):
    prepare_responses(root / "out", ResponseOptions(folds=2, **options), paths)
    return load_data(root / "out")


def test_an_item_is_a_row_and_a_fold_whole_speakers(spoken, caplog):
    root, paths = spoken
    table, grammar = prepare(root, paths)
    assert table.by == "row" and table.classes == ACCEPTED and grammar == {}
    # One utterance of each split has no class.
    assert (len(table.train), len(table.test)) == (8 * 12 - 1, 4 * 12 - 1)
    assert "train: 1 of 96 left out: no class" in caplog.text
    assert table.n_items == len(table.keys) == len(table.speakers) == 142
    assert table.keys[0] == "train00-00" and table.speakers[-1] == "test03"
    assert table.prompts[1] == list(PROMPTS)[1]
    known = table.folds != UNSEEN
    assert known.tolist() == [True] * 95 + [False] * 47
    folds = {(s, f) for s, f in zip(table.speakers, table.folds.tolist(), strict=True)}
    assert len(folds) == 12 and {f for _, f in folds} == {0, 1, UNSEEN}
    assert (table.counts.sum(axis=1) == known).all()
    assert table.counts[:95].argmax(axis=1).tolist() == table.train_labels.tolist()


def test_transcripts_are_those_heard_or_else_the_text(spoken):
    root, paths = spoken
    heard = prepare(root, paths)[0].responses
    assert heard[0].split()[:1] != [] and all(r == r.lower() for r in heard)
    for split in SPEAKERS:
        keys = (root / "decode" / split / "hyp.text").read_text().splitlines()
        text = "".join(f"{line.split()[0]} I SAID SO\n" for line in keys)
        (root / "data" / split / "text").write_text(text)
    own = replace(paths, train_decoded=None, test_decoded=None)
    assert set(prepare(root, own)[0].responses) == {"i said so"}
    assert prepare(root, paths)[0].responses == heard


def test_a_grammar_may_be_a_table(spoken):
    root, paths = spoken
    table, grammar = prepare(root, paths, grammar=write_grammar_table(root / "grammar.csv"))
    assert grammar["Ask for tea"].responses == ("i would like tea please",)
    assert grammar["Ask for tea"].translation == "ask for tea"
    assert set(table.prompts) == set(grammar)
    rows = "Prompt;x;response\n"
    (root / "bad.csv").write_text(rows)
    with pytest.raises(InputError, match=r"bad\.csv: no column prompt"):
        read_any_grammar(root / "bad.csv")
    (root / "bad.csv").write_text("prompt,response,translation\nTee,a tea,ask for tea\nTee,,\n")
    with pytest.raises(InputError, match=r"bad\.csv:3: no response: fill it in"):
        read_any_grammar(root / "bad.csv")


def test_speakers_of_both_splits_are_refused_unless_allowed(spoken):
    root, paths = spoken
    file = root / "data/test/utt2spk"
    file.write_text(file.read_text().replace(" test00\n", " train00\n"))
    with pytest.raises(InputError, match=r"test/utt2spk: 1 speaker \(train00\) also in .*/train:"):
        prepare(root, paths)
    assert "train00" in prepare(root, paths, allow_shared_speakers=True)[0].speakers[95:]


def test_speakers_that_the_acoustic_model_has_heard_are_refused_unless_allowed(spoken):
    root, paths = spoken
    native = root / "native"
    native.mkdir()
    (native / "utt2spk").write_text("a test01\nb test00\nc nobody\n")
    known = replace(paths, acoustic_data=(native,))
    with pytest.raises(InputError, match=r"native/utt2spk: 2 speakers \(test00, test01\) also"):
        prepare(root, known)
    prepare(root, known, allow_known_speakers=True)
    (native / "utt2spk").write_text("c nobody\n")
    prepare(root, known)


def test_what_does_not_fit_is_named(spoken):
    root, paths = spoken
    with pytest.raises(InputError, match="--train-data and --test-data go together"):
        prepare(root, replace(paths, test_data=None))
    with pytest.raises(InputError, match="--train-decoded and --test-decoded go together"):
        prepare(root, replace(paths, test_decoded=None))
    with pytest.raises(InputError, match="no such file: give --train-decoded"):
        prepare(root, replace(paths, train_decoded=None, test_decoded=None))
    with pytest.raises(InputError, match=r"prepare_responses\.corpus and data directories"):
        prepare(root, paths, corpus=root)
    with pytest.raises(InputError, match="8 speakers cannot make 9 speaker-disjoint folds"):
        prepare_responses(root / "out", ResponseOptions(folds=9), paths)
    make_spoken(root / "other", LEVELS, SPEAKERS)
    with pytest.raises(InputError, match=r"other/data/test/classes\.json: not the classes of"):
        prepare(root, replace(paths, test_data=root / "other/data/test"))


def write_answers(root: Path) -> None:
    """Acoustic inputs of every recording, by which it may be told, if not surely."""
    table, _ = load_data(root / "out")
    labels = np.concatenate([table.train_labels, table.test_labels])
    noise = np.random.default_rng(0).normal(size=(table.n_items, 3))
    (root / "answers").mkdir()
    np.savez(root / "answers/acoustic.npz", values=(noise + labels[:, None]).astype(np.float16))


@pytest.fixture(scope="module")
def runs(tmp_path_factory) -> dict[str, Path]:
    """Finished runs: accepted or rejected with a grammar, levels without one, and the task's."""
    found = {}
    for name, classes, grammar, experts in (
        ("accepted", ACCEPTED, True, ("fbk1", "TREES", "FFN-ACOUSTIC")),
        ("levels", LEVELS, False, ("FFN-SPM", "FFN-BOW-WC", "TREES")),
        ("task", LANGUAGE_MEANING, True, ("fbk1", "TREES")),
    ):
        root = tmp_path_factory.mktemp(name)
        make_spoken(root, classes, SPEAKERS)
        table = write_grammar_table(root / "g.csv") if grammar else None
        options = ResponseOptions(folds=2, grammar=table)
        prepare_responses(root / "out", options, paths_of(root))
        features = FeatureOptions(orders=2, unit_vocabulary=60, kinds=("counts",))
        expert_features(root / "out", root / "features", features)
        write_answers(root)
        folders = [root / "experts" / expert for expert in experts]
        for expert, folder in zip(experts, folders, strict=True):
            training = ExpertOptions(seeds=2, hidden=(16,), epochs=8, batch=16)
            train_expert(
                root / "out", root / "features", expert, folder, training, root / "answers"
            )
        train_mixture(
            root / "out", folders, root / "mixture", MixtureOptions(gate_hidden=(8,), gate_epochs=2)
        )
        proficiency_tables(
            root / "out", folders, root / "mixture", root / "tables", TableOptions(samples=100)
        )
        found[name] = root
    return found


@pytest.mark.parametrize(
    ("name", "metric", "classes"),
    [("accepted", "auc", 2), ("levels", "kappa", 5), ("task", "d_full", 4)],
)
def test_a_run_on_recordings_ends_in_tables(runs, name, metric, classes):
    root = runs[name]
    frame = pd.read_csv(root / "tables/all.csv").set_index("model")
    assert (frame["seeds"] == 2).all()
    mixed = frame[frame["table"] == 3]
    assert len(mixed) and mixed[metric].notna().all()
    bounds = frame.loc["TREES"]
    assert bounds[f"{metric}_low"] <= bounds[f"{metric}_high"]
    systems = load_systems(root / "mixture")
    assert systems.final == systems.mixture and systems.best["memory"] is None
    assert not [key for key in systems.keys if key.remembers]
    assert np.load(root / "mixture/mixed.npy").shape[2] == classes
    page = (root / "tables/proficiency.html").read_text()
    assert f"{metric}.png" in page and (root / "tables" / f"{metric}.png").stat().st_size > 1000
    assert (root / "tables/tables.md").read_text().startswith("Baselines and stand-alone experts")


def test_the_systems_learn_what_words_tell(runs):
    accepted = pd.read_csv(runs["accepted"] / "tables/all.csv").set_index("model")
    assert accepted.loc["TREES", "auc"] > 0.95 and accepted.loc["grammar match", "accuracy"] > 0.9
    levels = pd.read_csv(runs["levels"] / "tables/all.csv").set_index("model")
    assert levels.loc["TREES", "kappa"] > 0.5 and levels.loc["TREES", "pcc"] > 0.5
    assert not {"grammar match", "FBK baseline (majority vote)"} & set(levels.index)


@pytest.mark.parametrize("name", ["accepted", "levels"])
def test_the_best_mixture_is_taken_apart_and_held_against_its_parts(runs, name):
    systems = load_systems(runs[name] / "mixture")
    ablated = [row["base"] for row in systems.rows if row["table"] == 4]
    members = systems.best["members"]
    groups = dict.fromkeys(systems.best["groups"][m] for m in members)
    assert ablated == [
        f"without {part}" for part in (*members, *(groups if len(groups) > 1 else ()))
    ]
    compared = pd.read_csv(runs[name] / "tables/comparisons.csv")
    assert ablated == [*compared["which"][compared["against"] == "itself"].unique()]
    assert "its best single expert" in set(compared["against"])
    assert compared["better"].between(0, 1).all()
    assert (compared["low"] <= compared["high"]).all()


def test_text_and_sound_are_held_against_each_other(runs):
    frame = pd.read_csv(runs["accepted"] / "tables/all.csv").set_index("model")
    assert 0.6 < frame.loc["FFN-ACOUSTIC", "auc"] < 1
    assert {"mixture: text only", "pseudo-joint: text only"} <= set(frame.index)
    compared = pd.read_csv(runs["accepted"] / "tables/comparisons.csv")
    sound = compared[compared["against"] == "the best of sound alone"]
    assert set(sound["which"]) == {"FFN-ACOUSTIC"}
    auc = sound[sound["metric"] == "auc"].iloc[0]
    assert auc["difference"] > 0 and auc["better"] > 0.9


def test_every_test_response_is_explained(runs):
    explained = pd.read_csv(runs["levels"] / "tables/explanations.csv", keep_default_na=False)
    table, _ = load_data(runs["levels"] / "out")
    assert explained["id"].tolist() == [r.id for r in table.test]
    assert set(explained["decided"]) <= set(LEVELS.names) and "edits" not in explained
    assert (explained["right"] == (explained["human"] == explained["decided"])).all()
    with_grammar = pd.read_csv(runs["accepted"] / "tables/explanations.csv", keep_default_na=False)
    assert with_grammar["closest_accepted"].str.startswith("i would like").all()


def test_without_a_grammar_what_needs_it_is_absent(runs, tmp_path):
    root = runs["levels"]
    assert not (root / "features/fbk.npz").exists() and not (root / "out/grammar.xml").exists()
    expected = "expert fbk1 compares responses with accepted ones, and there is no grammar"
    with pytest.raises(InputError, match=expected):
        train_expert(root / "out", root / "features", "fbk1", tmp_path / "x", ExpertOptions())
    width = {n: load_inputs(runs[n] / "features", "joined").values.shape[1] for n in runs}
    # Without: 2 standard features, 5 of 2 orders on 5 levels; with: 9, on generic text besides.
    lost = len(joined.names(LEVELS)) - len(joined.names(LEVELS, grammar=False))
    assert lost == len(joined.WORDS) + 2 * 6
    neighbours = 2 * 5 + 5 + 1
    assert width["levels"] == 2 + 5 * 2 * 5 + neighbours + len(joined.names(LEVELS, False))
    assert width["accepted"] == 9 + 5 * 2 * 3 + (4 + 2 + 1) + len(joined.names(ACCEPTED))


@pytest.mark.parametrize("name", ["accepted", "levels"])
def test_encoders_of_any_classes_come_back_from_their_files(runs, name):
    root = runs[name]
    table, _ = load_data(root / "out")
    encoders = load_encoders(root / "features/encoders")
    assert encoders.classes == table.classes
    test = table.test_rows.tolist()
    for kind in ("joined", "units"):
        found = encode(
            encoders, kind, [table.prompts[i] for i in test], [table.responses[i] for i in test]
        )
        wanted = load_inputs(root / "features", kind).values[test]
        assert found.values == pytest.approx(wanted, abs=5e-3)


def test_inputs_of_another_folder_stand_in_where_features_have_none(runs, tmp_path):
    root = runs["accepted"]
    (tmp_path / "joined.npz").write_bytes((root / "features/joined.npz").read_bytes())
    (tmp_path / "empty").mkdir()
    options = ExpertOptions(seeds=2, hidden=(16,), epochs=8, batch=16)
    train_expert(
        root / "out", tmp_path / "empty", "TREES", tmp_path / "x", options, answers=tmp_path
    )
    first = np.load(root / "experts/TREES/outputs.npy")
    assert np.array_equal(np.load(tmp_path / "x/outputs.npy"), first)
    small = tmp_path / "small"
    make_spoken(small, ACCEPTED, {"train": 3, "test": 2})
    prepare(small, paths_of(small))
    with pytest.raises(InputError, match=f"inputs of {len(first[0, 0])} responses, .* has 58"):
        train_expert(small / "out", tmp_path, "TREES", tmp_path / "y", options)
