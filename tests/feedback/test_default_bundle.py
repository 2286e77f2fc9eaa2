"""`pyscorer score me.wav "text"` right after installation, and two lines of Python."""

import json
import shutil
import subprocess
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints, is_typeddict

import pandas as pd
import pytest
import soundfile
from made_models import TEXTS, make_models, speak

import pyscorer
from pyscorer.cli import main
from pyscorer.errors import InputError
from pyscorer.feedback import api, default_bundle, ship_bundle
from pyscorer.feedback.answer_types import Answer, Word
from pyscorer.feedback.bundle import grader_settings, load_bundle, write_grader_settings
from pyscorer.feedback.ship_bundle import ShipOptions

TEXT = TEXTS[0]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a grader's bundle, and figures of it as evaluate_grader writes them."""
    root = tmp_path_factory.mktemp("run")
    make_models(root)
    figures = {"pcc": 0.7771, "mse": 0.5, "coverage": 0.9, "interval_width": 2.4}
    places = [("utterance", "total"), ("word", "total"), ("phone", "accuracy")]
    rows = [
        {"grader": g, "level": lv, "aspect": a} | figures
        for g in ("x", "bundle")
        for lv, a in places
    ]
    (root / "grading").mkdir()
    pd.DataFrame(rows).to_csv(root / "grading/results.csv", index=False)
    soundfile.write(root / "me.wav", speak(TEXT), 16000)
    return root


def ship(run: Path, out: Path, **options: float) -> None:
    ship_bundle.ship_bundle(
        *(run / "bundle", run / "data", run / "data", run / "grading", out),
        ShipOptions(recordings=3, **options),
    )


