"""MFCC features as Kaldi computes them, with CMVN statistics and deltas.

Sources: Kaldi's compute-mfcc-feats, compute-cmvn-stats, apply-cmvn and add-deltas. Dither is off,
so that the same audio always gives the same features.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import kaldi_native_fbank as knf
import numpy as np

from pyscorer.contract.archives import Matrices, write_archive
from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.datadir import Utterance, read_wav
from pyscorer.contract.utterances import read_utterances
from pyscorer.errors import InputError
from pyscorer.options import option
from pyscorer.parallel import chunks, ordered_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

Kind = Literal["mfcc13", "mfcc40"]

WINDOW = SAMPLE_RATE * 25 // 1000
"""Samples in an analysis window of 25 ms; the shift is 10 ms."""

_INT16_RANGE = 32768.0
_CHUNK = 16
"""Utterances handed to a process at a time."""


def _mfcc_options(kind: Kind) -> knf.MfccOptions:
    options = knf.MfccOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.frame_opts.dither = 0
    options.use_energy = False
    if kind == "mfcc40":
        options.mel_opts.num_bins = 40
        options.mel_opts.low_freq = 20
        options.mel_opts.high_freq = -400
        options.num_ceps = 40
    return options


def mfcc(samples: np.ndarray, kind: Kind) -> np.ndarray:
    """MFCC of one recording: frames x 13 or frames x 40, float32, one frame every 10 ms.

    `samples` are mono, 16 kHz, in [-1, 1); they are scaled to the 16-bit range that Kaldi works in.
    `mfcc13` has Kaldi's defaults without energy; `mfcc40` is the hires configuration of Kaldi's
    chain recipes (40 mel bins from 20 Hz to 400 Hz below Nyquist, all 40 cepstra).

    Raises InputError if the recording is shorter than one window of 25 ms.
    """
    check_window(samples)
    return np.stack(mfcc_frames(_mfcc_options(kind), samples))


def check_window(samples: np.ndarray) -> None:
    """Raise InputError if a recording is shorter than one window."""
    if len(samples) < WINDOW:
        raise InputError(
            f"{len(samples) / SAMPLE_RATE * 1000:.0f} ms of audio, shorter than one analysis "
            "window of 25 ms; leave the recording out"
        )


def mfcc_frames(options: knf.MfccOptions, samples: np.ndarray) -> list[np.ndarray]:
    """Frame after frame of MFCC by any options, of `samples` in [-1, 1); none if they are few."""
    return frames_of(knf.OnlineMfcc(options), options.frame_opts.samp_freq, samples)


def frames_of(
    computer: knf.OnlineMfcc | knf.OnlinePitch, rate: float, samples: np.ndarray
) -> list[np.ndarray]:
    """Frame after frame of what a `computer` makes of `samples` in [-1, 1)."""
    computer.accept_waveform(rate, (samples * _INT16_RANGE).tolist())
    computer.input_finished()
    return [computer.get_frame(t) for t in range(computer.num_frames_ready)]


@contextmanager
def naming_recording(utterance: Utterance) -> Iterator[None]:
    """An InputError of the block names the utterance and its audio, if it does not already."""
    try:
        yield
    except InputError as error:
        if utterance.key in str(error):
            raise
        raise InputError(f"utterance {utterance.key} ({utterance.audio}): {error}") from None


def cmvn_stats(features: np.ndarray) -> np.ndarray:
    """Kaldi CMVN statistics, 2 x (dim + 1) float64: sums and count, then sums of squares and 0."""
    wide = features.astype(np.float64)
    stats = np.zeros((2, features.shape[1] + 1))
    stats[0, :-1], stats[0, -1] = wide.sum(axis=0), len(wide)
    stats[1, :-1] = (wide**2).sum(axis=0)
    return stats


def apply_cmvn(features: np.ndarray, stats: np.ndarray, variance: bool = False) -> np.ndarray:
    """Subtract the mean that `stats` holds (and scale to unit variance if `variance`), float32."""
    mean = stats[0, :-1] / stats[0, -1]
    centred = features - mean
    if variance:
        centred /= np.sqrt(np.maximum(stats[1, :-1] / stats[0, -1] - mean**2, 1e-20))
    return centred.astype(np.float32)


def add_deltas(features: np.ndarray, order: int = 2, window: int = 2) -> np.ndarray:
    """Append derivatives up to `order`: frames x (dim * (order + 1)), float32.

    As Kaldi's add-deltas: each order convolves the scales of the one before with the regression
    slope over +-`window` frames, and frames beyond the ends repeat the first and last.
    """
    slope = np.arange(-window, window + 1) / np.sum(np.arange(-window, window + 1) ** 2)
    scales, blocks = np.ones(1), [features.astype(np.float64)]
    frames = np.arange(len(features))
    for _ in range(order):
        scales = np.convolve(scales, slope)
        reach = len(scales) // 2
        block = np.zeros(features.shape)
        for offset, scale in zip(range(-reach, reach + 1), scales, strict=True):
            block += scale * features[np.clip(frames + offset, 0, len(features) - 1)]
        blocks.append(block)
    return np.concatenate(blocks, axis=1).astype(np.float32)


def gmm_features(mfcc13: np.ndarray, stats: np.ndarray | None = None) -> np.ndarray:
    """(frames, 39): MFCC-13 with its mean removed, and deltas.

    The mean is that of the speaker's CMVN `stats`; without them, of the recording itself.
    """
    return add_deltas(apply_cmvn(mfcc13, cmvn_stats(mfcc13) if stats is None else stats))


class GmmFeatures:
    """What the GMM sees of one utterance after another, from what the stage `features` wrote."""

    def __init__(self, directory: Path) -> None:
        self._matrices = Matrices(directory / "feats.scp")
        self._stats = Matrices(directory / "cmvn.scp")

    def __call__(self, utterance: Utterance) -> np.ndarray:
        """(frames, 39) float32: speaker mean removed, deltas appended."""
        matrix = self._matrices[utterance.key]
        if matrix.shape[1] != 13:
            raise InputError(
                f"{self._matrices.scp}: {utterance.key}: {matrix.shape[1]} coefficients; the GMM "
                "takes features of kind mfcc13"
            )
        return gmm_features(matrix, self._stats[utterance.speaker])


@dataclass(frozen=True)
class FeatureOptions:
    """What to extract, and on how many cores."""

    kind: Kind = option("mfcc13", "mfcc13 for the GMM, mfcc40 (hires) for the TDNN-F")
    jobs: int = option(0, "processes; 0: as many as cores", ge=0)


@dataclass(frozen=True)
class _Extracted:
    key: str
    speaker: str
    matrix: np.ndarray


def _extract(utterances: list[Utterance], kind: Kind) -> list[_Extracted]:
    result = []
    for utterance in utterances:
        with naming_recording(utterance):
            matrix = mfcc(read_wav(utterance), kind)
        result.append(_Extracted(utterance.key, utterance.speaker, matrix))
    return result


def features(data: Path, out: Path, options: FeatureOptions = FeatureOptions()) -> None:
    """Extract MFCC of every utterance of a data directory.

    Writes `out/feats.scp` and `.ark` (frames x coefficients, 10 ms, raw: no CMVN applied) in the
    order of `data/text`, and `out/cmvn.scp` and `.ark` (Kaldi CMVN statistics of each speaker,
    2 x (dim + 1)). feats.scp appears last: its presence means that the stage is complete.

    Raises InputError naming the utterance for missing, unreadable or too short audio.
    """
    utterances = read_utterances(data)
    if not utterances:
        raise InputError(f"{data}/text: no utterances")
    by_speaker: dict[str, np.ndarray] = {}
    frames = 0
    out.mkdir(parents=True, exist_ok=True)
    feats = out / "feats.scp"

    def stream() -> Iterator[tuple[str, np.ndarray]]:
        nonlocal frames
        work = partial(_extract, kind=options.kind)
        with progress_bar(total=len(utterances), desc=f"{options.kind} {data}") as progress:
            for chunk in ordered_map(work, chunks(utterances.values(), _CHUNK), options.jobs):
                for one in chunk:
                    stats = cmvn_stats(one.matrix)
                    by_speaker[one.speaker] = by_speaker.get(one.speaker, 0) + stats
                    frames += len(one.matrix)
                    yield one.key, one.matrix
                progress.update(len(chunk))
        # Before feats.scp appears: whoever finds feats.scp also finds the statistics.
        write_archive(out / "cmvn.scp", sorted(by_speaker.items()))

    write_archive(feats, stream())
    log.info(
        "%s: %s of %d utterances, %d speakers, %.2f h",
        feats,
        options.kind,
        len(utterances),
        len(by_speaker),
        frames / 360000,
    )
