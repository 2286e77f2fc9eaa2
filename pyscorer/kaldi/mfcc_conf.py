"""An mfcc.conf of Kaldi's: MFCC exactly as it asks for them, or the line that is refused.

Sources: Kaldi's feat/feature-window.h, feat/mel-computations.h, feat/feature-mfcc.h (options and
defaults), featbin/compute-mfcc-feats.cc.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import kaldi_native_fbank as knf
import numpy as np

from pyscorer.alignment.features import mfcc_frames
from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.errors import InputError
from pyscorer.kaldi.conf_file import conf_lines

_WINDOW = {
    "sample-frequency": ("samp_freq", 16000.0),
    "frame-length": ("frame_length_ms", 25.0),
    "frame-shift": ("frame_shift_ms", 10.0),
    "preemphasis-coefficient": ("preemph_coeff", 0.97),
    "remove-dc-offset": ("remove_dc_offset", True),
    "window-type": ("window_type", "povey"),
    "blackman-coeff": ("blackman_coeff", 0.42),
    "round-to-power-of-two": ("round_to_power_of_two", True),
    "snip-edges": ("snip_edges", True),
}
_MEL = {
    "num-mel-bins": ("num_bins", 23),
    "low-freq": ("low_freq", 20.0),
    "high-freq": ("high_freq", 0.0),
    "vtln-low": ("vtln_low", 100.0),
    "vtln-high": ("vtln_high", -500.0),
}
_MFCC = {
    "num-ceps": ("num_ceps", 13),
    "use-energy": ("use_energy", True),
    "energy-floor": ("energy_floor", 0.0),
    "raw-energy": ("raw_energy", True),
    "cepstral-lifter": ("cepstral_lifter", 22.0),
    "htk-compat": ("htk_compat", False),
}
_HONOURED = _WINDOW | _MEL | _MFCC
_WITHOUT_EFFECT: dict[str, type] = {
    "dither": float,
    "allow-downsample": bool,
    "allow-upsample": bool,
    "max-feature-vectors": int,
    "debug-mel": bool,
    "write-utt2dur": str,
    "verbose": int,
    "print-args": bool,
}
"""Lines that do not change which features are right: dither is noise, which is left out here."""
_REFUSED: dict[str, Any] = {
    "subtract-mean": False,
    "vtln-warp": 1.0,
    "vtln-map": "",
    "utt2spk": "",
    "channel": -1,
    "min-duration": 0.0,
    "output-format": "kaldi",
}
"""Lines that are not done here, and the only value that they may have."""
_TYPES = {"povey", "hanning", "hamming", "rectangular", "blackman", "sine"}


MFCC40 = {
    "sample-frequency": float(SAMPLE_RATE),
    "use-energy": False,
    "num-mel-bins": 40,
    "num-ceps": 40,
    "high-freq": -400.0,
}
"""Options of compute-mfcc-feats for what the stage `features` (kind mfcc40) computes, where they
are not Kaldi's defaults."""


def read_mfcc_conf(path: Path) -> dict[str, Any]:
    """As `mfcc_conf_lines`, without the numbers."""
    return mfcc_conf_lines(path)[0]


def mfcc_conf_lines(path: Path) -> tuple[dict[str, Any], dict[str, int]]:
    """All options that change MFCC, by Kaldi's names, and the numbers of their lines.

    Options without a line have Kaldi's defaults.

    Raises InputError naming the line that is not known, an option that is not done here, or values
    that make no features.
    """
    kinds: dict[str, type] = {name: type(default) for name, (_, default) in _HONOURED.items()}
    kinds |= _WITHOUT_EFFECT | {name: type(value) for name, value in _REFUSED.items()}
    found = conf_lines(path, kinds)
    for name, value in _REFUSED.items():
        line, has = found.get(name, (0, value))
        if has != value:
            raise InputError(
                f"{path}:{line}: --{name}={has} is not done here: the model cannot be used with it"
            )
    settings = {name: found.get(name, (0, default))[1] for name, (_, default) in _HONOURED.items()}
    nyquist = settings["sample-frequency"] / 2
    high = settings["high-freq"] + (nyquist if settings["high-freq"] <= 0 else 0)
    fits = {
        "frame-shift": settings["frame-shift"] > 0,
        "frame-length": settings["frame-length"] > 0,
        "num-mel-bins": settings["num-mel-bins"] >= 3,
        "num-ceps": 0 < settings["num-ceps"] <= settings["num-mel-bins"],
        "low-freq": 0 <= settings["low-freq"] < high,
        "high-freq": high <= nyquist,
        "window-type": settings["window-type"] in _TYPES,
    }
    if wrong := [name for name, good in fits.items() if not good]:
        raise InputError(f"{path}: --{wrong[0]}={settings[wrong[0]]} makes no features")
    return settings, {name: line for name, (line, _) in found.items()}


def mfcc_as(settings: Mapping[str, Any], samples: np.ndarray) -> np.ndarray:
    """MFCC of one recording, frames x num-ceps, float32, as `settings` of `read_mfcc_conf` say.

    `samples` are mono in [-1, 1) at the settings' sample-frequency; no dither. Raises InputError
    for a recording shorter than a frame.
    """
    options = knf.MfccOptions()
    options.frame_opts.dither = 0
    parts = ((options.frame_opts, _WINDOW), (options.mel_opts, _MEL), (options, _MFCC))
    for part, names in parts:
        for name, (attribute, _) in names.items():
            setattr(part, attribute, settings[name])
    frames = mfcc_frames(options, samples)
    if not frames:
        milliseconds = len(samples) / settings["sample-frequency"] * 1000
        raise InputError(
            f"{milliseconds:.0f} ms of audio, shorter than one analysis window of "
            f"{settings['frame-length']:g} ms; leave the recording out"
        )
    return np.stack(frames)


def check_same_features(path: Path, wanted: Mapping[str, Any]) -> None:
    """Raise InputError naming the option in which `path` asks for other features than `wanted`.

    `wanted` are options by Kaldi's names; those that it leaves out have Kaldi's defaults. What
    plays no part (energy's options without energy, VTLN's, blackman's) is not compared.
    """
    settings, lines = mfcc_conf_lines(path)
    idle = {"vtln-low", "vtln-high"}
    idle |= {"blackman-coeff"} if settings["window-type"] != "blackman" else set()
    idle |= {"energy-floor", "raw-energy"} if not settings["use-energy"] else set()
    for name in sorted(
        _HONOURED.keys() - idle, key=lambda name: (name not in lines, lines.get(name, 0), name)
    ):
        here, has = wanted.get(name, _HONOURED[name][1]), settings[name]
        if _frequency(settings, name) == _frequency({**settings, name: here}, name):
            continue
        if name in lines:
            place, what = f"{path}:{lines[name]}", f"the model expects --{name}={_shown(has)}"
        else:
            place, what = str(path), f"no line --{name}, for which Kaldi takes {_shown(has)}"
        raise InputError(
            f"{place}: {what}, where the features here have {_shown(here)}: it cannot be used"
        )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value).lower()


def _frequency(settings: Mapping[str, Any], name: str) -> Any:
    """A value as it counts: a highest frequency of 0 or less is one below Nyquist."""
    value = settings[name]
    if name == "high-freq" and value <= 0:
        return value + settings["sample-frequency"] / 2
    return value
