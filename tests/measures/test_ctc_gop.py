"""The measure ctc_gop: its columns by hand, and the stage over a corpus."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_ctc import write_corpus

from pyscorer.contract.archives import write_archive
from pyscorer.contract.phones import ARPABET, PHONE_ID
from pyscorer.contract.pooled import read_columns, read_pooled
from pyscorer.contract.recording import Frames, Recording
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.measures.ctc_gop import CtcGop, ctc_gop
from pyscorer.measures.phone_map import make_phone_map

TOKENS = ("<blank>", *(phone.lower() for phone in ARPABET), "?")
MEASURE = CtcGop(make_phone_map(TOKENS, 0))


def spoken(probabilities: list[dict[str, float]], *phones: str) -> Recording:
    """A frame of 20 ms a dict of tokens (the blank takes the rest); `phones` are the text."""
    rows = np.full((len(probabilities), len(TOKENS)), 1e-12)
    for row, said in zip(rows, probabilities, strict=True):
        for token, probability in said.items():
            row[TOKENS.index(token)] = probability
        row[0] = max(1 - sum(said.values()), 1e-12)
    segments = [PhoneSegment(0, i, phone, 2 * i, 2, 0, 0) for i, phone in enumerate(phones)]
    return Recording("u", segments, 2 * len(rows), outputs={"ctc": Frames(np.log(rows), 0.02)})


def column(recording: Recording, name: str) -> np.ndarray:
    return MEASURE(recording)[:, MEASURE.columns.index(name)]


def test_a_phone_is_held_against_what_may_be_in_its_place() -> None:
    # One frame each: S; then T with .6, D with .3, nothing with .1. Given S, what follows it is
    # T, D or nothing; in the place of S nothing else is likely.
    recording = spoken([{"s": 1.0}, {"t": 0.6, "d": 0.3}], "S", "T")
    np.testing.assert_allclose(column(recording, "ctc_gop"), [0, np.log(0.6)], atol=1e-6)
    np.testing.assert_allclose(column(recording, "ctc_lpp"), np.log(0.6) / 2, atol=1e-6)
    np.testing.assert_allclose(column(recording, "ctc_frames"), 1)
    assert column(recording, "log_rival")[1] == pytest.approx(np.log(0.6 / 0.3))
    assert column(recording, "rival")[1] == PHONE_ID["D"]
    assert column(recording, "lpr_D")[1] == pytest.approx(np.log(0.6 / 0.3))
    assert column(recording, "lpr_T")[1] == 0
    assert column(recording, "lpr_deletion")[1] == pytest.approx(np.log(0.6 / 0.1), abs=1e-6)
    assert [MEASURE.heard(row) for row in MEASURE(recording)] == ["", ""]


def test_goodness_is_by_the_expected_frames_of_the_phone() -> None:
    recording = spoken([{"s": 0.5}] * 4, "S")
    frames = column(recording, "ctc_frames")
    assert 1 < frames[0] < 4
    gop, norm = column(recording, "ctc_gop"), column(recording, "ctc_gop_norm")
    np.testing.assert_allclose(norm, gop / frames)


@pytest.mark.parametrize(
    ("said", "heard", "phone"),
    [({"d": 0.9}, "D", "D"), ({}, "-", None), ({"?": 0.9}, "other", "SPN")],
)
def test_what_was_heard_instead(said: dict[str, float], heard: str, phone: str | None) -> None:
    recording = spoken([{"s": 0.99}, {"t": 0.01, **said}], "S", "T")
    assert [MEASURE.heard(row) for row in MEASURE(recording)] == ["", heard]
    assert column(recording, "rival")[1] == (PHONE_ID[phone] if phone else 0)
    assert column(recording, "log_rival")[1] < 0


def test_more_phones_than_frames_are_refused_by_utterance() -> None:
    recording = spoken([{"s": 0.9}, {"t": 0.9}], "S", "T", "S")
    with pytest.raises(InputError, match=r"utterance u: 3 phones in 2 frames of 0\.02 s"):
        MEASURE(recording)


def test_posteriors_of_other_tokens_are_refused() -> None:
    recording = spoken([{"s": 0.9}], "S")
    other = Recording("u", recording.segments, 2, outputs={"ctc": Frames(np.zeros((1, 5)), 0.02)})
    with pytest.raises(InputError, match="5 columns, of 41 tokens"):
        MEASURE(other)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_corpus(tmp_path)
    rng = np.random.default_rng(0)
    posteriors = {key: np.log(rng.dirichlet(np.ones(len(TOKENS)), size=50)) for key in ("u1", "u2")}
    write_archive(tmp_path / "ctc/post.scp", posteriors.items())
    (tmp_path / "ctc/frame_shift").write_text("0.02\n")
    (tmp_path / "ctc/tokens.json").write_text(json.dumps({"tokens": TOKENS, "blank": 0}))
    return tmp_path


def run(corpus: Path, phone_map: Path | None = None) -> None:
    ctc_gop(corpus / "data", corpus / "ali", corpus / "ctc", corpus / "out", phone_map)


def test_the_stage_writes_pooled_vectors_what_was_heard_and_the_map(corpus: Path) -> None:
    run(corpus)
    assert read_columns(corpus / "out") == list(MEASURE.columns)
    pooled = read_pooled(corpus / "out", ["ctc_gop", "log_duration", "pause_before"])
    assert pooled.keys == ["u1", "u2"]
    assert (pooled.features[:, 0] < 0).all()
    np.testing.assert_allclose(pooled.features[3, 1:], [np.log(60), np.log(41)], rtol=1e-6)
    heard = pd.read_csv(corpus / "out/heard.csv", keep_default_na=False)
    assert heard["phone"].tolist() == ["AH", "AE", "T", "AH"]
    np.testing.assert_allclose(heard["ctc_gop"], pooled.features[:, 0], atol=1e-5)
    lines = (corpus / "out/phone_map.txt").read_text().splitlines()
    assert lines[:2] == ["<blank> -", "aa AA"] and lines[-1] == "? other"


def test_the_stage_takes_a_map_of_ones_own(corpus: Path) -> None:
    (corpus / "map").write_text("? T\n")
    run(corpus, corpus / "map")
    assert (corpus / "out/phone_map.txt").read_text().splitlines()[-1] == "? T"


@pytest.mark.parametrize(("tokens", "blank"), [(["a", 1], 0), (["a"], 1), ("a", 0)])
def test_damaged_tokens_are_named(corpus: Path, tokens: object, blank: int) -> None:
    (corpus / "ctc/tokens.json").write_text(json.dumps({"tokens": tokens, "blank": blank}))
    with pytest.raises(InputError, match=r"tokens\.json: no list of tokens, or no blank among"):
        run(corpus)
