"""Speech encoders in Hugging Face's format, by `transformers`.

wav2vec 2.0, HuBERT, WavLM and their kin, w2v-BERT 2.0, and the encoders of Parakeet, Moonshine,
SeamlessM4T and whatever else the installed version of transformers knows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.errors import InputError
from pyscorer.pretrained.frame_shifts import measured_shift
from pyscorer.pretrained.huggingface_models import ModelInput, model_input, read_model


@dataclass(frozen=True)
class HuggingFaceEncoder:
    """An encoder of speech as transformers gives it."""

    model: Any
    inputs: ModelInput
    layers: int
    frame_shift: float

    def dimension(self, layers: Sequence[int]) -> int:
        """Columns of the states of these layers."""
        return int(self.model.config.hidden_size) * len(layers)

    def to(self, device: str) -> "HuggingFaceEncoder":
        """The encoder on a device."""
        return replace(self, model=self.model.to(device))

    def states(self, recordings: Sequence[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
        """States of recordings at 16 kHz: T x dimension of the layers together, for each.

        One by one: normalisation over time makes most such models depend on what is appended.
        Raises InputError for a recording that is shorter than the first frame.
        """
        return [self._states(samples, layers) for samples in recordings]

    def _states(self, samples: np.ndarray, layers: tuple[int, ...]) -> np.ndarray:
        found = self.inputs.run(self.model, samples, output_hidden_states=True).hidden_states
        chosen = [found[i if i > 0 else self.layers + 1 + i][0] for i in layers]
        return np.asarray(torch.cat(chosen, dim=1).cpu().numpy(), np.float32)


def load_huggingface(directory: Path, pad: float = 0.0) -> HuggingFaceEncoder:
    """Read an encoder that transformers knows, from files alone; nothing is appended to recordings.

    The frame shift is that of `conv_stride` where config.json has it, else measured. Raises
    InputError if transformers is not installed, or the directory is of no such encoder.
    """
    model = read_model(directory, "AutoModel")
    config = model.config
    if hasattr(config, "conv_stride"):
        shift = prod(config.conv_stride) / SAMPLE_RATE
        inputs = model_input(directory, model)
        return HuggingFaceEncoder(model, inputs, config.num_hidden_layers, shift)
    encoder = speech_encoder(model)
    inputs = model_input(directory, encoder)

    def states(samples: np.ndarray) -> tuple[torch.Tensor, ...]:
        return inputs.run(encoder, samples, output_hidden_states=True).hidden_states or ()

    one_second = states(np.zeros(SAMPLE_RATE, np.float32))
    # After the layers some give what an adapter makes of the last, at a longer frame shift.
    like_first = [state for state in one_second if state.shape == one_second[0].shape]
    if len(like_first) < 2:
        raise InputError(f"{directory}: {config.model_type} gives no states of its layers")
    shift = measured_shift(lambda samples: states(samples)[0].shape[1], str(directory))
    return HuggingFaceEncoder(encoder, inputs, len(like_first) - 1, shift)


def speech_encoder(model: Any) -> Any:
    """The encoder of speech in a model of transformers: a part of it, or all."""
    named = getattr(model, "speech_encoder", None)  # get_encoder gives some models' encoder of text
    parts = (named, model.get_encoder(modality="audio"), model.get_encoder())
    # What is a model by itself says what it reads; the inner layers of a model do not.
    models = (p for p in parts if p is not model and hasattr(p, "main_input_name"))
    return next(models, model)
