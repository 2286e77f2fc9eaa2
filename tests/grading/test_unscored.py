"""Own data seldom has every score: what nobody gave is not learned, and stands in no table."""

import logging
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_corpus import write_corpus

from pyscorer.contract.scales import LEVELS, make_scales
from pyscorer.errors import InputError
from pyscorer.grading.average_graders import AveragingOptions, average_graders
from pyscorer.grading.evaluate_grader import GraderEvaluation, evaluate_grader
from pyscorer.grading.fit_grader import FitOptions
from pyscorer.grading.grader import load_grader, predict_scores
from pyscorer.grading.grader_inputs import SourcePaths, read_inputs
from pyscorer.grading.score_tables import read_levels
from pyscorer.grading.train_grader import GraderOptions, train_grader

FIT = FitOptions(epochs=1, batch_size=12)
OPTIONS = GraderOptions(seeds=1, folds=2, width=16, trees=False, jobs=1)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_corpus(tmp_path, "train", speakers=6, seed=1)
    write_corpus(tmp_path, "test", speakers=4, seed=2)
    return tmp_path


def paths(corpus: Path) -> SourcePaths:
    return SourcePaths(gop=corpus / "gop", recogniser=corpus / "recogniser")


def unscore(corpus: Path, level: str, *aspects: str, splits: tuple[str, ...] = ("train", "test")):
    """Empty these columns of a table of scores; without any, take the table away."""
    for split in splits:
        path = corpus / "data" / split / f"{level}_scores.csv"
        if not aspects:
            path.unlink()
            continue
        pd.read_csv(path, dtype={"utterance": str}).assign(**dict.fromkeys(aspects)).to_csv(
            path, index=False
        )


def trained(corpus: Path, trees: bool = False) -> Path:
    data, out = corpus / "data", corpus / "grader"
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=RuntimeWarning)
        options = replace(OPTIONS, trees=trees)
        train_grader(data / "train", data / "test", out, paths(corpus), options, FIT)
        evaluate_grader(data / "test", [out], ["mine"], corpus / "results", GraderEvaluation(20))
        average_graders([out, out], corpus / "mean", AveragingOptions())
    return out


def aspects(out: Path, level: str, name: str = "scores") -> list[str]:
    return list(dict.fromkeys(read_levels(out / f"{name}_{level}.csv")["aspect"]))


def test_an_aspect_that_nobody_scored(corpus: Path, caplog: pytest.LogCaptureFixture) -> None:
    unscore(corpus, "word", "stress")
    unscore(corpus, "utterance", "total")
    unscore(corpus, "rater", "total")
    with caplog.at_level(logging.WARNING):
        out = trained(corpus, trees=True)
    assert "not scored by anyone, so left out: total, word stress" in caplog.text
    for name in ("scores", "out_of_fold"):
        assert aspects(out, "word", name) == ["accuracy", "total"]
        assert "total" not in aspects(out, "utterance", name)
    results = pd.read_csv(corpus / "results/results.csv")
    assert len(results) == 4 + 2 + 1 and results["pcc"].notna().all()
    grader = load_grader(out / "model.pt")
    predicted = predict_scores(grader, read_inputs(paths(corpus).split("test")))
    assert np.isnan(predicted.words.value[:, 1]).all() and np.isnan(predicted.words.low[:, 1]).all()
    assert np.isfinite(predicted.words.value[:, [0, 2]]).all()
    assert list(grader.learned.word) == ["accuracy", "total"]
    assert "total" not in grader.learned.utterance and grader.learned.overall is None


def test_utterances_without_a_table_are_not_learned(corpus: Path) -> None:
    for split in ("train", "test"):
        for level in ("utterance", "rater"):
            (corpus / "data" / split / f"{level}_scores.csv").unlink()
    out = trained(corpus)
    assert aspects(out, "utterance") == [] and len(aspects(out, "word")) == 3


