"""A corpus of other aspects and ranges, from its label tables to what a learner is told."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from made_corpus import write_corpus
from made_gop import write_split as write_gop
from made_models import TEXTS, make_models, speak
from made_scores import OPTIONS
from made_scores import write_split as write_pool
from praatio import textgrid

from pyscorer.contract.datadir import read_labels
from pyscorer.contract.scales import Scales, make_scales, write_scales
from pyscorer.errors import InputError
from pyscorer.evaluation.evaluate import EvaluateOptions, evaluate
from pyscorer.feedback import score_all as batch
from pyscorer.feedback.bundle import bundle, load_bundle
from pyscorer.feedback.score import score
from pyscorer.feedback.score_all import ScoreAllOptions, score_all
from pyscorer.grading.average_graders import AveragingOptions, average_graders
from pyscorer.grading.evaluate_grader import GraderEvaluation, evaluate_grader
from pyscorer.grading.fit_grader import FitOptions
from pyscorer.grading.grader_inputs import SourcePaths
from pyscorer.grading.train_grader import GraderOptions, train_grader
from pyscorer.pronunciation.scorer import load_scorer
from pyscorer.pronunciation.train_scorer import train_scorer
from pyscorer.scoring.baselines import BaselineOptions, load_baseline, train_baseline

OWN = make_scales(
    {
        "utterance": {"flow": [1, 5], "range": [-1, 1]},
        "word": {"clarity": [0, 100]},
        "child_below": None,
    },
    "own",
)
"""No aspect stands for all, no phone is scored, nobody is told apart by age."""


def rescore(data: Path, scales: Scales = OWN) -> None:
    """The totals of a data directory as `flow`, 0 to 10 becoming 1 to 5; `range` is 0.5."""
    path = data / "utterance_scores.csv"
    table = pd.read_csv(path)
    flow = 1 + 0.4 * table["total"]
    table.assign(flow=flow, range=0.5).drop(columns="total").to_csv(path, index=False)
    write_scales(data, scales)


def test_label_tables_are_read_by_the_scales_beside_them(tmp_path: Path) -> None:
    write_scales(tmp_path, OWN)
    path = tmp_path / "utterance_scores.csv"
    path.write_text("utterance,flow,range\na,1,-1\nb,,0.5\n")
    assert read_labels(tmp_path, "utterance").values.tolist()[0] == ["a", 1, -1]
    path.write_text("utterance,flow,range\na,0.5,0\n")
    with pytest.raises(InputError, match=r"csv:2: a: flow 0\.5 is out of range 1\.\.5"):
        read_labels(tmp_path, "utterance")
    path.write_text("utterance,flow,range\na,2,high\n")
    with pytest.raises(InputError, match=r"csv:2: a: range is 'high', not a number in -1\.\.1"):
        read_labels(tmp_path, "utterance")


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """root/total and root/flow: the same corpus on two scales, with scorers of each."""
    root = tmp_path_factory.mktemp("scored")
    for name in ("total", "flow"):
        folder = root / name
        write_pool(folder, "train", [f"t{i:02d}" for i in range(8)], 6, seed=1)
        write_pool(folder, "test", [f"x{i:02d}" for i in range(4)], 6, seed=2)
        data, pool = folder / "data", folder / "pool"
        if name == "flow":
            rescore(data / "train")
            rescore(data / "test")
        train_scorer(
            *(data / "train", pool / "train", data / "test", pool / "test", folder / "scorer"),
            replace(OPTIONS, aspect=name, epochs=2),
        )
    return root


def test_a_scorer_learns_shares_of_the_range(scored: Path) -> None:
    for table in ("scores.csv", "out_of_fold.csv"):
        total, flow = (pd.read_csv(scored / name / "scorer" / table) for name in ("total", "flow"))
        np.testing.assert_allclose(flow["predicted"], 1 + 0.4 * total["predicted"], atol=2e-3)
    losses = [
        pd.read_csv(scored / n / "scorer/train_log.csv")["valid_loss"] for n in ("total", "flow")
    ]
    np.testing.assert_allclose(*losses, rtol=1e-3)
    scorer = load_scorer(scored / "flow/scorer/model.pt")
    assert (scorer.aspect, scorer.range, scorer.scales) == ("flow", (1, 5), OWN)


def test_an_aspect_is_one_of_the_scales_and_named_where_none_stands_for_all(scored: Path) -> None:
    data, pool = scored / "flow/data", scored / "flow/pool"
    call = (data / "train", pool / "train", data / "test", pool / "test", scored / "no")
    known = r"flow \(1 to 5\), range \(-1 to 1\)"
    for aspect, fault in ((None, "no aspect that stands for all"), ("total", "no aspect total")):
        with pytest.raises(InputError, match=f"train: {fault}; choose one of: {known}"):
            train_scorer(*call, replace(OPTIONS, aspect=aspect))
        with pytest.raises(InputError, match=f"test: {fault}; choose one of: {known}"):
            evaluate(data / "test", [], [], scored / "no", EvaluateOptions(aspect=aspect))
    with pytest.raises(InputError, match=r"test: utterance scores: accuracy 0 to 10, .* flow 1 to"):
        other = scored / "total/data/test"
        train_scorer(*call[:2], other, *call[3:], replace(OPTIONS, aspect="flow"))


def test_the_tables_of_evaluation_follow_what_is_there(scored: Path) -> None:
    data = scored / "flow/data/test"
    (data / "spk2gender").write_text("x00 nonbinary\nx01 f\n")
    (data / "spk2age").write_text("x00 9\nx01 30\n")
    out = scored / "evaluated"
    options = EvaluateOptions(aspect="flow", samples=20)
    evaluate(data, [scored / "flow/scorer"], ["mine"], out, options)
    groups = pd.read_csv(out / "groups.csv")
    assert [*zip(groups["attribute"], groups["group"], strict=True)] == [
        ("gender", "f"),
        ("gender", "nonbinary"),
        ("gender", "unknown"),
    ]


@pytest.mark.parametrize("kind", ["gbt", "blstm"])
def test_a_baseline_keeps_to_the_range(tmp_path: Path, kind: str) -> None:
    predicted = {}
    for name in ("total", "flow"):
        for split, speakers, seed in (("train", range(6), 1), ("test", range(20, 24), 2)):
            write_gop(tmp_path / name / split, speakers, seed)
            if name == "flow":
                rescore(tmp_path / name / split / "data")
        parts = [tmp_path / name / s / d for s in ("train", "test") for d in ("data", "gop")]
        options = BaselineOptions(
            kind, ("gop",), name, seeds=1, folds=2, iterations=20, epochs=2, jobs=1
        )
        train_baseline(*parts, tmp_path / name / "out", options)
        predicted[name] = pd.read_csv(tmp_path / name / "out/scores.csv")["predicted"]
    np.testing.assert_allclose(predicted["flow"], 1 + 0.4 * predicted["total"], atol=2e-3)
    assert load_baseline(tmp_path / "flow/out/model.pt").range == (1, 5)


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("graded")
    write_corpus(root, "train", 10, seed=1, scales=OWN)
    write_corpus(root, "test", 6, seed=2, scales=OWN)
    data, out = root / "data", root / "grader"
    paths = SourcePaths(gop=root / "gop")
    options = GraderOptions(seeds=1, folds=2, width=16, layers=1, jobs=1)
    fit = FitOptions(epochs=8, batch_size=8, learning_rate=5e-3, averaged=0.9)
    train_grader(data / "train", data / "test", out, paths, options, fit)
    average_graders([out, out], root / "mean", AveragingOptions())
    return root


def test_a_grader_of_other_aspects_learns_and_is_evaluated(graded: Path) -> None:
    out = graded / "results"
    options = GraderEvaluation(samples=20)
    evaluate_grader(
        graded / "data/test", [graded / "grader", graded / "mean"], ["a", "b"], out, options
    )
    results = pd.read_csv(out / "results.csv")
    mine = results[results["grader"] == "a"]
    assert [*zip(mine["level"], mine["aspect"], strict=True)] == [
        ("utterance", "flow"),
        ("utterance", "range"),
        ("word", "clarity"),
    ]
    assert (mine["pcc"] > 0.5).all()
    assert (
        (out / "summary.md").read_text().startswith("| PCC, test | flow | range | word clarity |")
    )
    assert not (out / "detection.csv").exists()
    assert set(pd.read_csv(out / "ceiling.csv")["aspect"]) == {"flow", "range"}
    modules = pd.read_csv(graded / "grader/modules.csv")
    assert list(modules) == ["seed", "fold", "overall", "word_clarity", "phone"]
    for folder in ("grader", "mean"):
        for level in ("utterance", "word"):
            table = pd.read_csv(graded / folder / f"scores_{level}.csv")
            for aspect, (low, high) in OWN.level(level).items():
                own = table[table["aspect"] == aspect]
                assert own[["low", "predicted", "high"]].stack().between(low, high).all()
        assert len(pd.read_csv(graded / folder / "scores_phone.csv")) == 0


def test_graders_are_held_against_data_of_their_own_scales(graded: Path, scored: Path) -> None:
    write_corpus(graded / "other", "test", 6, seed=2)
    with pytest.raises(
        InputError, match="grader: utterance scores: flow 1 to 5, range -1 to 1, wh"
    ):
        evaluate_grader(
            graded / "other/data/test",
            [graded / "grader"],
            ["a"],
            graded / "no",
            GraderEvaluation(),
        )


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a grader of OWN."""
    root = tmp_path_factory.mktemp("run")
    make_models(root, OWN)
    soundfile.write(root / "me.wav", speak(TEXTS[2]), 16000)
    return root


