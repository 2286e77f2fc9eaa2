"""The stage perturb: copies at another speed and volume."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from pyscorer.contract.audio import SAMPLE_RATE, read_audio
from pyscorer.contract.datadir import DataDir, Utterance, read_data_dir, write_data_dir
from pyscorer.contract.files import read_table
from pyscorer.corpora.perturb import PerturbOptions, perturb, perturb_samples
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import write_lexicon


def tone(hertz: float, seconds: float) -> np.ndarray:
    return 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)


def pitch(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(spectrum.argmax() * SAMPLE_RATE / len(samples))


@pytest.mark.parametrize("speed", [0.9, 1.1])
def test_tempo_and_pitch_change_together(speed: float) -> None:
    copy = perturb_samples(tone(400, 1), speed, 1.0)
    assert len(copy) == pytest.approx(SAMPLE_RATE / speed, abs=2)
    assert pitch(copy) == pytest.approx(400 * speed, abs=2)


def test_volume_never_clips() -> None:
    samples = tone(400, 0.1)
    np.testing.assert_allclose(perturb_samples(samples, 1.0, 0.5), samples / 2, atol=1e-6)
    assert np.abs(perturb_samples(samples, 1.0, 100.0)).max() == pytest.approx(0.99)
    assert (perturb_samples(np.zeros(10), 1.0, 2.0) == 0).all()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    source = DataDir()
    for key, speaker in {"a-1": "a", "a-2": "a", "b-1": "b"}.items():
        soundfile.write(tmp_path / f"{key}.wav", tone(300, 0.3), SAMPLE_RATE)
        canonical = (("AH",),)
        audio = tmp_path / f"{key}.wav"
        source.utterances[key] = Utterance(key, speaker, audio, ("A",), canonical)
    source.speakers["a"] = {"age": "9", "gender": "f"}
    write_data_dir(tmp_path / "data", source)
    write_lexicon(tmp_path / "data/lexicon.txt", {"A": [("AH",)]})
    (tmp_path / "data/utterance_scores.csv").write_text("utterance,total\na-1,5\n")
    return tmp_path / "data"


def test_a_copy_is_a_data_directory_of_unlabelled_speech(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "copy"
    perturb(data, out, PerturbOptions(speed=0.9, jobs=1))
    copies = read_data_dir(out)
    assert list(copies.utterances) == ["sp0.9-a-1", "sp0.9-a-2", "sp0.9-b-1"]
    one = copies.utterances["sp0.9-a-1"]
    assert (one.speaker, one.words, one.canonical) == ("sp0.9-a", ("A",), (("AH",),))
    assert copies.speakers["sp0.9-a"] == {"age": "9", "gender": "f"}
    assert read_table(out / "utt2uniq")["sp0.9-a-1"] == "a-1"
    assert not (out / "utterance_scores.csv").exists()
    assert len(read_audio(one.audio)) == pytest.approx(0.3 * SAMPLE_RATE / 0.9, abs=2)
    peaks = {np.abs(read_audio(u.audio)).max() for u in copies.utterances.values()}
    assert len(peaks) == 3, "each utterance has a volume of its own"


def test_the_same_seed_gives_the_same_audio(data: Path, tmp_path: Path) -> None:
    for name, seed in (("x", 1), ("y", 1), ("z", 2)):
        perturb(data, tmp_path / name, PerturbOptions(speed=1.1, seed=seed, jobs=1))
    x, y, z = ((tmp_path / name / "wav/a-1.flac").read_bytes() for name in "xyz")
    assert x == y != z


def test_bad_factors_and_missing_audio_are_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--speed 9"):
        perturb(data, tmp_path / "copy", PerturbOptions(speed=9))
    with pytest.raises(InputError, match="--lowest-volume 3"):
        perturb(data, tmp_path / "copy", PerturbOptions(lowest_volume=3))
    (tmp_path / "a-2.wav").unlink()
    with pytest.raises(InputError, match="utterance a-2"):
        perturb(data, tmp_path / "copy", PerturbOptions(jobs=1))
    assert not (tmp_path / "copy/text").exists()


def test_a_copy_of_a_segment_is_a_recording_of_its_own(data: Path, tmp_path: Path) -> None:
    (data / "wav.scp").write_text(f"rec {tmp_path}/a-1.wav\n")
    (data / "segments").write_text("a-1 rec 0 0.2\na-2 rec 0.1 -1\nb-1 rec 0 -1\n")
    perturb(data, tmp_path / "copy", PerturbOptions(speed=1, jobs=1))
    assert not (tmp_path / "copy" / "segments").exists()
    copies = read_data_dir(tmp_path / "copy").utterances
    assert [len(read_audio(u.audio)) for u in copies.values()] == [3200, 3200, 4800]
