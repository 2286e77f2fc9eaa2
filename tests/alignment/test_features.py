"""Features equal Kaldi's; the stage streams, names faults, and does not depend on processes."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from pyscorer.alignment.features import (
    FeatureOptions,
    GmmFeatures,
    Kind,
    add_deltas,
    apply_cmvn,
    cmvn_stats,
    features,
    mfcc,
)
from pyscorer.contract.archives import kaldi_io, read_matrices
from pyscorer.contract.audio import SAMPLE_RATE, read_audio
from pyscorer.contract.datadir import DataDir, Utterance, read_data_dir, write_data_dir
from pyscorer.errors import InputError


def golden(conformance: Path, name: str) -> dict[str, np.ndarray]:
    return dict(kaldi_io.read_mat_ark(str(conformance / "a_feats" / name)))


def wav(conformance: Path, key: str) -> np.ndarray:
    return read_audio(conformance / "wav" / f"{key}.wav")


@pytest.mark.parametrize("kind", ["mfcc13", "mfcc40"])
def test_mfcc_equals_kaldi(conformance: Path, kind: Kind) -> None:
    # Kaldi computes in float32. Where a mel bin nearly cancels, its own result is 5e-3 from one in
    # float64 (utterance 000030012, frame 176), so a handful of values cannot agree to 1e-3; they do
    # to 1e-3 of the coefficient's standard deviation.
    differences = []
    for key, expected in golden(conformance, f"{kind}.ark").items():
        computed = mfcc(wav(conformance, key), kind)
        assert computed.shape == expected.shape
        difference = np.abs(computed - expected)
        assert (difference / expected.std(axis=0)).max() < 1e-3
        differences.append(difference.ravel())
    assert (np.concatenate(differences) < 1e-3).mean() > 0.998


def test_cmn_of_an_utterance_equals_kaldi(conformance: Path) -> None:
    raw = golden(conformance, "mfcc40.ark")
    for key, expected in golden(conformance, "mfcc40_cmn_utt.ark").items():
        centred = apply_cmvn(raw[key], cmvn_stats(raw[key]))
        np.testing.assert_allclose(centred, expected, atol=1e-4)


def test_deltas_equal_kaldi(conformance: Path) -> None:
    raw = golden(conformance, "mfcc13.ark")
    for key, expected in golden(conformance, "mfcc39_deltas_nocmn.ark").items():
        np.testing.assert_allclose(add_deltas(raw[key]), expected, atol=1e-4)


def test_deltas_of_a_ramp_are_its_slope() -> None:
    ramp = 3.0 * np.arange(20, dtype=np.float32)[:, None]
    inner = add_deltas(ramp)[4:-4]
    np.testing.assert_allclose(inner[:, 0], ramp[4:-4, 0])
    np.testing.assert_allclose(inner[:, 1], 3.0, rtol=1e-6)
    np.testing.assert_allclose(inner[:, 2], 0.0, atol=1e-5)


def test_cmvn_gives_zero_mean_and_unit_variance() -> None:
    matrix = np.random.default_rng(0).normal(5, 3, (200, 4)).astype(np.float32)
    scaled = apply_cmvn(matrix, cmvn_stats(matrix), variance=True)
    np.testing.assert_allclose(scaled.mean(axis=0), 0, atol=1e-5)
    np.testing.assert_allclose(scaled.std(axis=0), 1, rtol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(min_value=400, max_value=4000))
def test_a_frame_every_10_ms_for_every_whole_window(samples: int) -> None:
    noise = np.random.default_rng(samples).normal(0, 0.1, samples).astype(np.float32)
    assert mfcc(noise, "mfcc13").shape == (1 + (samples - 400) // 160, 13)


def test_less_than_one_window_is_an_error() -> None:
    with pytest.raises(InputError, match="shorter than one analysis window"):
        mfcc(np.zeros(399, dtype=np.float32), "mfcc40")


@pytest.fixture
def noise_data(tmp_path: Path) -> Path:
    """Twenty utterances of noise by two speakers."""
    rng = np.random.default_rng(1)
    data = DataDir()
    for index in range(20):
        key = f"s{index % 2}u{index:02d}"
        audio = tmp_path / f"{key}.wav"
        soundfile.write(audio, rng.normal(0, 0.1, 4000 + 100 * index), SAMPLE_RATE)
        data.utterances[key] = Utterance(key, f"s{index % 2}", audio, ("HI",))
    (tmp_path / "data").mkdir()
    write_data_dir(tmp_path / "data", data)
    return tmp_path / "data"


def test_the_stage_writes_raw_features_and_speaker_statistics(
    noise_data: Path, tmp_path: Path
) -> None:
    features(noise_data, tmp_path / "out", FeatureOptions("mfcc13", jobs=1))
    written = dict(read_matrices(tmp_path / "out/feats.scp"))
    utterances = read_data_dir(noise_data).utterances
    assert list(written) == list(utterances)
    np.testing.assert_array_equal(
        written["s0u04"], mfcc(read_audio(utterances["s0u04"].audio), "mfcc13")
    )
    for speaker, stats in read_matrices(tmp_path / "out/cmvn.scp"):
        frames = np.concatenate([m for k, m in written.items() if k.startswith(speaker)])
        np.testing.assert_allclose(stats, cmvn_stats(frames))


def test_the_archive_does_not_depend_on_the_number_of_processes(
    noise_data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    features(noise_data, out, FeatureOptions("mfcc40", jobs=1))
    once = {file.name: file.read_bytes() for file in out.iterdir()}
    features(noise_data, out, FeatureOptions("mfcc40", jobs=2))
    assert {file.name: file.read_bytes() for file in out.iterdir()} == once


def test_a_too_short_utterance_is_named_and_nothing_is_left(
    noise_data: Path, tmp_path: Path
) -> None:
    soundfile.write(tmp_path / "s1u07.wav", np.zeros(300), SAMPLE_RATE)
    with pytest.raises(InputError, match=r"s1u07.*19 ms of audio"):
        features(noise_data, tmp_path / "out", FeatureOptions(jobs=2))
    assert list((tmp_path / "out").iterdir()) == []


def test_gmm_features_have_the_speaker_mean_removed(noise_data: Path, tmp_path: Path) -> None:
    features(noise_data, tmp_path / "out", FeatureOptions("mfcc13", jobs=1))
    read = GmmFeatures(tmp_path / "out")
    by_speaker = [
        read(u)[:, :13] for u in read_data_dir(noise_data).utterances.values() if u.speaker == "s1"
    ]
    np.testing.assert_allclose(np.concatenate(by_speaker).mean(axis=0), 0, atol=1e-4)


def test_gmm_features_refuse_hires_features(noise_data: Path, tmp_path: Path) -> None:
    features(noise_data, tmp_path / "out", FeatureOptions("mfcc40", jobs=1))
    utterance = read_data_dir(noise_data).utterances["s0u00"]
    with pytest.raises(InputError, match=r"s0u00: 40 coefficients.*mfcc13"):
        GmmFeatures(tmp_path / "out")(utterance)