@pytest.mark.parametrize("table", ["without", "empty"])
def test_no_words_and_no_phones(corpus: Path, table: str) -> None:
    unscore(corpus, "word", *(() if table == "without" else ("accuracy", "stress", "total")))
    unscore(corpus, "phone", *(() if table == "without" else ("accuracy",)))
    out = trained(corpus)
    assert aspects(out, "phone") == aspects(out, "word") == []
    assert len(aspects(out, "utterance")) == 5
    assert not (corpus / "results/detection.csv").exists()
    predicted = predict_scores(
        load_grader(out / "model.pt"), read_inputs(paths(corpus).split("test"))
    )
    assert np.isnan(predicted.probability_wrong).all()


@pytest.mark.parametrize("level", ["utterance", "word", "phone"])
def test_scales_of_one_level_alone(tmp_path: Path, level: str) -> None:
    own = make_scales({"utterance": {}} | {level: {"clarity": [1, 5]}}, "own")
    write_corpus(tmp_path, "train", speakers=6, seed=1, scales=own)
    write_corpus(tmp_path, "test", speakers=4, seed=2, scales=own)
    out = trained(tmp_path, trees=True)
    assert [aspects(out, each) for each in LEVELS] == [
        ["clarity"] if each == level else [] for each in LEVELS
    ]
    grader = load_grader(out / "model.pt")
    predicted = predict_scores(grader, read_inputs(paths(tmp_path).split("test")))
    values = {"utterance": predicted.utterances, "word": predicted.words, "phone": predicted.phones}
    assert ((values[level].value >= 1) & (values[level].value <= 5)).all()
    assert grader.learned == own
    assert np.isfinite(predicted.probability_wrong).all() == (level == "phone")


def test_a_phone_is_wrong_below_the_middle_of_its_range(tmp_path: Path) -> None:
    write_corpus(tmp_path, "train", speakers=6, seed=1)
    write_corpus(tmp_path, "test", speakers=4, seed=2)
    usual = trained(tmp_path)
    detected = pd.read_csv(tmp_path / "results/detection.csv")
    own = make_scales({"utterance": {"total": [0, 10]}, "phone": {"right": [-1, 1]}}, "own")
    other = tmp_path / "other"
    write_corpus(other, "train", speakers=6, seed=1, scales=own)
    write_corpus(other, "test", speakers=4, seed=2, scales=own)
    trained(other)
    moved = pd.read_csv(other / "results/detection.csv")
    # The same phones are wrong: those below 1 of 0..2, and below 0 of -1..1.
    assert list(moved["wrong"]) == list(detected["wrong"]) and detected["wrong"][0] > 0
    assert aspects(usual, "phone") == ["accuracy"] and aspects(other / "grader", "phone") == [
        "right"
    ]


def test_phones_that_are_all_right_leave_nothing_to_detect(corpus: Path) -> None:
    for split in ("train", "test"):
        path = corpus / "data" / split / "phone_scores.csv"
        pd.read_csv(path, dtype={"utterance": str}).assign(accuracy=2).to_csv(path, index=False)
    trained(corpus)
    assert not (corpus / "results/detection.csv").exists()


def test_a_test_split_without_scores_of_phones(corpus: Path) -> None:
    unscore(corpus, "phone", splits=("test",))
    out = trained(corpus)
    assert aspects(out, "phone") == ["accuracy"]
    assert "phone" not in set(pd.read_csv(corpus / "results/results.csv")["level"])


def test_a_few_scores_missing_here_and_there(corpus: Path) -> None:
    for level, aspect in (("utterance", "total"), ("word", "total"), ("phone", "accuracy")):
        path = corpus / "data/train" / f"{level}_scores.csv"
        table = pd.read_csv(path, dtype={"utterance": str})
        table.loc[table.index[1::2], aspect] = np.nan
        table.to_csv(path, index=False)
    out = trained(corpus)
    assert len(aspects(out, "utterance")) == 5
    assert read_levels(out / "out_of_fold_word.csv")["predicted"].notna().all()


def test_no_score_at_all_is_refused(corpus: Path) -> None:
    for level in ("utterance", "rater"):
        unscore(corpus, level, "accuracy", "completeness", "fluency", "prosodic", "total")
    unscore(corpus, "word")
    unscore(corpus, "phone")
    with pytest.raises(InputError, match="nothing to learn from"):
        trained(corpus)
