"""`pyscorer score`: one recording through all the models, as the pipeline scores it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
import torch

from pyscorer.alignment.align import align
from pyscorer.alignment.features import FeatureOptions, features
from pyscorer.alignment.train_gmm import GmmOptions, train_gmm
from pyscorer.chain.acoustic_model import AcousticModel, save_model
from pyscorer.chain.export import ExportOptions, export
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.cli import main
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.phones import PHONES
from pyscorer.contract.pooled import read_pooled
from pyscorer.errors import InputError
from pyscorer.feedback.bundle import bundle
from pyscorer.measures.pool import pool
from pyscorer.pronunciation.module import ModuleConfig, ScoringModule
from pyscorer.pronunciation.scorer import (
    ScorerModule,
    ScorerOptions,
    TrainedScorer,
    load_scorer,
    predict_all,
    save_scorer,
)
from pyscorer.scoring.ensemble import Place

LEXICON = "CAT K AE T\nO'CLOCK AH K L AA K\nSAT S AE T\nSAT S EH T\nTHE DH AH\nTHE DH IY\n"
TEXTS = ["THE CAT SAT", "SAT", "CAT THE CAT", "THE O'CLOCK"]
COLUMNS = [*(f"deep_{i}" for i in range(256)), "log_duration", "log_posterior"]


def write_models(root: Path) -> None:
    """A GMM of a few iterations, a random TDNN-F, and a random scorer of two modules."""
    torch.manual_seed(0)
    options = GmmOptions(iterations=3, gaussians=60, jobs=1)
    train_gmm(root / "data", root / "mfcc13", root / "lexicon.txt", root / "gmm", options)
    sizes = {"dim": 64, "bottleneck": 16, "prefinal_dim": 64, "prefinal_bottleneck": 32}
    network = Tdnnf(TdnnfConfig(len(PHONES) - 1, time_strides=(1, 0, 3), **sizes)).eval()
    pdf_to_phone = np.arange(1, len(PHONES), dtype=np.int32)
    save_model(root / "tdnnf.pt", AcousticModel(network, pdf_to_phone))
    config = ModuleConfig(len(COLUMNS))
    states = [ScoringModule(config).state_dict() for _ in range(2)]
    scorer = TrainedScorer(
        *(ScorerOptions(seeds=2, one_fold=True), config, COLUMNS),
        *(torch.randn(len(COLUMNS)), torch.rand(len(COLUMNS)) + 0.5),
        tuple(ScorerModule(Place(seed, seed), state) for seed, state in enumerate(states)),
    )
    save_scorer(root / "scorer/model.pt", scorer)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recordings of noise, each of its own speaker, and the pipeline's output for them."""
    root = tmp_path_factory.mktemp("run")
    rng = np.random.default_rng(0)
    data = DataDir()
    for i, text in enumerate(TEXTS):
        key, audio = f"u{i}", root / f"u{i}.wav"
        noise = rng.normal(size=16000 + 3210 * i) * (1 + np.sin(np.arange(16000 + 3210 * i) / 900))
        soundfile.write(audio, 0.05 * noise, 16000)
        data.utterances[key] = Utterance(key, f"s{i}", audio, tuple(text.split()))
    (root / "data").mkdir()
    write_data_dir(root / "data", data)
    (root / "lexicon.txt").write_text(LEXICON)
    for kind in ("mfcc13", "mfcc40"):
        features(root / "data", root / kind, FeatureOptions(kind=kind, jobs=1))
    write_models(root)
    align(root / "data", root / "mfcc13", root / "lexicon.txt", root / "gmm", root / "ali")
    export(root / "tdnnf.pt", root / "mfcc40", root / "deep", ExportOptions(jobs=1))
    pool(root / "data", root / "ali", root / "deep", root / "pool")
    bundle(
        *(root / "gmm", root / "lexicon.txt", root / "tdnnf.pt", root / "scorer"),
        *(root / "pool", root / "deep", root / "bundle"),
    )
    return root


def score(run: Path, capsys: pytest.CaptureFixture[str], wav: Path, text: str, *more: str) -> str:
    arguments = ["score", "--model", str(run / "bundle"), "--wav", str(wav), "--text", text]
    status = main([*arguments, *more])
    printed = capsys.readouterr()
    if status:
        raise InputError(printed.err)
    return printed.out


