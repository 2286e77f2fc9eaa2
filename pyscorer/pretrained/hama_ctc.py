"""The recogniser of phones of the PyPI package hama (Apache-2.0): CTC over letters of the IPA."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.errors import InputError
from pyscorer.pretrained.packaged import HAMA


@dataclass(frozen=True)
class HamaCtc:
    """hama's ASRModel, whose log-posteriors are taken before it decodes them.

    Holds no more than another process can be given.
    """

    path: Path
    tokens: tuple[str, ...]
    blank: int
    frame_shift: float

    def log_posteriors(self, samples: np.ndarray) -> np.ndarray:
        """T x tokens of a recording at 16 kHz. Raises InputError for an empty one."""
        if len(samples) == 0:
            raise InputError("no samples")
        waveform = np.clip(np.asarray(samples, np.float32), -1, 1)[None]
        inputs = {"waveform": waveform, "waveform_lengths": np.array([waveform.shape[1]])}
        session = _model(self.path).session
        found, lengths = session.run(["log_probs", "out_lengths"], inputs)
        return np.array(found[0][: int(lengths[0])])


def load_hama(path: Path) -> HamaCtc:
    """Read its file of weights, or that of a directory. InputError if the package is not there."""
    try:
        from hama import asr
    except ImportError:
        raise InputError(f"{path}: a model of hama: pip install 'pyscorer[hama]'") from None
    file = path / HAMA if path.is_dir() else path
    try:
        model = _model(file)
    except (OSError, RuntimeError) as error:
        raise InputError(f"{path}: not readable by hama: {error}") from None
    shift = asr.ASR_OUTPUT_FRAME_SAMPLES / SAMPLE_RATE
    return HamaCtc(file, tuple(model.decoder_tokens), model.blank_id, shift)


@cache
def _model(path: Path) -> Any:
    """The model in this process: what its library holds goes to no other."""
    from hama import asr

    return asr.ASRModel(model_path=path)
