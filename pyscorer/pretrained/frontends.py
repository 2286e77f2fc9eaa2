"""What enters a model in ONNX's format: the waveform, or features as icefall or NeMo compute them.

A graph says which tensors it takes, and not what is in them. That is found, in this order, in
`frontend.json` beside the graph, in the graph's metadata as icefall's and sherpa-onnx's export
scripts write it, and in `preprocessor_config.json` as transformers writes it; it is never assumed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import kaldi_native_fbank as knf
import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.files import read_json, shown
from pyscorer.errors import InputError

FRONTEND = "frontend.json"
_KINDS = ("waveform", "kaldi", "nemo")
_KEYS = {"features", "normalise", "scale", "mels"}
_SAY = (
    f"say so in a file {FRONTEND} beside it, such as "
    '{"features": "waveform", "normalise": true}, {"features": "kaldi", "mels": 80} (icefall), '
    '{"features": "kaldi", "mels": 80, "scale": 32768} (Kaldi, WeNet) or '
    '{"features": "nemo", "mels": 80}'
)


@dataclass(frozen=True)
class Frontend:
    """How a recording becomes the input of a graph."""

    features: str
    """waveform; kaldi: Kaldi's log mel energies; nemo: librosa's."""
    normalise: bool = False
    """To mean 0 and variance 1: the waveform, or each feature over time."""
    scale: float = 1.0
    """Of samples in [-1, 1)."""
    mels: int | None = None

    def __call__(self, samples: np.ndarray, mels: int) -> np.ndarray:
        """The waveform, or frames x `mels`, float32. InputError for one shorter than a frame."""
        x = np.asarray(samples, np.float32) * np.float32(self.scale)
        if self.features != "waveform":
            x = _log_mels(x, self.features == "nemo", mels)
            if self.normalise:  # as NeMo does
                x = (x - x.mean(axis=0)) / (x.std(axis=0, ddof=min(1, len(x) - 1)) + 1e-5)
        elif self.normalise:  # as transformers does
            x = (x - x.mean()) / np.sqrt(x.var() + 1e-7)
        return np.asarray(x, np.float32)


def _log_mels(samples: np.ndarray, nemo: bool, mels: int) -> np.ndarray:
    """Frames x mels, a frame every 10 ms, the first in the middle of its 10 ms."""
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.frame_opts.dither = 0
    options.frame_opts.snip_edges = False
    options.mel_opts.num_bins = mels
    if nemo:
        options.frame_opts.window_type = "hann"
        options.frame_opts.remove_dc_offset = False
        options.mel_opts.low_freq = 0
        options.mel_opts.is_librosa = True
    else:
        options.mel_opts.high_freq = -400
    computer = knf.OnlineFbank(options)
    computer.accept_waveform(SAMPLE_RATE, samples.tolist())
    computer.input_finished()
    if not computer.num_frames_ready:
        raise InputError(
            f"{len(samples) / SAMPLE_RATE:.2f} s of speech are too short for the model"
        )
    return np.stack([computer.get_frame(t) for t in range(computer.num_frames_ready)])


def find_frontend(graph: Path, waveform: bool, metadata: Mapping[str, str]) -> Frontend:
    """What enters the graph, whose input is a `waveform` or features.

    Raises InputError where nothing says so, or what is said is not known.
    """
    rate = metadata.get("sample_rate", str(SAMPLE_RATE))
    if rate != str(SAMPLE_RATE):
        raise InputError(
            f"{graph}: a model of speech at {shown(rate)} Hz; {SAMPLE_RATE} Hz is read"
        )
    if (own := graph.with_name(FRONTEND)).exists():
        found = _told(own)
    elif waveform:
        path = graph.with_name("preprocessor_config.json")
        if not path.exists():
            raise InputError(f"{graph}: whether the waveform is normalised is not known: {_SAY}")
        told = dict(read_json(path, ()))
        if (its := told.get("sampling_rate", SAMPLE_RATE)) != SAMPLE_RATE:
            raise InputError(f"{path}: a model of speech at {its} Hz; {SAMPLE_RATE} Hz is read")
        found = Frontend("waveform", bool(told.get("do_normalize", False)))
    elif "normalize_type" in metadata:  # sherpa-onnx's scripts for NeMo
        kind = metadata["normalize_type"]
        if kind not in ("", "NA", "per_feature"):
            raise InputError(f"{graph}: normalize_type {shown(kind)} is not known: {_SAY}")
        found = Frontend("nemo", kind == "per_feature")
    elif metadata.get("model_author") == "k2-fsa":  # icefall's export scripts
        found = Frontend("kaldi")
    else:
        raise InputError(f"{graph}: which features it reads is not known: {_SAY}")
    if (found.features == "waveform") != waveform:
        takes = "a waveform" if waveform else "features"
        raise InputError(f"{graph}: it takes {takes}, not {found.features}: {_SAY}")
    return found


def _told(path: Path) -> Frontend:
    told: Any = read_json(path, ("features",))
    unknown = set(told) - _KEYS
    if unknown or told["features"] not in _KINDS:
        wrong = shown(str(min(unknown) if unknown else told["features"]))
        raise InputError(f"{path}: {wrong} is not known: {_SAY}")
    if told["features"] == "waveform" and "normalise" not in told:
        raise InputError(f"{path}: lacks normalise, true or false, which a waveform needs")
    normalise, scale = told.get("normalise", told["features"] == "nemo"), told.get("scale", 1.0)
    mels = told.get("mels")
    if not (
        isinstance(normalise, bool)
        and isinstance(scale, int | float)
        and 0 < scale <= 32768
        and (mels is None or (isinstance(mels, int) and 0 < mels <= 512))
    ):
        raise InputError(
            f"{path}: normalise is true or false, scale a number up to 32768, mels one up to 512"
        )
    return Frontend(told["features"], normalise, float(scale), mels)
