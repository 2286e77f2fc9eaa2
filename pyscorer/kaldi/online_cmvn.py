"""Cepstral mean (and variance) normalisation as a stream can have it.

Source: Kaldi's feat/online-feature.cc (OnlineCmvn, OnlineSpliceFrames), transform/cmvn.cc.
"""

from dataclasses import dataclass

import numpy as np

from pyscorer.alignment.features import cmvn_stats
from pyscorer.errors import InputError

_VARIANCE_FLOOR = 1e-20


@dataclass(frozen=True)
class OnlineCmvn:
    """Kaldi's OnlineCmvnOptions, named as in online_cmvn.conf."""

    cmn_window: int = 600
    """Frames that the running statistics look back."""
    speaker_frames: int = 600
    """Frames of the speaker's earlier utterances that fill the window, at most."""
    global_frames: int = 200
    """Frames of the training data's statistics that fill what is still empty, at most."""
    norm_means: bool = True
    norm_vars: bool = False
    skip_dims: tuple[int, ...] = ()
    cmn_min_energy: float | None = None
    """As libvosk has it (there 50): the window is looked at anew only at a frame whose C0 is above;
    a quieter frame takes what the one asked for before it had, filled up once more. None: Kaldi."""

    def __post_init__(self) -> None:
        if not 0 <= self.global_frames <= self.speaker_frames <= self.cmn_window:
            raise InputError(
                f"online CMVN: global-frames {self.global_frames}, speaker-frames "
                f"{self.speaker_frames} and cmn-window {self.cmn_window} must not decrease"
            )
        if self.norm_vars and not self.norm_means:
            raise InputError("online CMVN: norm-vars without norm-means, which Kaldi refuses")


def frames_of_splices(frames: int, left: int, right: int) -> np.ndarray:
    """Frames x (left + 1 + right): which frame stands at each place; ends are repeated."""
    reach = np.arange(-left, right + 1)
    return np.clip(np.arange(frames)[:, None] + reach, 0, frames - 1)


def normalised_splices(
    features: np.ndarray,
    options: OnlineCmvn,
    splices: np.ndarray,
    global_stats: np.ndarray,
    speaker_stats: np.ndarray | None = None,
) -> np.ndarray:
    """The frames that `splices` names (T x places), normalised, side by side: float32.

    `features` are T x dim; `global_stats` and `speaker_stats` are CMVN statistics (2 x (dim + 1)).
    With `cmn_min_energy` a frame's statistics depend on what was asked for before it, so
    frames are normalised in the order in which Kaldi asks for them: splice after splice.
    """
    frames, dim = features.shape
    running = _running_stats(features, options.cmn_window)
    if options.cmn_min_energy is None:
        stats = _filled(
            running, np.ones(frames, dtype=np.int64), options, global_stats, speaker_stats
        )
        return _applied(features, stats, options)[splices].reshape(len(splices), -1)
    asked = splices.ravel()
    loud = features[asked, 0] > options.cmn_min_energy
    place = np.arange(len(asked))
    latest = np.maximum.accumulate(np.where(loud, place, -1))
    nothing = np.zeros((1, 2, dim + 1))  # before the first loud frame
    running = np.concatenate([running, nothing])
    start = np.where(latest < 0, frames, asked[latest])
    stats = _filled(
        running[start], place - latest + (latest >= 0), options, global_stats, speaker_stats
    )
    return _applied(features[asked], stats, options).reshape(len(splices), -1)


def running_mean(
    features: np.ndarray, global_stats: np.ndarray, options: OnlineCmvn = OnlineCmvn()
) -> np.ndarray:
    """T x dim `features` less the mean of the frames so far, as a stream has them; float32.

    `global_stats` are CMVN statistics of the training data, which count for up to `global_frames`.
    """
    return normalised_splices(
        features, options, frames_of_splices(len(features), 0, 0), global_stats
    )


def add_to_stats(stats: np.ndarray | None, features: np.ndarray) -> np.ndarray:
    """CMVN statistics (2 x (dim + 1)) of a speaker with one more utterance."""
    own = cmvn_stats(features)
    return own if stats is None else stats + own


def _running_stats(features: np.ndarray, window: int) -> np.ndarray:
    """T x 2 x (dim + 1): statistics of the `window` frames up to each frame."""
    frames, dim = features.shape
    wide = features.astype(np.float64)
    stats = np.zeros((frames, 2, dim + 1))
    stats[:, 0, :-1], stats[:, 1, :-1] = wide, wide**2
    stats[:, 0, -1] = 1
    stats = np.cumsum(stats, axis=0)
    stats[window:] -= stats[:-window].copy()
    return stats


def _filled(
    stats: np.ndarray,
    times: np.ndarray,
    options: OnlineCmvn,
    global_stats: np.ndarray,
    speaker_stats: np.ndarray | None,
) -> np.ndarray:
    """Statistics filled up to a window, each `times` times: first from the speaker's."""
    stats = stats.copy()
    sources = [(global_stats, float(options.global_frames))]
    if speaker_stats is not None and speaker_stats[0, -1] > 0:
        most = min(float(options.speaker_frames), float(speaker_stats[0, -1]))
        sources.insert(0, (speaker_stats, most))
    fill, before = 0, -1.0
    while (todo := np.flatnonzero((times > fill) & (stats[:, 0, -1] < options.cmn_window))).size:
        if stats[:, 0, -1].sum() == before:
            break  # nothing is left to fill them with
        before = stats[:, 0, -1].sum()
        for source, most in sources:
            room = options.cmn_window - stats[todo, 0, -1]
            share = np.clip(room, 0, most) / source[0, -1]
            stats[todo] += share[:, None, None] * source
        fill += 1
    if (stats[:, 0, -1] <= 0).any():
        raise InputError("online CMVN: no frame to take a mean from: global-frames must be above 0")
    return stats


def _applied(features: np.ndarray, stats: np.ndarray, options: OnlineCmvn) -> np.ndarray:
    if not options.norm_means:
        return features
    count = stats[:, 0, -1:]
    mean = stats[:, 0, :-1] / count
    scale = np.ones_like(mean)
    if options.norm_vars:
        scale = np.maximum(stats[:, 1, :-1] / count - mean**2, _VARIANCE_FLOOR) ** -0.5
    skipped = list(options.skip_dims)
    mean[:, skipped], scale[:, skipped] = 0, 1
    return (features * scale - mean * scale).astype(np.float32)