def told(run: Path, form: str) -> str:
    out = run / f"told.{form}"
    score(run / "me.wav", TEXTS[2], run / "bundle", form, out)  # type: ignore[arg-type]
    return out.read_text()


def test_json_has_what_was_learnt_with_its_ranges(run: Path) -> None:
    found = json.loads(told(run, "json"))
    assert found["ranges"] == {
        "utterance": {"flow": [1, 5], "range": [-1, 1]},
        "word": {"clarity": [0, 100]},
        "phone": {},
    }
    assert list(found["aspects"]) == ["flow", "range"]
    assert 1 <= found["aspects"]["flow"]["low"] <= found["aspects"]["flow"]["value"] <= 5
    for word in found["words"]:
        assert list(word["aspects"]) == ["clarity"]
        assert 0 <= word["aspects"]["clarity"]["value"] <= 100
        assert all(set(phone) == {"phone", "start", "duration"} for phone in word["phones"])
    assert found["advice"] == []


def test_text_says_ranges_that_are_not_the_common_one(run: Path) -> None:
    lines = told(run, "text").splitlines()
    assert re.fullmatch(r"flow +\d\.\d  \(\d\.\d to \d\.\d\) \(1 to 5\)", lines[0])
    assert re.fullmatch(r"range +-?\d\.\d  \(-?\d\.\d to -?\d\.\d\) \(-1 to 1\)", lines[1])
    (at,) = (i for i, line in enumerate(lines) if line.startswith("word"))
    assert lines[at].split("  ")[1:] == ["start", "clarity (0 to 100)", "phones"]
    assert lines[at + 1].endswith("DH AH") and lines[at + 1].startswith("THE ")
    assert "good readers" in told(run, "text"), "nobody scored fluency"


