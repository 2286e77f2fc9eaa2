"""Whisper (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022).

Encoder and decoder in plain PyTorch: all layers' states can be read, and recordings are encoded at
their own length, where the published code pads them to 30 s.
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pyscorer.contract.audio import SAMPLE_RATE
from pyscorer.errors import InputError

FRAME_SHIFT = 0.02
"""Seconds between states."""

_WINDOW, _HOP = 400, 160
"""Samples of the spectrogram's window and of its step."""


@dataclass(frozen=True)
class WhisperConfig:
    """Sizes of a Whisper model."""

    mels: int
    dim: int
    heads: int
    encoder_layers: int
    decoder_layers: int
    vocabulary: int
    longest: int
    """States of the longest recording (1,500: 30 s)."""
    longest_text: int
    """Tokens of the longest text."""


Memory = tuple[Tensor, Tensor]
"""Keys and values that are attended to: (batch, heads, m, dim / heads) each."""


class Attention(nn.Module):
    """Multi-head attention; keys have no bias."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.value, self.out = (nn.Linear(dim, dim) for _ in range(3))
        self.key = nn.Linear(dim, dim, bias=False)

    def memory(self, source: Tensor) -> Memory:
        """Keys and values of (batch, m, dim)."""
        return self._split(self.key(source)), self._split(self.value(source))

    def forward(
        self, x: Tensor, memory: Memory, causal: bool = False, mask: Tensor | None = None
    ) -> Tensor:
        """(batch, n, dim) attends to a memory, where `mask` (batch, 1, 1, m) is given and true."""
        mixed = functional.scaled_dot_product_attention(
            self._split(self.query(x)), *memory, attn_mask=mask, is_causal=causal
        )
        result: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return result

    def weights(self, x: Tensor, memory: Memory) -> Tensor:
        """How (batch, n, dim) attends to a memory: (batch, heads, n, m), sums of 1 over m."""
        query = self._split(self.query(x))
        scores = query @ memory[0].transpose(2, 3) / query.shape[-1] ** 0.5
        return scores.softmax(dim=-1)

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Block(nn.Module):
    """A transformer layer, normalised before each part; `cross` for the decoder's."""

    def __init__(self, dim: int, heads: int, cross: bool) -> None:
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(dim), Attention(dim, heads)
        if cross:
            self.cross_norm, self.cross = nn.LayerNorm(dim), Attention(dim, heads)
        self.mlp_norm = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def encode(self, x: Tensor, mask: Tensor | None) -> Tensor:
        """(batch, n, dim) to the same; all see all that the mask allows."""
        y = self.attention_norm(x)
        x = x + self.attention(y, self.attention.memory(y), mask=mask)
        x = x + self.mlp(self.mlp_norm(x))
        return x

    def decode(
        self,
        x: Tensor,
        encoded: Memory,
        past: Memory | None,
        attended: list[Tensor] | None = None,
    ) -> tuple[Tensor, Memory]:
        """(batch, n, dim) to the same, and its memory; each sees the past and what is before it.

        With a past, n is 1. Of a recording's states in `encoded` there may be several rows in a
        row, so many for each. `attended` gets how they attend to these.
        """
        y = self.attention_norm(x)
        own = self.attention.memory(y)
        if past is not None:
            own = torch.cat([past[0], own[0]], dim=2), torch.cat([past[1], own[1]], dim=2)
        x = x + self.attention(y, own, causal=past is None)
        # All rows of a recording as one sequence: they share its states, which need no copies.
        asked = self.cross_norm(x).reshape(len(encoded[0]), -1, x.shape[2])
        x = x + self.cross(asked, encoded).reshape(x.shape)
        if attended is not None:
            attended.append(self.cross.weights(asked, encoded))
        return x + self.mlp(self.mlp_norm(x)), own


def _blocks(count: int, dim: int, heads: int, cross: bool) -> Sequence[Block]:
    made = nn.ModuleList(Block(dim, heads, cross) for _ in range(count))
    return cast("Sequence[Block]", made)  # which ModuleList does not say of itself


@dataclass
class Decoding:
    """What the decoder of a Whisper remembers of a batch."""

    encoded: list[Memory]
    """Of each layer, the encoder's states; see `Whisper.memories`."""
    past: list[Memory] | None = None
    """Of each layer, the tokens decoded so far."""
    length: int = 0
    """Number of those tokens."""

    def keep(self, rows: list[int]) -> None:
        """Forget all of the batch but these rows."""
        self.encoded = [(keys[rows], values[rows]) for keys, values in self.encoded]
        self.follow(rows)

    def follow(self, rows: list[int]) -> None:
        """Go on from these rows, which may be there more than once; the recordings stay."""
        if self.past is not None:
            self.past = [(keys[rows], values[rows]) for keys, values in self.past]


DECODING = ("decoder", "embedding")
"""How the names of what `Whisper` decodes with begin."""


