"""Pitch and loudness of a recording, frame by frame.

Pitch is that of Kaldi's compute-kaldi-pitch-feats with its defaults (Ghahremani et al., "A pitch
extraction algorithm tuned for automatic speech recognition", ICASSP 2014): from 50 to 400 Hz, also
where nothing is voiced; how voiced a frame is, its NCCF tells.
"""

import kaldi_native_fbank as knf
import numpy as np

from pyscorer.alignment.features import WINDOW, check_window, frames_of
from pyscorer.contract.audio import SAMPLE_RATE

TRACKS = "tracks"
"""The output of a recording that `prosody_tracks` is."""
TRACK_COLUMNS = ("nccf", "pitch", "loudness")
"""Normalised cross-correlation, -1 to 1; Hz; level in dB, 0 that of a square wave of full scale."""

_SHIFT = SAMPLE_RATE // 100
_SILENT = 1e-10
"""Power that stands for digital silence: -100 dB."""


def prosody_tracks(samples: np.ndarray) -> np.ndarray:
    """TRACK_COLUMNS of mono 16 kHz `samples` in [-1, 1): frames of 10 ms x 3, float32.

    Frame i is of the 25 ms from 10 i ms on, as of MFCC. Raises InputError for a recording that is
    shorter than one.
    """
    check_window(samples)
    pitch, power = kaldi_pitch(samples), _power(samples)
    # Kaldi's pitch may have one frame less or more at the end.
    rows = np.minimum(np.arange(len(power)), len(pitch) - 1)
    return np.column_stack([pitch[rows], 10 * np.log10(power + _SILENT)]).astype(np.float32)


def kaldi_pitch(samples: np.ndarray) -> np.ndarray:
    """What compute-kaldi-pitch-feats gives: frames x (NCCF, Hz)."""
    features = knf.ProcessPitchOptions(
        pov_scale=1.0, add_normalized_log_pitch=False, add_delta_pitch=False, add_raw_log_pitch=True
    )
    computer = knf.OnlinePitch(knf.PitchExtractionOptions(samp_freq=SAMPLE_RATE), features)
    frames = np.stack(frames_of(computer, SAMPLE_RATE, samples))
    # process-kaldi-pitch-feats says (1.0001 - nccf)^0.15 - 1.
    nccf = 1.0001 - (frames[:, 0].astype(np.float64) + 1) ** (1 / 0.15)
    return np.column_stack([nccf, np.exp(frames[:, 1])])


def _power(samples: np.ndarray) -> np.ndarray:
    """Variance of the samples in each window of 25 ms."""
    wide = np.concatenate([[0.0], samples.astype(np.float64)])
    starts = np.arange(0, len(samples) - WINDOW + 1, _SHIFT)
    mean, square = (
        (total[starts + WINDOW] - total[starts]) / WINDOW
        for total in (np.cumsum(wide), np.cumsum(wide**2))
    )
    return np.maximum(square - mean**2, 0)


def voicing_probability(nccf: np.ndarray) -> np.ndarray:
    """Probability that a frame is voiced: NccfToPov of Kaldi's pitch-functions.cc."""
    a = np.minimum(np.abs(nccf), 1.0)
    odds = -5.2 + 5.4 * np.exp(7.5 * (a - 1)) + 4.8 * a - 2 * np.exp(-10 * a)
    return np.asarray(1 / (1 + np.exp(-(odds + 4.2 * np.exp(20 * (a - 1))))))
