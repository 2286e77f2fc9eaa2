"""A published Kaldi model as an encoder: which node, of which model, at which frame shift."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_published import write_published

from pyscorer.contract.archives import read_matrices
from pyscorer.contract.audio import read_audio
from pyscorer.errors import InputError
from pyscorer.kaldi.kaldi_encoder import KaldiEncoder, deep_node, load_kaldi_encoder
from pyscorer.kaldi.model_directory import find_model, gather_model
from pyscorer.kaldi.published_model import load_published
from pyscorer.pretrained.encode import EncodeOptions, encode
from pyscorer.pretrained.encoder_layers import layer_numbers, with_ivectors
from pyscorer.pretrained.registry import load_encoder, load_encoders

NOISE = np.random.default_rng(3).normal(0, 0.1, 16000).astype(np.float32)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_published(tmp_path / "model", ["a", "b"])


def test_a_directory_and_its_final_mdl_are_encoders_of_their_nodes(model: Path):
    for path in (model, model / "am" / "final.mdl"):
        encoder = load_encoder(path)
        assert isinstance(encoder, KaldiEncoder) and encoder.frame_shift == pytest.approx(0.03)
        assert encoder.names[: encoder.layers] == ("hidden", "relu", "prefinal-l")
        assert set(encoder.names[3:]) == {
            *("output.affine", "output", "output-xent.affine", "output-xent"),
        }
        assert encoder.dimension((-1, 1)) == 4 + 5


def test_layers_by_number_and_by_name_are_what_the_network_says(model: Path):
    encoder = load_encoder(model)
    numbers = layer_numbers(encoder, ("relu", -1, 1, "output"), model)
    assert numbers[:3] == (2, -1, 1)
    (states,) = encoder.states([NOISE], numbers)
    said, _ = encoder.model.hear(NOISE, ["relu", "prefinal-l", "hidden", "output"])
    np.testing.assert_array_equal(states, np.concatenate(list(said.values()), axis=1))
    assert states.shape == (33, 5 + 4 + 5 + 4)


@pytest.mark.parametrize("layer", ["hiden", 4, -4])
def test_a_node_that_is_not_there_is_named_with_those_that_are(model: Path, layer: str | int):
    with pytest.raises(InputError, match=rf"model: no encoder layer {layer}; .*: hidden, relu"):
        layer_numbers(load_encoder(model), [layer], model)


def test_names_of_layers_are_for_models_that_have_them(model: Path):
    both = load_encoders([model, model])
    with pytest.raises(InputError, match=r"no encoder layer relu; it has 1 to 3$"):
        layer_numbers(both, ["relu"], model)
    assert both.states([NOISE], (-1,))[0].shape == (33, 8)


@pytest.mark.parametrize(
    ("bottleneck", "outputs", "deep"),
    [
        ("prefinal", ("output",), "prefinal"),
        ("tdnn7", ("output", "output-xent"), "tdnn7"),
        ("prefinal-l", ("output",), "prefinal-l"),
    ],
)
def test_the_last_layer_before_the_outputs(
    tmp_path: Path, bottleneck: str, outputs: tuple[str, ...], deep: str
):
    folder = write_published(tmp_path / "m", ["a"], outputs=outputs, bottleneck=bottleneck)
    assert deep_node(load_published(find_model(folder))) == deep


def test_ivectors_as_a_stream_has_them_change_the_states(model: Path):
    encoder = load_encoder(model)
    online = with_ivectors(load_encoders([model, model]), "online")
    (whole,), (streamed,) = encoder.states([NOISE], (-1,)), online.states([NOISE], (-1,))
    said, _ = encoder.model.hear(NOISE, ["prefinal-l"], "online")
    np.testing.assert_array_equal(streamed[:, 4:], said["prefinal-l"])
    assert abs(whole - said["prefinal-l"]).max() > 1e-3


def test_recordings_are_resampled_for_a_model_of_telephone_speech(model: Path):
    conf = model / "conf" / "mfcc.conf"
    conf.write_text(conf.read_text() + "--sample-frequency=8000\n")
    assert load_kaldi_encoder(model).states([NOISE], (1,))[0].shape == (33, 5)
    conf.write_text(conf.read_text() + "--sample-frequency=22050\n")
    with pytest.raises(InputError, match=r"mfcc\.conf: the model takes recordings at 22050 Hz"):
        load_kaldi_encoder(model).states([NOISE], (1,))


def test_a_gathered_model_needs_nothing_else_and_says_the_same(model: Path, tmp_path: Path):
    (expected,) = load_kaldi_encoder(model).states([NOISE], (-1,))
    files = find_model(model)
    for normalisation in ("raw", "mean"):
        out = tmp_path / normalisation
        gather_model(replace(files, normalisation=normalisation), out)
        found = find_model(out)
        assert (found.normalisation, found.subsampling) == (normalisation, 3)
        (states,) = load_kaldi_encoder(out).states([NOISE], (-1,))
        assert np.array_equal(states, expected) == (normalisation == "raw")
    assert found.phones == tmp_path / "mean" / "am" / "phones.txt"


def test_the_stage_encodes_with_a_published_model(conformance: Path, korean: Path, tmp_path: Path):
    keys = ["000030012"]
    data = tmp_path / "data"
    data.mkdir()
    (data / "wav.scp").write_text(f"{keys[0]} {conformance / 'wav' / keys[0]}.wav\n")
    (data / "utt2spk").write_text(f"{keys[0]} s\n")
    (data / "text").write_text(f"{keys[0]} ONE\n")
    encode(data, [korean], tmp_path / "out", EncodeOptions(("prefinal-l", "output"), jobs=1))
    ((key, states),) = read_matrices(tmp_path / "out" / "embed.scp")
    samples = read_audio(conformance / "wav" / f"{key}.wav")
    said, _ = load_published(find_model(korean)).hear(samples, ["prefinal-l", "output"])
    np.testing.assert_array_equal(states, np.concatenate(list(said.values()), axis=1))
    assert (tmp_path / "out" / "frame_shift").read_text() == "0.03\n"