class Whisper(nn.Module):
    """The model, or its encoder alone; made by `load_whisper`."""

    encoder_positions: Tensor

    def __init__(self, config: WhisperConfig, decoder: bool = True) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.conv1 = nn.Conv1d(config.mels, dim, 3, padding=1)
        self.conv2 = nn.Conv1d(dim, dim, 3, stride=2, padding=1)
        self.register_buffer("encoder_positions", torch.zeros(config.longest, dim))
        self.encoder = _blocks(config.encoder_layers, dim, config.heads, cross=False)
        self.encoder_norm = nn.LayerNorm(dim)
        if not decoder:
            return
        # Not drawn at random: on the device meta, that alone would import torch's compiler.
        self.embedding = nn.Embedding.from_pretrained(torch.empty(config.vocabulary, dim))
        self.decoder_positions = nn.Parameter(torch.zeros(config.longest_text, dim))
        self.decoder = _blocks(config.decoder_layers, dim, config.heads, cross=True)
        self.decoder_norm = nn.LayerNorm(dim)

    def encode(self, mel: Tensor, frames: Tensor | None = None) -> list[Tensor]:
        """States (batch, ceil(frames / 2), dim) after each layer; the last is normalised.

        `mel` is (batch, frames, mels) of `log_mel`; with `frames` (batch), recordings of different
        length, zero after their end, of which each has the states that it would have by itself.
        Raises ValueError above 30 s.
        """
        x = functional.gelu(self.conv1(mel.transpose(1, 2)))
        mask = None
        if frames is not None:
            x = x * (torch.arange(x.shape[2], device=x.device) < frames[:, None])[:, None]
        x = functional.gelu(self.conv2(x)).transpose(1, 2)
        if frames is not None:
            places = torch.arange(x.shape[1], device=x.device)
            mask = (places < (frames[:, None] + 1) // 2)[:, None, None]
        if x.shape[1] > self.config.longest:
            raise ValueError(f"{x.shape[1]} states; the model takes {self.config.longest}")
        x = x + self.encoder_positions[: x.shape[1]]
        states = []
        for block in self.encoder:
            x = block.encode(x, mask)
            states.append(x)
        states[-1] = self.encoder_norm(x)
        return states

    def memories(self, encoded: Tensor) -> list[Memory]:
        """What the decoder's layers attend to of the encoder's last states (batch, m, dim)."""
        return [block.cross.memory(encoded) for block in self.decoder]

    def decode(self, tokens: Tensor, decoding: Decoding) -> Tensor:
        """Logits (batch, n, vocabulary) of the token after each of `tokens` (batch, n).

        `tokens` follow those that the decoding has seen: several at first, then one a time. Of each
        recording there may be several rows, all in a row.
        """
        x = self._decode(tokens, decoding)
        return functional.linear(self.decoder_norm(x), self.embedding.weight)

    def attention(self, tokens: Tensor, heard: list[Memory]) -> Tensor:
        """Where the recordings are looked at for the token after each of `tokens` (batch, n).

        (batch, heads, n, m): of all heads of the later half of the decoder's layers.
        """
        attended: list[Tensor] = []
        self._decode(tokens, Decoding(heard), attended)
        return torch.cat(attended[len(attended) // 2 :], dim=1)

    def _decode(
        self, tokens: Tensor, decoding: Decoding, attended: list[Tensor] | None = None
    ) -> Tensor:
        end = decoding.length + tokens.shape[1]
        x = self.embedding(tokens) + self.decoder_positions[decoding.length : end]
        past: list[Memory] = []
        for i, (block, encoded) in enumerate(zip(self.decoder, decoding.encoded, strict=True)):
            before = decoding.past[i] if decoding.past else None
            x, own = block.decode(x, encoded, before, attended)
            past.append(own)
        decoding.past, decoding.length = past, end
        return x


def check_duration(samples: np.ndarray, config: WhisperConfig) -> None:
    """Raise InputError for a recording (16 kHz) longer than the model takes."""
    if len(samples) / SAMPLE_RATE > config.longest * FRAME_SHIFT:
        raise InputError(
            f"{len(samples) / SAMPLE_RATE:.0f} s of speech; the encoder takes "
            f"{config.longest * FRAME_SHIFT:.0f} s: cut the recording at its pauses"
        )


def log_mel(samples: np.ndarray, mels: int, pad: float = 0.5) -> np.ndarray:
    """Whisper's log mel spectrogram (frames x mels, 10 ms) of samples at 16 kHz.

    `pad` seconds of silence are added: recordings end in silence in Whisper's training data.
    """
    padded = np.concatenate([samples, np.zeros(round(pad * SAMPLE_RATE), np.float32)])
    if len(padded) <= _WINDOW:
        raise InputError("no speech: the recording is empty")
    around = np.pad(padded, _WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(around, _WINDOW)[::_HOP][:-1]
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    power = np.abs(np.fft.rfft(frames * window)).astype(np.float32) ** 2
    log = np.log10(np.maximum(power @ mel_filters(mels), 1e-10))
    return np.asarray((np.maximum(log, log.max() - 8.0) + 4.0) / 4.0, np.float32)


@functools.cache
def mel_filters(mels: int) -> np.ndarray:
    """Triangular filters (frequencies of the window x mels) of equal area on Slaney's mel scale.

    The scale is linear up to 1 kHz (15 mel) and logarithmic above (27 mel for a factor of 6.4).
    """
    top = 15 + 27 * np.log(SAMPLE_RATE / 2 / 1000) / np.log(6.4)
    mel = np.linspace(0, top, mels + 2)
    edges = np.where(mel < 15, mel * 200 / 3, 1000 * 6.4 ** ((mel - 15) / 27))
    frequencies = np.linspace(0, SAMPLE_RATE / 2, _WINDOW // 2 + 1)[:, None]
    width = np.diff(edges)
    rising = (frequencies - edges[:-2]) / width[:-1]
    falling = (edges[2:] - frequencies) / width[1:]
    area = (edges[2:] - edges[:-2]) / 2
    return np.asarray(np.maximum(0, np.minimum(rising, falling)) / area, np.float32)