def test_a_recording_scores_as_in_the_pipeline(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pooled = read_pooled(run / "pool", COLUMNS)
    expected = predict_all(load_scorer(run / "scorer/model.pt"), pooled).mean(axis=1)
    for key, text, value in zip(pooled.keys, TEXTS, expected, strict=True):
        answer = json.loads(score(run, capsys, run / f"{key}.wav", text, "--format", "json"))
        assert answer["score"] == pytest.approx(value, abs=2e-3)
    assert np.std(expected) > 0.02


def test_phones_carry_the_times_of_the_alignment(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answer = json.loads(score(run, capsys, run / "u0.wav", "The cat sat.", "--format", "json"))
    ctm = [line.split() for line in (run / "ali/phones.ctm").open() if line.startswith("u0 ")]
    expected = [(p, float(s), float(d)) for _, _, s, d, p in ctm if p != "SIL"]
    found = [(p["phone"], p["start"], p["duration"]) for p in answer["phones"]]
    assert found == expected
    assert [p["word"] for p in answer["phones"]][:2] == ["THE", "THE"]
    assert all(p["log_posterior"] < 0 for p in answer["phones"])


def test_the_plain_answer_has_a_line_a_phone(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = score(run, capsys, run / "u1.wav", "sat").splitlines()
    assert lines[0].startswith("score ")
    assert 0 <= float(lines[0].split()[1]) <= 10
    assert len(lines) == 2 + 3
    assert lines[2].split()[:2] == ["S", "SAT"]


@pytest.mark.parametrize(("name", "rate"), [("a.flac", 44100), ("a.ogg", 48000), ("a.wav", 8000)])
def test_any_format_and_rate(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, rate: int
) -> None:
    noise = np.random.default_rng(0).normal(size=(rate, 2)) / 20
    lively = 1 + np.sin(2 * np.pi * 3 * np.arange(rate) / rate)  # as loudness changes in speech
    soundfile.write(tmp_path / name, noise * lively[:, None], rate)
    assert score(run, capsys, tmp_path / name, "THE CAT").startswith("score ")


def test_words_outside_the_lexicon_are_all_named(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"u0\.wav: .*not in the lexicon: dog, seven;"):
        score(run, capsys, run / "u0.wav", "The dog sat 7 dog")


@pytest.mark.parametrize("text", ["", " ... "])
def test_empty_text_is_an_error(run: Path, capsys: pytest.CaptureFixture[str], text: str) -> None:
    with pytest.raises(InputError, match="--text: no words"):
        score(run, capsys, run / "u0.wav", text)


@pytest.mark.parametrize(("samples", "message"), [(0, "empty audio"), (200, "shorter than one")])
def test_empty_or_tiny_audio_is_an_error(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], samples: int, message: str
) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(samples), 16000)
    with pytest.raises(InputError, match=rf"a\.wav: .*{message}"):
        score(run, capsys, tmp_path / "a.wav", "SAT")


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        (np.zeros(16000), "silence"),
        (0.1 * np.sin(np.arange(16000) / 5), "no speech"),
        (0.05 * np.random.default_rng(0).normal(size=16000), "no speech"),
        (np.zeros(31 * 16000), "31 s of audio"),
    ],
)
def test_what_a_grader_refuses_a_scorer_refuses(
    run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    samples: np.ndarray,
    message: str,
) -> None:
    soundfile.write(tmp_path / "a.wav", samples, 16000)
    with pytest.raises(InputError, match=rf"a\.wav: .*{message}"):
        score(run, capsys, tmp_path / "a.wav", "SAT")


def test_a_recording_unlike_its_text_is_warned_of(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(run / "bundle", tmp_path / "bundle")
    for unlike, warned in ((-100.0, 0), (100.0, 1)):
        limits = {"unlike": unlike, "beyond": -100.0, "refused": [-100.0, -100.0]}
        (tmp_path / "bundle/settings.json").write_text(json.dumps({"limits": limits}))
        answer = json.loads(score(tmp_path, capsys, run / "u0.wav", TEXTS[0], "--format", "json"))
        assert len(answer["warnings"]) == warned
    assert "does not sound like the text" in answer["warnings"][0]


@pytest.mark.parametrize(
    "settings", ['{"likeness": -3.4}', "[]", "{", '{"limits": {"unlike": NaN}}']
)
def test_settings_of_another_version_are_refused(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: str
) -> None:
    shutil.copytree(run / "bundle", tmp_path / "bundle")
    (tmp_path / "bundle/settings.json").write_text(settings)
    with pytest.raises(InputError, match=r"settings\.json: not"):
        score(tmp_path, capsys, run / "u0.wav", TEXTS[0])


def test_many_recordings_are_scored_without_a_grader(run: Path, tmp_path: Path) -> None:
    rows = [f"{run}/u{i}.wav,{text}" for i, text in enumerate(TEXTS)]
    (tmp_path / "list.csv").write_text("\n".join(["wav,text", *rows, f"{run}/u0.wav,DOG"]))
    call = ["score_all", "--model", str(run / "bundle"), "--manifest", str(tmp_path / "list.csv")]
    assert main([*call, "--out", str(tmp_path / "out"), "--jobs", "1"]) == 0
    table = pd.read_csv(tmp_path / "out/summary.csv")
    assert list(table["status"]) == [*["scored"] * len(TEXTS), "failed"]
    assert "not in the lexicon: DOG" in table["error"].iloc[-1]
    for i, value in enumerate(table["score"][:-1]):
        assert json.loads((tmp_path / f"out/u{i}.json").read_text())["score"] == value
    assert main([*call, "--out", str(tmp_path / "html"), "--formats", "html"]) == 2


def test_audio_too_short_for_its_text_is_an_error(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    noise = 0.05 * np.random.default_rng(0).normal(size=2000) * np.linspace(0, 1, 2000) ** 2
    soundfile.write(tmp_path / "a.wav", noise, 16000)
    with pytest.raises(InputError, match=r"a\.wav: cannot align"):
        score(run, capsys, tmp_path / "a.wav", "THE CAT SAT THE CAT SAT")


def test_a_bundle_without_a_part_is_an_error(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=r"final\.npz: no such file"):
        bundle(
            *(tmp_path / "gmm", run / "lexicon.txt", run / "tdnnf.pt", run / "scorer"),
            *(run / "pool", run / "deep", tmp_path / "bundle"),
        )
    assert main(["score", "--model", str(tmp_path), "--wav", "x", "--text", "x"]) == 2
    assert "bundle" in capsys.readouterr().err
