from pathlib import Path

import numpy as np
import pytest

from pyscorer.alignment.features import mfcc
from pyscorer.contract.archives import read_matrices
from pyscorer.contract.audio import read_audio
from pyscorer.errors import InputError
from pyscorer.kaldi.mfcc_conf import check_same_features, mfcc_as, read_mfcc_conf

NOISE = np.random.default_rng(2).normal(0, 0.1, 16000).astype(np.float32)
HIRES = "--use-energy=false\n--num-mel-bins=40\n--num-ceps=40\n--low-freq=20\n"


def conf(folder: Path, text: str) -> Path:
    path = folder / "mfcc.conf"
    path.write_text(text)
    return path


def made(folder: Path, text: str, samples: np.ndarray = NOISE) -> np.ndarray:
    return mfcc_as(read_mfcc_conf(conf(folder, text)), samples)


def test_what_a_file_leaves_out_is_as_kaldi_has_it(tmp_path: Path):
    settings = read_mfcc_conf(conf(tmp_path, "--num_ceps=20\n"))
    assert settings["num-ceps"] == 20
    assert settings["use-energy"] is True
    assert settings["num-mel-bins"] == 23


@pytest.mark.parametrize("kind", ["mfcc13", "mfcc40"])
def test_the_features_of_the_stage_are_what_their_files_ask_for(tmp_path: Path, kind):
    text = {"mfcc13": "--use-energy=false\n", "mfcc40": HIRES + "--high-freq=-400\n"}[kind]
    np.testing.assert_array_equal(made(tmp_path, text), mfcc(NOISE, kind))


@pytest.mark.parametrize(
    ("file", "name", "more"),
    [
        ("mfcc13.ark", "mfcc.conf", ""),
        ("mfcc40.ark", "mfcc_hires.conf", ""),
        ("mfcc13_energy_utt1.txt.ark", "mfcc.conf", "--use-energy=true\n"),
    ],
)
def test_features_as_kaldi_computed_them(tmp_path: Path, conformance: Path, file, name, more):
    path = conf(tmp_path, (conformance / "a_feats" / name).read_text() + more)
    settings = read_mfcc_conf(path)
    for key, expected in read_matrices(conformance / "a_feats" / file):
        found = mfcc_as(settings, read_audio(conformance / "wav" / f"{key}.wav"))
        np.testing.assert_allclose(found, expected, atol=0.02, err_msg=key)


def test_lines_that_change_features_are_honoured(tmp_path: Path):
    assert len(made(tmp_path, HIRES)) == 98
    assert len(made(tmp_path, HIRES + "--frame-shift=5\n")) == 196
    assert len(made(tmp_path, HIRES + "--snip-edges=false\n")) == 100
    assert len(made(tmp_path, HIRES + "--sample-frequency=8000\n")) == 198
    assert made(tmp_path, HIRES + "--num_ceps=30\n").shape[1] == 30
    for line in (
        *("--window-type=hamming", "--low-freq=60", "--cepstral-lifter=0", "--use-energy=true"),
        *("--preemphasis-coefficient=0.9", "--frame-length=20", "--htk-compat=true"),
        "--remove-dc-offset=false",
    ):
        changed = made(tmp_path, HIRES + line + "\n", NOISE + 0.05)
        plain = made(tmp_path, HIRES, NOISE + 0.05)
        assert changed.shape != plain.shape or np.abs(changed - plain).max() > 0.01, line


def test_dither_is_left_out(tmp_path: Path):
    np.testing.assert_array_equal(made(tmp_path, HIRES), made(tmp_path, HIRES + "--dither=1\n"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("--vtln-warp=1.1", r"mfcc\.conf:5: --vtln-warp=1.1 is not done here"),
        ("--num-mels=40", r"mfcc\.conf:5: option --num-mels is not known"),
        ("--num-ceps=41", "--num-ceps=41 makes no features"),
        ("--low-freq=9000", "--low-freq=9000.0 makes no features"),
        ("--high-freq=9000", "--high-freq=9000.0 makes no features"),
        ("--window-type=round", "--window-type=round makes no features"),
        ("--frame-shift=0", "--frame-shift=0.0 makes no features"),
    ],
)
def test_lines_that_are_refused(tmp_path: Path, line: str, message: str):
    with pytest.raises(InputError, match=message):
        read_mfcc_conf(conf(tmp_path, HIRES + line + "\n"))


def test_a_recording_shorter_than_a_window(tmp_path: Path):
    with pytest.raises(InputError, match="20 ms of audio, shorter than one analysis window of 25"):
        made(tmp_path, HIRES, NOISE[:320])


def test_the_same_features_written_otherwise(tmp_path: Path):
    wanted = {"use-energy": False, "num-mel-bins": 40, "num-ceps": 40, "high-freq": -400.0}
    text = HIRES + "--high_freq=7600\n--dither=1\n--raw-energy=false\n--vtln-low=60\n"
    check_same_features(conf(tmp_path, text), wanted)
    with pytest.raises(InputError, match=r"no line --high-freq, for which Kaldi takes 0"):
        check_same_features(conf(tmp_path, HIRES), wanted)
