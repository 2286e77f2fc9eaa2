"""What the rule judge_model names of a run's models."""

import copy
from pathlib import Path

import pytest
import yaml

from pyscorer.config import SCHEMA
from pyscorer.planning.judging import Judging
from pyscorer.planning.plan import make_plan

ROOT = SCHEMA.parents[2]
SAMPLE = yaml.safe_load((ROOT / "config" / "config.yaml").read_text()) | yaml.safe_load(
    (ROOT / "config" / "spoken_sample.yaml").read_text()
)
WORK = Path("work/spoken_sample")


@pytest.fixture(autouse=True)
def nothing_at_hand(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "corpora").mkdir()
    monkeypatch.setenv("PYSCORER_CORPORA", str(tmp_path / "corpora"))


def judging(experts: list[str], **sections) -> Judging:
    config = copy.deepcopy(SAMPLE)
    speech = config["proficiency"]["speech"] | sections.pop("speech", {})
    config["proficiency"] |= {"experts": {name: {} for name in experts}, "speech": speech}
    return Judging(make_plan(config | sections).speech, Path("work/answers/encoder"))


def test_of_typed_responses_nothing_is_named() -> None:
    typed = Judging(None, Path("answers"))
    assert (typed.folders, typed.files, typed.options) == ({}, {}, {})


def test_experts_that_read_need_the_decoder_alone() -> None:
    found = judging(["fbk1", "TREES"])
    assert set(found.folders) == {"decoded"}
    assert set(found.files) == {"lexicon", "tdnnf", "graph"}
    assert found.options == {}
    whisper = judging(["fbk1", "TREES"], speech={"decoder": "whisper"})
    assert set(whisper.files) == {"lexicon"}
    assert whisper.options == {"recogniser": "tiny.en"}


def test_experts_that_listen_need_what_measured_their_inputs() -> None:
    found = judging(["TREES", "LSTM-DEEP"])
    assert found.folders == {
        "decoded": WORK / "decode/spoken_sample/train/hyp.text",
        "gmm": WORK / "gmm/final.npz",
        "ali": WORK / "ali/heard-spoken_sample/train/phones.ctm",
        "answers": Path("work/answers/encoder"),
    }
    assert set(found.files) == {"lexicon", "tdnnf", "graph"}


def test_what_has_a_name_is_an_option() -> None:
    speech = {"decoder": "whisper", "second": "own", "encoder": "base"}
    found = judging(["TREES", "LSTM-STATES"], speech=speech, transcribe={"model": "base.en"})
    assert found.options == {"recogniser": "base.en", "encoder": "base"}
    assert set(found.folders) >= {"second"} and set(found.files) >= {"graph", "tdnnf"}
    layers = judging(
        ["LSTM-STATES"],
        speech={"encoder": "base"},
        encode={"model": "base", "layers": [-1, -2], "pad": 0.25},
        recogniser_view={},
    ).options
    assert layers == {"encoder": "base", "layers": [-1, -2], "pad": 0.25, "view": "base"}
