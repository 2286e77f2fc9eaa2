"""The whole pipeline on a small sample corpus: from nothing to a report, and through kills."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest
from tiny_run import finish, snakemake

STAGES = ["download", "features", "train_gmm", "align", "train_tdnnf", "export", "train_scorer"]


def kill_in(folder: Path, stage: str) -> None:
    """Start the run, and kill -9 all its processes soon after `stage` has begun."""
    process = snakemake(folder)
    begun = time.monotonic()
    try:
        while not re.search(rf"^(local)?rule {stage}:", (folder / "log").read_text(), re.MULTILINE):
            assert process.poll() is None, "the run ended before " + stage
            assert time.monotonic() - begun < 300
            time.sleep(0.1)
        time.sleep(1.5)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    finish(folder)
    return folder


def test_the_run_ends_with_a_report_tables_and_a_model(whole):
    results = whole / "results" / "sample"
    page = (results / "report.html").read_text()
    assert "synthetic" in page.lower()
    assert not re.search(r"""(src|href)=["']https?:""", page), "the page must be self-contained"
    table = pd.read_csv(results / "tables" / "results.csv")
    assert list(table["scorer"]) == ["deep", "deep+extras", "trees"]
    # So few utterances may give no tree at all: a constant prediction has no correlation.
    assert table["pcc"].fillna(0).between(-1, 1).all() and table["pcc"][:2].notna().all()
    for split in ("train", "test", "native"):
        assert (results / f"faults.sample.{split}.csv").exists()
    scores = pd.read_csv(whole / "work" / "sample" / "scorers" / "deep" / "scores.csv")
    assert len(scores) == 4 * 4 and scores["predicted"].between(0, 10).all()


def test_a_second_call_has_nothing_to_do(whole):
    before = (whole / "log").stat().st_size
    finish(whole)
    assert "Nothing to be done" in (whole / "log").read_text()[before:]


def test_a_run_killed_in_any_stage_resumes_and_ends_the_same(whole, tmp_path):
    for stage in STAGES:
        (tmp_path / "log").write_text("")
        kill_in(tmp_path, stage)
    finish(tmp_path)
    for name in ("deep", "deep+extras"):
        path = Path("work") / "sample" / "scorers" / name / "scores.csv"
        assert (tmp_path / path).read_text() == (whole / path).read_text()


def test_in_parts_of_whole_speakers_the_run_ends_the_same(whole, tmp_path):
    finish(tmp_path, overlay={"shards": 3})
    made = tmp_path / "work" / "sample" / "ali" / "sample"
    assert len([path for path in made.iterdir() if "@" in path.name]) == 9
    same = [
        *(f"results/sample/tables/{name}.csv" for name in ("results", "groups", "errors")),
        *(f"results/sample/faults.sample.{split}.csv" for split in ("train", "test")),
        *(f"work/sample/{name}" for name in ("scorers/deep/scores.csv", "tdnnf/final.pt")),
        *(f"work/sample/{folder}/sample/train/segments.csv" for folder in ("pool", "gop")),
        *(f"work/sample/ali/sample/train/{name}.ctm" for name in ("phones", "words")),
    ]
    for file in same:
        assert (tmp_path / file).read_bytes() == (whole / file).read_bytes(), file