@pytest.fixture
def bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the bundles that come with the package, empty."""
    monkeypatch.setattr(default_bundle, "BUNDLES", tmp_path / "bundles")
    api._scorer.cache_clear()
    return tmp_path / "bundles"


def test_without_a_bundle_the_error_says_what_to_do(
    run: Path, bundles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(run / "me.wav"), TEXT]) == 2
    said = capsys.readouterr().err
    assert "bundles holds no trained bundle" in said
    assert "--model DIR" in said and "make bundle" in said


def test_a_shipped_bundle_answers_without_model_and_as_the_whole_one(
    run: Path, bundles: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ship(run, bundles / "small", tolerance=0.01)
    call = ["score", str(run / "me.wav"), TEXT, "--format", "json"]
    assert main(call) == 0
    shipped = json.loads(capsys.readouterr().out)
    assert main([*call, "--model", str(run / "bundle")]) == 0
    whole = json.loads(capsys.readouterr().out)
    for aspect, score in whole["aspects"].items():
        assert shipped["aspects"][aspect] == pytest.approx(score, abs=0.01)
    sizes = [
        (folder / "grader.zip").stat().st_size for folder in (bundles / "small", run / "bundle")
    ]
    assert sizes[0] < sizes[1]


def test_sixteen_bits_are_kept_only_where_they_change_nothing(run: Path, tmp_path: Path) -> None:
    ship(run, tmp_path / "out", tolerance=0)
    card = (tmp_path / "out/card.md").read_text()
    (told,) = (line for line in card.splitlines() if "16 bits a number" in line)
    assert "tdnnf.zip" not in told and "by more than 0.0000" in told
    for name in ("tdnnf.zip", "grader.zip"):
        same = (tmp_path / "out" / name).read_bytes() == (run / "bundle" / name).read_bytes()
        assert same == (name not in told)


def test_the_card_is_written_from_the_run(run: Path, tmp_path: Path) -> None:
    ship(run, tmp_path / "out")
    card = (tmp_path / "out/card.md").read_text()
    for said in (
        "18 recordings of 18 speakers",
        "CC BY 4.0",
        "speechocean762: An Open-Source Non-native English Speech Corpus",
        "`make bundle`, pyscorer",
        "2 networks with their trees",
        "| utterance | total | 0.777 | 0.500 | 90% | 2.40 |",
        "no examination",
    ):
        assert said in card
    assert card.count("| 0.777 |") == 3, "of this grader alone"


def test_a_bundle_that_is_too_large_is_refused_with_the_sizes_of_its_parts(
    run: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"more than 0\.1: .*grader\.zip 0\.\d, .*tdnnf\.zip"):
        ship(run, tmp_path / "out", most=0.1)
    assert not (tmp_path / "out").exists()


def test_figures_of_another_grader_are_not_taken(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "bundle", tmp_path / "other")
    with pytest.raises(InputError, match=r"results\.csv: no grader other; it has x, bundle"):
        ship_bundle.ship_bundle(
            *(tmp_path / "other", run / "data", run / "data", run / "grading", tmp_path / "out"),
        )
    with pytest.raises(InputError, match=r"mine: no package brings it; known are tiny\.en, base"):
        ship_bundle.ship_bundle(
            *(run / "bundle", run / "data", run / "data", run / "grading", tmp_path / "out"),
            encoder=[Path("mine")],
        )


def test_the_better_bundle_is_chosen_where_its_packages_are(
    run: Path, bundles: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("small", "encoder"):
        shutil.copytree(run / "bundle", bundles / name)
    settings = grader_settings(bundles / "encoder")
    named = replace(settings, packaged=("base", "tiny.en"), packaged_ctc="hama")
    write_grader_settings(bundles / "encoder", named)
    there: set[str] = {"tiny.en"}

    def packaged_model(name: str) -> Path:
        if name not in there:
            raise InputError(f"{name} is not installed")
        return Path(name)

    monkeypatch.setattr(default_bundle, "packaged_model", packaged_model)
    assert default_bundle.chosen_model(None) == bundles / "small"
    lacking = [f"{name} is not installed" for name in ("base", "hama")]
    assert [*default_bundle.lacking(bundles / "encoder")] == lacking
    there.add("base")
    assert default_bundle.chosen_model(None) == bundles / "small"
    there.add("hama")
    assert default_bundle.chosen_model(None) == bundles / "encoder"
    assert default_bundle.chosen_model(Path("mine")) == Path("mine")


def test_python_answers_what_the_command_writes_and_loads_once(
    run: Path, bundles: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(run / "bundle", bundles / "small")
    loaded: list[Path] = []

    def load(model: Path):
        loaded.append(model)
        return load_bundle(model)

    monkeypatch.setattr(api, "load_bundle", load)
    answers = [pyscorer.score(str(run / "me.wav"), TEXT) for _ in range(2)]
    assert loaded == [bundles / "small"]
    assert main(["score", str(run / "me.wav"), TEXT, "--format", "json"]) == 0
    assert answers[0] == answers[1] == json.loads(capsys.readouterr().out)


def fits(value: object, kind: Any) -> bool:
    """Whether a value of JSON is of a type: a TypedDict has its keys, no others."""
    if isinstance(kind, types.UnionType):
        return any(fits(value, each) for each in get_args(kind))
    if is_typeddict(kind):
        hints = get_type_hints(kind)
        assert isinstance(value, dict)
        assert kind.__required_keys__ <= value.keys() <= hints.keys(), kind
        return all(fits(value[key], hints[key]) for key in value)
    if get_origin(kind) is list:
        return isinstance(value, list) and all(fits(v, get_args(kind)[0]) for v in value)
    if get_origin(kind) is dict:
        of_keys, of_values = get_args(kind)
        pairs = value.items() if isinstance(value, dict) else [(None, None)]
        return all(fits(k, of_keys) and fits(v, of_values) for k, v in pairs)
    return isinstance(value, kind)


def test_the_answer_has_the_documented_type(run: Path) -> None:
    answer = pyscorer.score(run / "me.wav", TEXT, model=run / "bundle")
    assert answer["advice"] and answer["words"][0]["phones"][0]["score"]
    for key, kind in get_type_hints(Answer).items():
        assert fits(answer[key], kind), key
    assert answer.keys() == get_type_hints(Answer).keys()
    assert not fits(answer["words"][0] | {"start": "0"}, Word)


def test_a_scorer_object_keeps_its_model(run: Path) -> None:
    scorer = pyscorer.Scorer.load(run / "bundle")
    assert scorer.score(run / "me.wav", TEXT) == pyscorer.score(
        run / "me.wav", TEXT, run / "bundle"
    )
    assert "<!doctype html>" in scorer.page(run / "me.wav", TEXT)
    with pytest.raises(pyscorer.InputError, match=r"nothing\.wav: no such audio file"):
        scorer.score("nothing.wav", TEXT)


def test_importing_the_package_imports_nothing_else() -> None:
    code = (
        "import sys, pyscorer; print(*{'torch', 'numpy', 'pydantic', 'pandas'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
    assert set(pyscorer.__all__) <= {*dir(pyscorer), *pyscorer._LAZY}


def test_how_fast_a_bundle_answers_is_measured(run: Path) -> None:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "score_speed.py"
    command = [sys.executable, script, "--model", run / "bundle", "--data", run / "data"]
    command += ["--many", "3", "--recordings", "1", "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for told in ("score_all: 3 recordings", "times faster than real time", "1 of", "loading:"):
        assert told in done.stdout
