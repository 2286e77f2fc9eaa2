"""The stages evaluate and report on made-up scores of six speakers."""

import base64
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile

from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.files import write_table
from pyscorer.contract.scales import make_scales, write_scales
from pyscorer.errors import InputError
from pyscorer.evaluation.evaluate import EvaluateOptions, evaluate
from pyscorer.evaluation.metrics import pearson
from pyscorer.evaluation.report import ReportOptions, audio_uri, report

OPTIONS = EvaluateOptions(samples=50, errors=3)
SPEAKERS = {"a": ("6", "f"), "b": ("9", "m"), "c": ("15", "f")} | {
    "d": ("16", "m"),
    "e": ("30", "f"),
    "f": ("41", "m"),
}


def write_scorer(path: Path, human: np.ndarray, noise: float, out_of_fold: float | None) -> None:
    rng = np.random.default_rng(0)
    path.mkdir()
    keys = [f"{s}{i}" for s in SPEAKERS for i in range(5)]
    by_seed = human[:, None] + noise * rng.normal(size=(len(human), 2))
    table = pd.DataFrame({"utterance": keys, "speaker": [k[0] for k in keys], "human": human})
    table["predicted"] = by_seed.mean(axis=1)
    table["seed_0"], table["seed_1"] = by_seed.T
    table.to_csv(path / "scores.csv", index=False)
    if out_of_fold is not None:
        table.assign(seed_0=-human, seed_1=-human).to_csv(path / "out_of_fold.csv", index=False)
        pd.DataFrame({"seed": [0, 1], "fold": [0, 0], "test_pcc": [0.5, 0.7]}).to_csv(
            path / "modules.csv", index=False
        )
        log = {"seed": 0, "fold": 0, "epoch": [1, 2], "train_loss": [2, 1], "valid_loss": [2, 1.5]}
        pd.DataFrame(log).to_csv(path / "train_log.csv", index=False)


def build(tmp_path: Path) -> Path:
    """Data, alignments, training logs and two scorers; `sharp` is better than `dull`."""
    rng = np.random.default_rng(1)
    keys = [f"{s}{i}" for s in SPEAKERS for i in range(5)]
    human = rng.integers(2, 11, len(keys)).astype(float)
    for split in ("train", "test"):
        data = tmp_path / "data" / split
        tone = tmp_path / "tone.wav"
        soundfile.write(tone, 0.1 * np.sin(np.arange(16000) / 5), 16000)
        write_table(data / "text", dict.fromkeys(keys, "TOM & <JERRY>"))
        write_table(data / "utt2spk", {k: k[0] for k in keys})
        write_table(data / "wav.scp", dict.fromkeys(keys, str(tone)))
        write_table(data / "spk2age", {s: age for s, (age, _) in SPEAKERS.items()})
        write_table(data / "spk2gender", {s: gender for s, (_, gender) in SPEAKERS.items()})
        scores = pd.DataFrame({"utterance": keys, "total": human})
        scores.to_csv(data / "utterance_scores.csv", index=False)
        raters = [
            (k, r, (h + rng.normal()).clip(0, 10))
            for k, h in zip(keys, human, strict=True)
            for r in "123"
        ]
        pd.DataFrame(raters, columns=["utterance", "rater", "total"]).to_csv(
            data / "rater_scores.csv", index=False
        )
        segments = [Segment("SIL", 0, 20), Segment("T", 20, 3), Segment("AA", 23, 77)]
        write_ctm(tmp_path / "ali" / split / "phones.ctm", ((k, segments) for k in keys))
    for stage, log in {
        "gmm": {"iteration": [0, 1], "log_likelihood": [-100.0, -95.0]},
        "tdnnf": {"epoch": [1, 2], "train_objf": [-0.3, -0.2], "valid_objf": [-0.3, -0.25]},
    }.items():
        (tmp_path / stage).mkdir()
        pd.DataFrame(log).to_csv(tmp_path / stage / "log.csv", index=False)
    write_scorer(tmp_path / "sharp", human, 1.0, out_of_fold=None)
    write_scorer(tmp_path / "dull", human, 3.0, out_of_fold=0.1)
    return tmp_path


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return build(tmp_path)


