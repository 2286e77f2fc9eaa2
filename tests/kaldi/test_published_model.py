from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract.archives import read_matrices
from pyscorer.contract.audio import read_audio
from pyscorer.errors import InputError
from pyscorer.kaldi.model_directory import Normalisation, find_model
from pyscorer.kaldi.nnet3 import Component, Nnet3, write_nnet3
from pyscorer.kaldi.published_model import load_published

NOISE = np.random.default_rng(2).normal(0, 0.1, 16000).astype(np.float32)
MFCC = "--use-energy=false\n--num-ceps=3\n"


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A model of 3 features, without i-vectors, whose output is its input."""
    network(tmp_path)
    (tmp_path / "mfcc.conf").write_text(MFCC)
    (tmp_path / "global_cmvn.stats").write_text("[ 100 200 300 10\n 1e4 1e4 1e4 0 ]\n")
    (tmp_path / "frame_subsampling_factor").write_text("2")
    return tmp_path


def network(folder: Path, ivectors: int = 0) -> None:
    noop = Component("NoOpComponent", {"Dim": 3 + ivectors, "BackpropScale": 1.0})
    config = ["input-node name=input dim=3"]
    source = "input"
    if ivectors:
        config.append(f"input-node name=ivector dim={ivectors}")
        source = "Append(input, ReplaceIndex(ivector, t, 0))"
    config += [
        f"component-node name=a component=a input={source}",
        "output-node name=output input=a",
    ]
    write_nnet3(folder / "final.mdl", Nnet3(folder, config, {"a": noop}, None))


def heard(folder: Path, normalisation: Normalisation) -> np.ndarray:
    model = load_published(find_model(folder, normalisation=normalisation))
    assert (model.sample_rate, model.frame_shift) == (16000, 0.02)
    outputs, state = model.hear(NOISE)
    assert state is None
    return outputs["output"]


def test_raw_less_the_mean_and_less_the_running_mean(made: Path):
    raw = heard(made, "raw")
    assert raw.shape == (49, 3)
    model = load_published(find_model(made, normalisation="raw"))
    whole = model.features(NOISE)[0]
    np.testing.assert_array_equal(raw, whole[::2])
    np.testing.assert_allclose(heard(made, "mean"), raw - whole.mean(axis=0), atol=1e-4)
    online = heard(made, "online")
    # at t = 0: the frame itself and 200 frames of the training data, whose mean is 10, 20, 30
    np.testing.assert_allclose(
        online[0], raw[0] - (raw[0] + np.array([2000, 4000, 6000])) / 201, rtol=1e-4
    )


def test_features_of_another_dimension(made: Path):
    (made / "mfcc.conf").write_text(MFCC + "--num-ceps=13\n")
    with pytest.raises(
        InputError, match=r"mfcc\.conf: --num-ceps=13, where the network .* takes 3"
    ):
        heard(made, "raw")


def test_statistics_of_another_dimension(made: Path):
    (made / "global_cmvn.stats").write_text("[ 100 10\n 1e4 0 ]\n")
    with pytest.raises(InputError, match=r"global_cmvn\.stats: statistics of 1 features, not of 3"):
        heard(made, "online")


def test_a_network_with_ivectors_needs_its_extractor(made: Path):
    network(made, ivectors=5)
    with pytest.raises(InputError, match="takes i-vectors of 5, and no extractor is beside it"):
        heard(made, "raw")


def test_the_extractor_of_another_network(made: Path, korean: Path):
    network(made, ivectors=5)
    files = find_model(made, normalisation="raw", extractor=korean / "ivector")
    with pytest.raises(InputError, match=r"i-vectors of 100 from 40 features.* takes 5 beside 3"):
        load_published(files)


def test_the_published_model_from_its_directory(conformance: Path, korean: Path):
    model = load_published(find_model(korean))
    assert (model.sample_rate, model.frame_shift) == (16000, 0.03)
    for key, expected in read_matrices(conformance / "f_ivector" / "output.ark"):
        samples = read_audio(conformance / "wav" / f"{key}.wav")
        found, state = model.hear(samples)
        np.testing.assert_allclose(found["output"], expected, atol=0.05, rtol=0, err_msg=key)
        assert state is not None
        assert state.count == pytest.approx(0.1 * state.cmvn_stats[0, -1], rel=1e-5)


def test_one_node_of_the_published_model_as_a_stream_has_it(conformance: Path, korean: Path):
    files = find_model(korean)
    model = load_published(replace(files, subsampling=6), max_count=100.0)
    samples = read_audio(conformance / "wav" / "000030012.wav")
    found, _ = model.hear(samples, ["prefinal-l"], "online")
    assert found["prefinal-l"].shape == (56, 64)
    assert model.frame_shift == 0.06