def test_the_page_leaves_out_what_was_not_learnt(run: Path) -> None:
    page = re.sub(r"\s+", " ", told(run, "html"))
    assert (
        "<h2>Scores, and 0 to 100</h2>" in page
        and "<span>flow <small>1 to 5</small></span>" in page
    )
    assert 'class="overall"' not in page.split("</style>")[1], "nothing stands for all"
    assert "on a scale from -1 to 1" in page and "<span>clarity</span>" in page
    assert "Sounds" not in page
    assert re.search(r'<span class="name [abcd]">THE</span>', page)


def test_the_tiers_are_of_what_was_learnt(run: Path) -> None:
    told(run, "textgrid")
    grid = textgrid.openTextgrid(str(run / "told.textgrid"), includeEmptyIntervals=False)
    assert grid.tierNames == ("words", "word scores", "phones")


def test_the_summary_has_the_columns_of_the_scales(run: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text(f"wav,text\n{run / 'me.wav'},{TEXTS[2]}\n")
    score_all(
        *(tmp_path / "out", run / "bundle", tmp_path / "list.csv"),
        options=ScoreAllOptions(("json",), 1),
    )
    (row,) = pd.read_csv(tmp_path / "out/summary.csv").to_dict("records")
    ends = [f"{a}{end}" for a in OWN.utterance for end in ("", "_low", "_high")]
    assert list(row)[5:-1] == [*ends, "pace", "pauses"]
    assert -1 <= row["range_low"] <= row["range"] <= row["range_high"] <= 1


def test_no_aspect_takes_the_place_of_another_column_of_the_summary() -> None:
    own = make_scales({"utterance": {"pauses": [1, 5]}}, "own")
    measured = ["pace", "pauses"]
    scores = ["pauses_score", "pauses_score_low", "pauses_score_high"]
    assert list(batch._grades(None, own)) == [*scores, *measured]


def test_a_bundle_knows_its_scales_without_a_corpus(run: Path) -> None:
    judge = load_bundle(run / "bundle").judge
    assert judge.grader.scales == OWN  # type: ignore[union-attr]
    assert judge.norms.readers == "good readers"  # type: ignore[union-attr]


def test_a_scorer_tells_its_aspect_and_range(run: Path, tmp_path: Path) -> None:
    """A scorer of the recordings themselves, bundled, on the scale 1 to 5."""
    write_scales(run / "data", OWN)
    pool = run / "pool"
    options = replace(OPTIONS, seeds=1, epochs=1, aspect="flow")
    train_scorer(
        *(run / "data", pool / "train", run / "data", pool / "test", tmp_path / "scorer"), options
    )
    bundle(
        *(run / "gmm", run / "lexicon.txt", run / "tdnnf.pt", tmp_path / "scorer"),
        *(pool / "train", run / "deep", tmp_path / "bundle"),
    )
    score(run / "me.wav", TEXTS[2], tmp_path / "bundle", "json", tmp_path / "a.json")
    found = json.loads((tmp_path / "a.json").read_text())
    assert (found["aspect"], found["range"]) == ("flow", [1, 5])
    assert 1 <= found["score"] <= 5
    score(run / "me.wav", TEXTS[2], tmp_path / "bundle", "text", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_text().splitlines()[0].endswith(" (flow, 1 to 5)")