def test_the_bundle_scores_one_recording(whole):
    wav = next((whole / "work" / "sample" / "corpora").rglob("*.wav"))
    text = whole / "work" / "sample" / "data" / "sample"
    lines = [line for split in ("train", "test") for line in (text / split / "text").open()]
    words = next(line.split(maxsplit=1)[1] for line in lines if line.startswith(wav.stem))
    command = ["score", "--model", str(whole / "results" / "sample" / "models" / "deep")]
    done = subprocess.run(
        [Path(sys.executable).parent / "pyscorer", *command, "--wav", str(wav), "--text", words],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert 0 <= float(re.search(r"\d+\.\d+", done.stdout).group()) <= 10


def test_a_wrong_key_stops_the_run_before_anything_is_made(tmp_path):
    process = snakemake(tmp_path, "--config", "corpsu=sample")
    assert process.wait() != 0
    assert "corpsu: unknown key; did you mean corpus?" in (tmp_path / "log").read_text()
    assert not (tmp_path / "work").exists()


ROWS = {
    "speeds": [0.9],
    "splices": 1,
    "synthetic_scores": {
        "kind": "gbt",
        "measures": ["lpp"],
        "seeds": 1,
        "folds": 3,
        "iterations": 20,
        "min_leaf": 2,
    },
    "pretrain_scorer": {"folds": 3, "epochs": 2, "min_steps": 0, "one_fold": True},
    "teachers": {"simple": {"measures": ["gmm_gop"]}},
    "pretrained": {"deep-ii": {}, "simple-ii": {"teacher": "simple"}},
    "finetune": {"folds": 3, "epochs": 2, "min_steps": 0, "one_fold": True},
    "finetuned": {
        "deep-ii-iii": {"start": "deep-ii"},
        "deep-iii": {},
        "simple-ii-iii": {"start": "simple-ii"},
    },
    "unfreeze_scorer": {"upper": 2, "epochs": 1},
    "unfrozen": {"deep-iiu": {"start": "deep-ii", "synthetic": True}},
    "paper_tables": {"samples": 20},
}


def test_stage_two_of_the_paper_learns_speech_that_nobody_scored(whole):
    """Here the sample's native split, in place of copies and splices of the train split."""
    alone = {"pretrained": {"deep-ii": {}}, "finetuned": {}, "unfrozen": {}}
    rows = ROWS | alone | {"speeds": [], "splices": 0, "unlabelled": ["sample/native"]}
    log = finish(whole, "paper1_tables", overlay={"paper1": rows})
    assert "rule perturb:" not in log.rpartition("Building DAG")[2]
    work = whole / "work" / "sample"
    table = pd.read_csv(work / "synthetic" / "scores.csv", dtype={"utterance": str})
    native, train = (
        {line.split()[0] for line in (work / "data" / "sample" / split / "text").open()}
        for split in ("native", "train")
    )
    assert set(table["utterance"]) == native | train
    assert (table["fold"][table["utterance"].isin(native)] == -1).all()
    assert not (work / "synthetic" / "splices.csv").exists()
    assert not (work / "labelled" / "sample" / "native").exists(), "its scores are not asked for"
    page = (whole / "results" / "sample" / "paper1" / "paper1.html").read_text()
    assert "unlabelled speech of sample/native" in page


def test_the_tables_of_the_paper_take_another_corpus_and_a_new_row_runs_alone(whole):
    """The sample corpus came in by a manifest and a reader alone; so do its tables."""
    finish(whole, "paper1_tables", overlay={"paper1": ROWS})
    results = whole / "results" / "sample" / "paper1"
    assert "synthetic" in (results / "paper1.html").read_text().lower()
    stages = pd.read_csv(results / "table_4_5.csv")
    done = stages.loc[stages["seeds"].notna(), "model"]
    assert list(done) == ["deep-ii-iii", "deep-iiu", "deep-iii", "deep-ii"]
    choices = pd.read_csv(results / "table_choices.csv")
    done = choices.loc[choices["seeds"].notna(), "model"]
    assert list(done) == ["deep-ii-iii", "simple-ii-iii"]
    sizes = pd.read_csv(results / "table_1.csv").set_index("part")
    assert sizes.loc["scoring module", "parameters"] == 20289
    rows = ROWS["unfrozen"] | {"deep-ii-iiiu": {"start": "deep-ii-iii"}}
    before = len((whole / "log").read_text())
    more = {"paper1": ROWS | {"unfrozen": rows}}
    log = finish(whole, "paper1_tables", "--dry-run", "--quiet", "rules", overlay=more)[before:]
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", log, re.MULTILINE))
    assert jobs == {"unfreeze_scorer": "1", "paper_tables": "1", "paper1_tables": "1", "total": "3"}
