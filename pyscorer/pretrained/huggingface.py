"""Speech encoders in Hugging Face's format (wav2vec 2.0, HuBERT, WavLM), by `transformers`."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.contract.files import read_json
from pyscorer.errors import InputError


@dataclass(frozen=True)
class HuggingFaceEncoder:
    """An encoder of waveforms: convolutions, then transformer layers."""

    model: Any
    """What transformers.AutoModel gives."""
    normalises: bool
    """Whether it takes samples of mean 0 and variance 1."""
    layers: int
    frame_shift: float

    def dimension(self, layers: Sequence[int]) -> int:
        """Columns of the states of these layers."""
        return int(self.model.config.hidden_size) * len(layers)

    def states(self, recordings: Sequence[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
        """States of recordings at 16 kHz: T x dimension of the layers together, for each.

        One by one: normalisation over time makes most such models depend on what is appended.
        Raises InputError for a recording that is shorter than the first frame.
        """
        return [self._states(samples, layers) for samples in recordings]

    def _states(self, samples: np.ndarray, layers: tuple[int, ...]) -> np.ndarray:
        if self.normalises:
            samples = (samples - samples.mean()) / np.sqrt(samples.var() + 1e-7)
        x = torch.from_numpy(np.asarray(samples, np.float32))[None]
        try:
            with torch.inference_mode():
                found = self.model(x, output_hidden_states=True).hidden_states
        except RuntimeError:
            raise InputError(
                f"{len(samples) / SAMPLE_RATE:.2f} s of speech are too short for the encoder"
            ) from None
        return np.asarray(torch.cat([found[i][0] for i in layers], dim=1).numpy(), np.float32)


def load_huggingface(directory: Path, pad: float = 0.0) -> HuggingFaceEncoder:
    """Read an encoder that transformers knows, from files alone; nothing is appended to recordings.

    Raises InputError if transformers is not installed, or the directory is of no such encoder.
    """
    try:
        import transformers
    except ImportError:
        raise InputError(
            f"{directory}: an encoder that is read by transformers: pip install pyscorer[hf]"
        ) from None
    try:
        model = transformers.AutoModel.from_pretrained(directory, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"{directory}: not readable by transformers: {error}") from None
    config = model.config
    if not hasattr(config, "conv_stride"):
        raise InputError(f"{directory}: {config.model_type} is no encoder of waveforms")
    return HuggingFaceEncoder(
        model.eval().requires_grad_(False),
        _normalises(directory, config),
        config.num_hidden_layers,
        prod(config.conv_stride) / SAMPLE_RATE,
    )


def _normalises(directory: Path, config: Any) -> bool:
    path = directory / "preprocessor_config.json"
    if path.exists():
        return bool(dict(read_json(path, ())).get("do_normalize", False))
    return bool(config.feat_extract_norm == "layer")
