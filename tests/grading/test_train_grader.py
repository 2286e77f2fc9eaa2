"""train_grader and evaluate_grader on made-up speakers: what they write, and that it is honest."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_corpus import make_utterances, write_corpus

from pyscorer.contract.recording import Measured, Recording
from pyscorer.contract.segments import DURATION_COLUMNS
from pyscorer.errors import InputError
from pyscorer.evaluation.metrics import pearson
from pyscorer.grading.average_graders import AveragingOptions, average_graders
from pyscorer.grading.evaluate_grader import (
    GraderEvaluation,
    best_share,
    between_and_within,
    evaluate_grader,
)
from pyscorer.grading.fit_grader import FitOptions
from pyscorer.grading.grader import load_grader, predict_scores, recording_inputs
from pyscorer.grading.grader_inputs import SourcePaths, read_inputs
from pyscorer.grading.score_tables import read_level
from pyscorer.grading.train_grader import GraderOptions, parts_of, train_grader

FIT = FitOptions(epochs=8, batch_size=12, learning_rate=5e-3, averaged=0.9)
OPTIONS = GraderOptions(seeds=2, folds=2, width=16, jobs=1)


def paths_of(folder: Path) -> SourcePaths:
    return SourcePaths(gop=folder / "gop", recogniser=folder / "recogniser")


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_corpus(folder, "train", speakers=24, seed=1)
    write_corpus(folder, "test", speakers=12, seed=2)
    return folder


@pytest.fixture(scope="module")
def trained(corpus: Path) -> Path:
    out = corpus / "grader"
    data = corpus / "data"
    train_grader(data / "train", data / "test", out, paths_of(corpus), OPTIONS, FIT)
    return out


def test_tables_hold_every_unit_and_the_ensemble_is_the_mean_of_its_seeds(trained: Path) -> None:
    for level, aspects in (("utterance", 5), ("word", 3), ("phone", 1)):
        table = pd.read_csv(trained / f"scores_{level}.csv", dtype={"utterance": str})
        assert table["aspect"].nunique() == aspects
        mean = table[["seed_0", "seed_1"]].mean(axis=1)
        np.testing.assert_allclose(table["predicted"], mean, atol=2e-4)
        assert (table["low"] <= table["high"]).all()
    table = read_level(trained, "scores", "utterance", "total")
    assert len(table) == 48
    assert pearson(table["predicted"].to_numpy(), table["human"].to_numpy()) > 0.8


def test_no_module_learns_from_a_speaker_that_it_is_judged_on() -> None:
    _, labels, _ = make_utterances(24, seed=1)
    for seed in range(2):
        judged = []
        for fold in range(2):
            train, held_out = parts_of(labels, OPTIONS, seed, fold)
            assert not set(labels.speakers[train]) & set(labels.speakers[held_out])
            judged += list(held_out)
        assert sorted(judged) == list(range(96))


def test_a_learning_curve_takes_fewer_speakers_and_holds_out_the_same() -> None:
    _, labels, _ = make_utterances(24, seed=1)
    fewer = GraderOptions(seeds=1, folds=2, speakers=4)
    train, held_out = parts_of(labels, fewer, 0, 0)
    assert len(np.unique(labels.speakers[train])) == 4
    np.testing.assert_array_equal(held_out, parts_of(labels, OPTIONS, 0, 0)[1])
    with pytest.raises(InputError, match="99 speakers"):
        parts_of(labels, GraderOptions(folds=2, speakers=99), 0, 0)


def test_a_saved_grader_gives_a_recording_the_scores_of_the_table(
    trained: Path, corpus: Path
) -> None:
    raw, _, segments = make_utterances(12, seed=2)
    read = read_inputs(paths_of(corpus).split("test"))
    grader = load_grader(trained / "model.pt")
    assert read.columns == grader.columns and read.places("recogniser", ["heard"])
    table = read_level(trained, "scores", "utterance", "total")
    phones = read_level(trained, "scores", "phone", "accuracy")
    start = 0
    for i, (key, rows) in enumerate(list(segments.items())[:5]):
        matrix = raw.pooled.features[start : start + len(rows)]
        measured = {
            source: Measured(
                tuple(c for s, c in raw.columns if s == source),
                matrix[:, [s == source for s, _ in raw.columns]],
            )
            for source in ("durations", "gop", "recogniser")
        }
        recording = Recording(key, rows, rows[-1].start + rows[-1].length, measured=measured)
        predicted = predict_scores(grader, recording_inputs(grader, recording))
        assert predicted.utterances.value[0, -1] == pytest.approx(table["predicted"][i], abs=2e-3)
        mine = phones[phones["utterance"] == key]
        np.testing.assert_allclose(predicted.phones.value, mine["predicted"], atol=2e-3)
        np.testing.assert_allclose(predicted.phones.low, mine["low"], atol=2e-3)
        assert ((predicted.probability_wrong >= 0) & (predicted.probability_wrong <= 1)).all()
        start += len(rows)


def test_a_missing_source_or_column_is_named(trained: Path, corpus: Path) -> None:
    grader = load_grader(trained / "model.pt")
    rows = next(iter(make_utterances(1)[2].values()))
    with pytest.raises(InputError, match="lpp of source gop"):
        durations = Measured(DURATION_COLUMNS, np.zeros((len(rows), 3)))
        recording_inputs(grader, Recording("U", rows, 9, measured={"durations": durations}))
    with pytest.raises(InputError, match="source encoder"):
        read_inputs(paths_of(corpus).split("test"), ("gop", "encoder"))
    (corpus / "broken.pt").write_bytes(b"nothing")
    with pytest.raises(InputError, match=r"broken\.pt"):
        load_grader(corpus / "broken.pt")


def test_durations_alone_need_a_pooled_directory_only_for_the_phones(corpus: Path) -> None:
    raw = read_inputs(paths_of(corpus).split("test"), ("durations",))
    assert {source for source, _ in raw.columns} == {"durations"}


def test_evaluation_writes_every_level_and_detection(trained: Path, corpus: Path) -> None:
    out = corpus / "evaluated"
    data = corpus / "data" / "test"
    options = GraderEvaluation(samples=50)
    evaluate_grader(data, [trained, trained], ["all", "again"], out, options)
    results = pd.read_csv(out / "results.csv")
    assert len(results) == 2 * 9
    total = results[(results["grader"] == "all") & (results["aspect"] == "total")].iloc[0]
    table = read_level(trained, "scores", "utterance", "total")
    expected = pearson(table["predicted"].to_numpy(), table["human"].to_numpy())
    assert total["pcc"] == pytest.approx(expected, abs=1e-5)
    assert total["speaker_low"] < total["pcc"] < total["speaker_high"]
    ceiling = pd.read_csv(out / "ceiling.csv")
    assert {"one expert", "all", "again"} < set(ceiling) and set(ceiling["group"]) >= {"all"}
    assert {"detection.csv", "curves.csv", "groups.csv", "speakers.csv"} <= {
        path.name for path in out.iterdir()
    }
    pages = {path.stem: path.read_text().splitlines() for path in out.glob("*.md")}
    assert {name: len(lines) for name, lines in pages.items()} == {
        **{"summary": 4, "out_of_fold": 4, "ensemble": 2 + 9, "low": 2 + 2, "wrong": 2 + 4},
        **{"experts": 2 + len(ceiling), "strings": 2, "others": 2 + 5},
    }
    assert f" {total['out_of_fold_pcc']:.3f} |" in pages["out_of_fold"][2]
    assert f"| total | {total['pcc']:.3f} | {total['speaker_low']:.3f} to " in pages["ensemble"][6]
    for lines in pages.values():
        assert len({line.count("|") for line in lines}) == 1


def test_phones_and_aspects_of_nearly_equal_scores_are_held_against_a_constant(
    trained: Path, corpus: Path
) -> None:
    out, data = corpus / "low", corpus / "data" / "test"
    evaluate_grader(data, [trained], ["all"], out, GraderEvaluation(samples=5, seldom=0.2))
    rows = pd.read_csv(out / "low_scores.csv").set_index(["level", "aspect"])
    phone = rows.loc["phone", "accuracy"]
    assert phone["below"] == 0.5
    table = read_level(trained, "scores", "phone", "accuracy")
    assert phone["low"] == (table["human"] < 0.5).sum() > 0
    assert 0 < phone["f1"] < 1 and phone["roc_area"] > 0.5
    assert phone["mse"] < phone["constant_mse"]
    lines = (out / "summary.md").read_text().splitlines()
    assert lines[0].endswith("| phone accuracy | phone MSE |")
    assert lines[2].endswith(f"| {phone['mse']:.3f} |")
    evaluate_grader(data, [trained], ["all"], out, GraderEvaluation(samples=5, seldom=1.0))
    assert set(pd.read_csv(out / "low_scores.csv")["level"]) == {"phone"}


def test_between_and_within_speakers_by_hand() -> None:
    table = pd.DataFrame(
        {"speaker": list("aabb"), "predicted": [1.0, 2.0, 4.0, 3.0], "human": [1.0, 3.0, 6.0, 8.0]}
    )
    between, within = between_and_within(table)
    assert between == pytest.approx(1.0)
    # Deviations: -.5 .5 .5 -.5 against -1 1 -1 1.
    assert within == pytest.approx(0.0)


def test_other_recordings_help_where_predictions_are_noisy_about_the_speaker() -> None:
    generator = np.random.default_rng(0)
    skill = np.repeat(generator.normal(size=50), 20)
    table = pd.DataFrame({"speaker": np.repeat([f"S{i}" for i in range(50)], 20), "human": skill})
    assert best_share(table.assign(predicted=skill + generator.normal(size=1000))) < 0.3
    own = skill + generator.normal(size=1000)
    assert best_share(table.assign(human=own, predicted=own)) == 1


def test_the_average_of_a_grader_with_itself_is_itself(trained: Path, corpus: Path) -> None:
    out = corpus / "averaged"
    average_graders([trained, trained], out, AveragingOptions())
    for name in ("scores", "out_of_fold"):
        one, two = (read_level(d, name, "word", "total") for d in (trained, out))
        np.testing.assert_allclose(one["predicted"], two["predicted"], atol=1e-4)
        np.testing.assert_allclose(one["seed_1"], two["seed_1"], atol=1e-4)
    inside = (two["low"] <= two["human"]) & (two["human"] <= two["high"])
    assert 0.85 < inside.mean() < 0.95


def test_weights_count(trained: Path, corpus: Path) -> None:
    other = corpus / "other"
    other.mkdir()
    for path in trained.glob("*.csv"):
        table = pd.read_csv(path, dtype={"utterance": str})
        if "predicted" in table:
            table["predicted"] = 1.0
        table.to_csv(other / path.name, index=False)
    average_graders([trained, other], corpus / "weighted", AveragingOptions((0.75, 0.25)))
    one, two = (
        read_level(d, "scores", "utterance", "total") for d in (trained, corpus / "weighted")
    )
    np.testing.assert_allclose(two["predicted"], 0.75 * one["predicted"] + 0.25, atol=1e-3)


def test_the_first_seed_may_be_another(corpus: Path) -> None:
    data = (corpus / "data" / "train", corpus / "data" / "test")
    for name, seeds in (("both", {"seeds": 2}), ("second", {"seeds": 1, "seed": 1})):
        options = GraderOptions(folds=2, width=16, layers=1, trees=False, jobs=1, **seeds)
        train_grader(*data, corpus / name, paths_of(corpus), options, FitOptions(epochs=1))
    for table in ("scores_utterance.csv", "out_of_fold_utterance.csv"):
        both, second = (pd.read_csv(corpus / name / table) for name in ("both", "second"))
        np.testing.assert_array_equal(both["seed_1"], second["seed_0"])