@pytest.fixture(scope="module")
def reported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with its results and report.html."""
    root = build(tmp_path_factory.mktemp("run"))
    run_report(root)
    return root


@pytest.fixture
def page(reported: Path) -> str:
    return (reported / "report.html").read_text()


def run_evaluate(run: Path) -> Path:
    scorers = [run / "sharp", run / "dull"]
    evaluate(run / "data/test", scorers, ["sharp", "dull"], run / "results", OPTIONS)
    return run / "results"


def run_report(run: Path, synthetic: bool = False) -> str:
    results = run_evaluate(run)
    report(
        *(run / "data/train", run / "data/test", run / "ali/train", run / "ali/test"),
        *(run / "gmm", run / "tdnnf", [run / "sharp", run / "dull"], ["sharp", "dull"]),
        *(results, run / "report.html", ReportOptions(note="made up", synthetic=synthetic)),
    )
    return (run / "report.html").read_text()


def test_pcc_is_the_mean_over_seeds_and_lies_in_its_interval(run: Path) -> None:
    results = pd.read_csv(run_evaluate(run) / "results.csv").set_index("scorer")
    for name, row in results.iterrows():
        table = pd.read_csv(run / str(name) / "scores.csv")
        by_seed = [pearson(table[s], table["human"]) for s in ("seed_0", "seed_1")]
        assert row.pcc == pytest.approx(np.mean(by_seed), abs=1e-4)
        assert row.pcc_sd == pytest.approx(np.std(by_seed, ddof=1), abs=1e-4)
        assert row.pcc_all_seeds == pytest.approx(
            pearson(table["predicted"], table["human"]), abs=1e-4
        )
        assert row.utterance_low < row.pcc < row.utterance_high
        assert row.speaker_low < row.speaker_high
        assert (row.utterances, row.speakers, row.seeds) == (30, 6, 2)
    assert results.pcc["sharp"] > results.pcc["dull"]
    assert results.single_module_pcc["dull"] == pytest.approx(0.6)
    assert np.isnan(results.single_module_pcc["sharp"])


def test_groups_are_cut_at_16_years_and_cover_all_speakers(run: Path) -> None:
    groups = pd.read_csv(run_evaluate(run) / "groups.csv")
    groups = groups[groups.scorer == "sharp"].set_index("group")
    assert dict(groups.speakers) == {"adult": 3, "child": 3, "f": 3, "m": 3}
    table = pd.read_csv(run / "sharp/scores.csv")
    children = table[table.speaker.isin(["a", "b", "c"])]
    expected = np.mean([pearson(children[s], children.human) for s in ("seed_0", "seed_1")])
    assert groups.pcc["child"] == pytest.approx(expected, abs=1e-4)


def test_the_worst_errors_come_first(run: Path) -> None:
    errors = pd.read_csv(run_evaluate(run) / "errors.csv")
    assert list(errors.scorer) == ["sharp"] * 3 + ["dull"] * 3
    table = pd.read_csv(run / "dull/scores.csv")
    largest = (table.predicted - table.human).abs().nlargest(3)
    np.testing.assert_allclose(errors.error[3:].abs(), largest, atol=1e-3)


def test_the_ceiling_has_the_aspects_that_raters_gave(run: Path) -> None:
    ceiling = pd.read_csv(run_evaluate(run) / "ceiling.csv")
    assert set(ceiling["aspect"]) == {"total"} and set(ceiling["raters"]) == {3}
    assert ceiling["group"][0] == "all"
    assert 0.8 < ceiling["one expert"][0] < 1
    assert ceiling["sharp"][0] > ceiling["dull"][0]


def test_without_raters_there_is_no_ceiling(run: Path) -> None:
    (run / "data/test/rater_scores.csv").unlink()
    assert len(pd.read_csv(run_evaluate(run) / "ceiling.csv")) == 0
    assert "one expert" not in run_report(run)


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda t: t.drop(columns="predicted"), "no column predicted"),
        (lambda t: t[1:], "29 utterances where .* has 30; a0 is in only one"),
        (lambda t: t.assign(predicted=np.inf), "not a number"),
    ],
)
def test_faulty_scores_are_errors(run: Path, fault, message: str) -> None:  # type: ignore[no-untyped-def]
    path = run / "sharp/scores.csv"
    fault(pd.read_csv(path)).to_csv(path, index=False)
    with pytest.raises(InputError, match=message):
        run_evaluate(run)
    assert not (run / "results").exists()


def test_a_scorer_without_a_name_is_an_error(run: Path) -> None:
    with pytest.raises(InputError, match="1 scorers, but 2 names"):
        evaluate(run / "data/test", [run / "sharp"], ["a", "b"], run / "results", OPTIONS)


def test_the_report_is_self_contained_and_has_the_tables_numbers(reported: Path, page: str) -> None:
    assert "6 speakers, 6 of them in training" in page
    results = pd.read_csv(reported / "results/results.csv")
    for value in [*results.pcc, *results.speaker_low, *results.mse]:
        assert f"{value:.3f}" in page
    sources = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert sources
    assert all(source.startswith("data:") for source in sources)
    assert "http" not in re.sub(r'"data:[^"]*"', "", page)
    assert page.count("<audio") == 3
    assert len(page) < 10e6


def test_the_report_of_another_aspect_and_range(run: Path) -> None:
    own = make_scales({"utterance": {"flow": [1, 5]}, "child_below": None}, "own")
    for split in ("train", "test"):
        data = run / "data" / split
        for level in ("utterance", "rater"):
            table = pd.read_csv(data / f"{level}_scores.csv")
            table["flow"] = 1 + 0.4 * table.pop("total")
            table.to_csv(data / f"{level}_scores.csv", index=False)
        write_scales(data, own)
        (data / "spk2gender").write_text("a woman\nb man\nc woman\n")
    page = re.sub(r"\s+", " ", run_report(run))
    assert "Agreement with the human flow score" in page and "<th>mean flow score</th>" in page
    assert "Children are below" not in page and "children / adults" not in page
    assert "man 1, unknown 3, woman 2" in page and "gender: woman" in page


def test_text_in_the_report_is_escaped(page: str) -> None:
    assert "TOM &amp; &lt;JERRY&gt;" in page
    assert "<JERRY>" not in page


def test_the_headline_is_chosen_on_train_speakers_never_on_test(page: str) -> None:
    # `sharp` is far better on test, but only `dull` has held-out figures.
    assert "Worst errors of “dull”" in page


def test_a_synthetic_corpus_is_said_to_be_one(run: Path, page: str) -> None:
    assert "Synthetic corpus" in run_report(run, synthetic=True)
    assert "Synthetic" not in page
    assert "made up" in page


def test_the_same_run_gives_the_same_page(run: Path, page: str) -> None:
    assert run_report(run) == page


def test_a_missing_log_is_an_error_that_names_it(run: Path) -> None:
    (run / "tdnnf/log.csv").unlink()
    with pytest.raises(InputError, match=r"tdnnf/log\.csv: no such training log"):
        run_report(run)


def test_audio_of_any_rate_becomes_mp3(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.flac", np.zeros((44100, 2)), 44100)
    kind, _, content = audio_uri(tmp_path / "a.flac").partition(",")
    assert kind == "data:audio/mpeg;base64"
    (tmp_path / "a.mp3").write_bytes(base64.b64decode(content))
    assert soundfile.info(tmp_path / "a.mp3").duration == pytest.approx(1, abs=0.1)
