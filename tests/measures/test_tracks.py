"""Pitch and loudness of sounds that are known."""

import shutil
import subprocess
from pathlib import Path

import kaldi_io
import numpy as np
import pytest
import soundfile

from pyscorer.errors import InputError
from pyscorer.measures.tracks import kaldi_pitch, prosody_tracks, voicing_probability

RATE = 16000


def voice(hertz: np.ndarray, harmonics: int = 20, first: int = 1) -> np.ndarray:
    """Harmonics of a pitch that is given sample by sample."""
    phase = 2 * np.pi * np.cumsum(hertz) / RATE
    wave = sum(np.sin(h * phase) / h for h in range(first, harmonics + 1))
    return np.asarray(0.1 * wave, dtype=np.float32)


def steady(hertz: float, seconds: float = 1.0) -> np.ndarray:
    return np.full(round(seconds * RATE), hertz)


def voiced(tracks: np.ndarray) -> np.ndarray:
    return voicing_probability(tracks[:, 0]) >= 0.5


@pytest.mark.parametrize("hertz", [70, 100, 150, 220, 300, 380])
@pytest.mark.parametrize("noise", [0.0, 0.03])
def test_a_steady_voice_has_its_pitch_also_in_noise(hertz: float, noise: float) -> None:
    samples = voice(steady(hertz))
    samples += noise * np.random.default_rng(0).normal(size=len(samples)).astype(np.float32)
    tracks = prosody_tracks(samples)
    assert len(tracks) == 98  # as MFCC
    assert voiced(tracks)[2:-4].all()
    assert np.abs(12 * np.log2(tracks[2:-4, 1] / hertz)).max() < 0.35


def test_a_missing_fundamental_is_no_octave_trap() -> None:
    tracks = prosody_tracks(voice(steady(120), first=2))
    assert np.abs(12 * np.log2(tracks[2:-4, 1] / 120)).max() < 0.35


def test_a_glide_is_followed() -> None:
    hertz = np.geomspace(120, 240, 2 * RATE)
    tracks = prosody_tracks(voice(hertz))[5:-5]
    middle = hertz[(np.arange(len(tracks)) + 5) * 160 + 200]
    assert np.abs(12 * np.log2(tracks[:, 1] / middle)).max() < 0.5


def test_noise_and_silence_are_not_voiced() -> None:
    rng = np.random.default_rng(1)
    whisper = prosody_tracks((0.05 * rng.normal(size=RATE)).astype(np.float32))
    silence = prosody_tracks(np.zeros(RATE, dtype=np.float32))
    for tracks in (whisper, silence):
        assert np.isfinite(tracks).all()
        assert not voiced(tracks).any()
    np.testing.assert_allclose(silence[:, 2], -100, atol=1e-3)


def test_loudness_is_the_level_of_the_window_without_its_mean() -> None:
    # A sine of amplitude 0.1 has 10 log10(0.1^2 / 2) = -23 dB; 100 Hz fit 2.5 times in 25 ms.
    sine = 0.1 * np.sin(2 * np.pi * 200 * np.arange(RATE) / RATE)
    np.testing.assert_allclose(prosody_tracks(sine)[:, 2], -23.01, atol=0.01)
    np.testing.assert_allclose(prosody_tracks(sine + 0.3)[:, 2], -23.01, atol=0.01)
    np.testing.assert_allclose(prosody_tracks(sine / 2)[:, 2], -29.03, atol=0.01)


def test_probability_of_voicing_rises_with_the_correlation_whatever_its_sign() -> None:
    rising = voicing_probability(np.linspace(0, 1, 50))
    assert (np.diff(rising) > 0).all() and rising[0] < 0.01 and rising[-1] > 0.99
    np.testing.assert_array_equal(voicing_probability(np.array([-0.8])), voicing_probability([0.8]))


@pytest.mark.parametrize("samples", [400, 401, 640, 900])
def test_the_shortest_recordings_have_tracks(samples: int) -> None:
    tracks = prosody_tracks(voice(steady(200))[:samples])
    assert len(tracks) == 1 + (samples - 400) // 160 and np.isfinite(tracks).all()


def test_a_recording_without_a_window_is_refused() -> None:
    with pytest.raises(InputError, match="shorter than one analysis window"):
        prosody_tracks(np.zeros(399, dtype=np.float32))


@pytest.mark.skipif(not shutil.which("compute-kaldi-pitch-feats"), reason="no Kaldi on PATH")
def test_pitch_is_what_kaldi_computes(tmp_path: Path) -> None:
    glide = voice(np.geomspace(120, 240, 2 * RATE))
    soundfile.write(tmp_path / "u.wav", glide, RATE, subtype="PCM_16")
    (tmp_path / "wav.scp").write_text(f"u {tmp_path}/u.wav\n")
    command = ["compute-kaldi-pitch-feats", f"scp:{tmp_path}/wav.scp", f"ark:{tmp_path}/pitch.ark"]
    subprocess.run(command, check=True)
    ((_, expected),) = kaldi_io.read_mat_ark(str(tmp_path / "pitch.ark"))
    samples, _ = soundfile.read(tmp_path / "u.wav", dtype="float32")
    np.testing.assert_allclose(kaldi_pitch(samples), expected, rtol=1e-3, atol=1e-3)
