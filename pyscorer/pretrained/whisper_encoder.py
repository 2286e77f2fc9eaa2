"""The encoder of a Whisper model as a source of deep features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.pretrained.whisper import FRAME_SHIFT, Whisper, check_duration, log_mel
from pyscorer.pretrained.whisper_models import load_whisper


@dataclass(frozen=True)
class WhisperEncoder:
    """The encoder of a Whisper model."""

    model: Whisper
    pad: float = 0.5
    frame_shift: float = FRAME_SHIFT

    @property
    def layers(self) -> int:
        """How many it has."""
        return self.model.config.encoder_layers

    def dimension(self, layers: Sequence[int]) -> int:
        """Columns of the states of these layers."""
        return self.model.config.dim * len(layers)

    def to(self, device: str) -> "WhisperEncoder":
        """The encoder on a device."""
        return replace(self, model=self.model.to(device))

    def states(self, recordings: Sequence[np.ndarray], layers: tuple[int, ...]) -> list[np.ndarray]:
        """States of recordings at 16 kHz: T x dimension of the layers together, for each.

        T as the recording lasts. Raises InputError for one that is empty or too long.
        """
        config, mels = self.model.config, []
        device = self.model.encoder_positions.device
        for samples in recordings:
            check_duration(samples, config)
            mels.append(log_mel(samples, config.mels, self.pad)[: 2 * config.longest])
        frames = torch.tensor([len(mel) for mel in mels])
        batch = torch.zeros(len(mels), int(frames.max()), config.mels)
        for row, mel in zip(batch, mels, strict=True):
            row[: len(mel)] = torch.from_numpy(mel)
        with torch.inference_mode():
            lengths = frames.to(device) if len(mels) > 1 else None
            states = self.model.encode(batch.to(device), lengths)
        chosen = [states[layer - 1 if layer > 0 else layer] for layer in layers]
        joined = torch.cat(chosen, dim=2).cpu().numpy()
        rows = (int(np.ceil(len(s) / SAMPLE_RATE / FRAME_SHIFT)) for s in recordings)
        return [own[:count] for own, count in zip(joined, rows, strict=True)]


def load_whisper_encoder(model: Path, pad: float) -> WhisperEncoder:
    """The encoder of a directory of `load_whisper`, with `pad` seconds of silence after speech."""
    return WhisperEncoder(load_whisper(model, decoder=False), pad)
