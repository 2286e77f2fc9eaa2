"""Graphs in ONNX's format as encoders and CTC models: what enters them is found or asked for."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from made_ctc import write_corpus
from made_onnx import SIZE, features, streaming, waveform

from pyscorer.contract.archives import Matrices
from pyscorer.errors import InputError
from pyscorer.pretrained.ctc_posteriors import ctc_posteriors
from pyscorer.pretrained.frontends import Frontend
from pyscorer.pretrained.onnx_graph import OnnxEncoder
from pyscorer.pretrained.packaged import copy_model
from pyscorer.pretrained.registry import load_ctc, load_encoder, on_device

NOISE = np.random.default_rng(0).normal(0, 0.1, 16000).astype(np.float32)
WAVEFORM = {"features": "waveform", "normalise": False}
ICEFALL = {"model_type": "zipformer2_ctc", "model_author": "k2-fsa"}
NEMO = {"model_author": "NeMo", "normalize_type": "per_feature"}


def encoder(path: Path) -> OnnxEncoder:
    found = load_encoder(path)
    assert isinstance(found, OnnxEncoder)
    return found


def say(folder: Path, **told: object) -> None:
    (folder / "frontend.json").write_text(json.dumps(told))


def test_a_graph_of_waveforms_is_an_encoder_with_a_measured_frame_shift(tmp_path: Path) -> None:
    say(waveform(tmp_path / "model.onnx").parent, **WAVEFORM)
    found = encoder(tmp_path)
    assert (found.layers, found.frame_shift, found.dimension((1,))) == (1, 0.02, SIZE)
    states, shorter = found.states([NOISE, NOISE[:8000]], (-1,))
    assert states.shape == (49, SIZE) and shorter.shape == (24, SIZE)
    np.testing.assert_allclose(states[:24], shorter, atol=1e-5)
    with pytest.raises(InputError, match=r"0\.01 s of speech are too short"):
        found.states([NOISE[:100]], (1,))
    with pytest.raises(InputError, match="device cuda: OnnxEncoder computes on the CPU alone"):
        on_device(found, "cuda")


@pytest.mark.parametrize("normalise", [True, False])
def test_whether_a_waveform_is_normalised_is_read_as_transformers_writes_it(
    tmp_path: Path, normalise: bool
) -> None:
    waveform(tmp_path / "model.onnx")
    told = {"do_normalize": normalise, "sampling_rate": 16000}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(told))
    (plain,), (louder,) = (encoder(tmp_path).states([NOISE * f], (1,)) for f in (1, 2))
    np.testing.assert_allclose(louder, plain * (1 if normalise else 2), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("nemo", "metadata", "frontend"),
    [
        (False, ICEFALL, Frontend("kaldi")),
        (True, NEMO, Frontend("nemo", normalise=True)),
        (True, NEMO | {"normalize_type": ""}, Frontend("nemo")),
    ],
)
def test_features_are_those_that_the_metadata_says(
    tmp_path: Path, nemo: bool, metadata: dict[str, str], frontend: Frontend
) -> None:
    found = encoder(features(tmp_path / "model.onnx", nemo, **metadata))
    assert found.graph.frontend == frontend
    assert (found.graph.mels, found.graph.transposed) == (8, nemo)
    assert found.frame_shift == pytest.approx(0.04, abs=1e-12)
    assert found.states([NOISE], (1,))[0].shape == (25, SIZE)  # 100 frames, windows of 3


def test_what_is_said_beside_the_graph_goes_before_its_metadata(tmp_path: Path) -> None:
    path = features(tmp_path / "model.onnx", mels="M", **ICEFALL)
    with pytest.raises(InputError, match=r"how many mels it reads is not known"):
        encoder(path)
    say(tmp_path, features="kaldi", mels=8, scale=32768)
    scaled = encoder(path)
    assert scaled.graph.frontend == Frontend("kaldi", scale=32768.0, mels=8)
    loud = scaled.graph.frontend(NOISE, 8)
    quiet = Frontend("kaldi")(NOISE, 8)
    np.testing.assert_allclose(loud - quiet, 2 * np.log(32768), rtol=1e-4)


def test_nemos_features_have_mean_0_and_variance_1_over_time() -> None:
    x = Frontend("nemo", normalise=True)(NOISE, 8)
    assert x.shape == (100, 8)
    np.testing.assert_allclose(x.mean(axis=0), 0, atol=1e-4)
    np.testing.assert_allclose(x.std(axis=0, ddof=1), 1, atol=1e-3)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        (None, r"which features it reads is not known: say so in a file frontend\.json"),
        ({"features": "waveform", "normalise": True}, "it takes features, not waveform"),
        ({"features": "waveform"}, "lacks normalise, true or false"),
        ({"features": "mfcc"}, "mfcc is not known: say so"),
        ({"features": "kaldi", "dither": 1}, "dither is not known"),
        ({"features": "kaldi", "mels": 80}, "it reads 8 mels, not 80"),
        ({"features": "kaldi", "scale": -1}, "scale a number up to 32768"),
        ({"normalise": True}, "lacks features"),
    ],
)
def test_what_is_not_known_is_asked_for(
    tmp_path: Path, told: dict[str, object] | None, message: str
) -> None:
    features(tmp_path / "model.onnx")
    if told is not None:
        say(tmp_path, **told)
    with pytest.raises(InputError, match=message):
        load_encoder(tmp_path)


def test_metadata_of_something_else_is_refused(tmp_path: Path) -> None:
    path = features(tmp_path / "model.onnx", nemo=True, normalize_type="all_features")
    with pytest.raises(InputError, match="normalize_type all_features is not known"):
        load_encoder(path)
    path = features(tmp_path / "other.onnx", sample_rate="8000", **ICEFALL)
    with pytest.raises(InputError, match="a model of speech at 8000 Hz; 16000 Hz is read"):
        load_encoder(path)


def test_a_graph_that_carries_states_on_is_refused_by_its_inputs(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"inputs x tensor\(float\) .*, cached .*only graphs of one"
    ):
        load_encoder(streaming(tmp_path / "encoder.onnx"))


def test_of_several_graphs_one_is_named(tmp_path: Path) -> None:
    path = features(tmp_path / "encoder.int8.onnx", **ICEFALL)
    for name in ("decoder.onnx", "joiner.onnx"):
        (tmp_path / name).write_bytes(path.read_bytes())
    assert encoder(tmp_path).graph.path == path
    (tmp_path / "encoder.onnx").write_bytes(path.read_bytes())
    with pytest.raises(InputError, match=r"4 graphs \(decoder\.onnx, encoder\.int8\.onnx, .*name"):
        load_encoder(tmp_path)
    assert encoder(tmp_path / "encoder.onnx").layers == 1


def test_a_damaged_graph_and_a_missing_package_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnxruntime", reason="the extra onnx is not installed")
    (tmp_path / "a.onnx").write_bytes(b"no graph")
    with pytest.raises(InputError, match=r"a\.onnx: not readable by onnxruntime"):
        load_encoder(tmp_path)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match=r"pip install 'pyscorer\[onnx\]'"):
        load_encoder(tmp_path)


def test_a_graph_with_tokens_is_a_ctc_model(tmp_path: Path) -> None:
    path = features(tmp_path / "model.onnx", **ICEFALL)
    (tmp_path / "tokens.txt").write_text("<blk> 0\nAH 1\nT 2\nS 3\n▁the 4\n")
    model = load_ctc(path)
    assert (model.tokens, model.blank) == (("<blk>", "AH", "T", "S", "▁the"), 0)
    posteriors = model.log_posteriors(NOISE)
    assert posteriors.shape == (25, SIZE)
    np.testing.assert_allclose(np.exp(posteriors).sum(axis=1), 1, rtol=1e-5)


def test_logits_become_log_posteriors_of_a_vocabulary(tmp_path: Path) -> None:
    say(waveform(tmp_path / "model.onnx").parent, **WAVEFORM)
    tokens = {"a": 0, "b": 1, "c": 2, "d": 3, "<pad>": 4}
    (tmp_path / "vocab.json").write_text(json.dumps(tokens))
    model = load_ctc(tmp_path)
    assert (model.blank, model.frame_shift) == (4, 0.02)
    np.testing.assert_allclose(np.exp(model.log_posteriors(NOISE)).sum(axis=1), 1, rtol=1e-5)


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        ("<blk> 0\na 1\n", r"2 tokens, of a model of 5 outputs \(log_probs\)"),
        ("a 0\nb 1\nc 2\nd 3\ne 4\n", "no blank among the tokens"),
        ("a 0\nb\n", r"tokens\.txt:2: b: not a token and its own number"),
        ("a 0\nb 0\n", r"tokens\.txt:2: b 0: not a token and its own number"),
        (None, r"tokens\.txt: no such file"),
    ],
)
def test_tokens_that_do_not_fit_are_named(tmp_path: Path, tokens: str | None, message: str) -> None:
    path = features(tmp_path / "model.onnx", **ICEFALL)
    if tokens is not None:
        (tmp_path / "tokens.txt").write_text(tokens)
    with pytest.raises(InputError, match=message):
        load_ctc(path)


def test_processes_have_sessions_of_their_own(tmp_path: Path) -> None:
    folder, path = write_corpus(tmp_path), features(tmp_path / "m" / "model.onnx", **ICEFALL)
    (path.parent / "tokens.txt").write_text("<blk> 0\na 1\nb 2\nc 3\nd 4\n")
    ctc_posteriors(folder / "data", path, tmp_path / "ctc", jobs=2)
    assert Matrices(tmp_path / "ctc/post.scp")["u2"].shape == (25, SIZE)


def test_a_bundle_takes_what_belongs_to_a_graph(tmp_path: Path) -> None:
    path = waveform(tmp_path / "models" / "encoder.onnx")
    say(path.parent, **WAVEFORM)
    (path.parent / "decoder.onnx").touch()
    copy_model(path, tmp_path / "copied")
    assert {p.name for p in (tmp_path / "copied").iterdir()} == {"encoder.onnx", "frontend.json"}
    assert encoder(tmp_path / "copied").frame_shift == 0.02
