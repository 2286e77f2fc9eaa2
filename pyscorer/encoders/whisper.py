"""Whisper (Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022).

Encoder and decoder in plain PyTorch: all layers' states can be read, and recordings are encoded at
their own length, where the published code pads them to 30 s.
"""

from dataclasses import dataclass
from pathlib import Path

import kaldi_native_fbank as knf
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pyscorer.audio import SAMPLE_RATE
from pyscorer.encoders.ctranslate2 import read_weights
from pyscorer.errors import InputError

FRAME_SHIFT = 0.02
"""Seconds between states."""


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


class Attention(nn.Module):
    """Multi-head attention; keys have no bias."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query, self.value, self.out = (nn.Linear(dim, dim) for _ in range(3))
        self.key = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, source: Tensor, causal: bool = False) -> Tensor:
        """(batch, n, dim) attends to (batch, m, dim)."""
        queries, keys, values = (
            y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for y in (self.query(x), self.key(source), self.value(source))
        )
        mixed = functional.scaled_dot_product_attention(queries, keys, values, is_causal=causal)
        result: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return result


class Block(nn.Module):
    """A transformer layer, normalised before each part; `cross` for the decoder's."""

    def __init__(self, dim: int, heads: int, cross: bool) -> None:
        super().__init__()
        self.attention_norm, self.attention = nn.LayerNorm(dim), Attention(dim, heads)
        if cross:
            self.cross_norm, self.cross = nn.LayerNorm(dim), Attention(dim, heads)
        self.mlp_norm = nn.LayerNorm(dim)
        self.mlp = nn.Sequential(nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim))

    def forward(self, x: Tensor, encoded: Tensor | None = None) -> Tensor:
        """(batch, n, dim) to the same; with `encoded` (batch, m, dim), causal."""
        y = self.attention_norm(x)
        x = x + self.attention(y, y, causal=encoded is not None)
        if encoded is not None:
            x = x + self.cross(self.cross_norm(x), encoded)
        x = x + self.mlp(self.mlp_norm(x))
        return x


class Whisper(nn.Module):
    """The model; made by `load_whisper`."""

    encoder_positions: Tensor

    def __init__(self, config: WhisperConfig) -> None:
        super().__init__()
        self.config = config
        dim = config.dim
        self.conv1 = nn.Conv1d(config.mels, dim, 3, padding=1)
        self.conv2 = nn.Conv1d(dim, dim, 3, stride=2, padding=1)
        self.register_buffer("encoder_positions", torch.zeros(config.longest, dim))
        self.encoder = nn.ModuleList(
            Block(dim, config.heads, cross=False) for _ in range(config.encoder_layers)
        )
        self.encoder_norm = nn.LayerNorm(dim)
        self.embedding = nn.Embedding(config.vocabulary, dim)
        self.decoder_positions = nn.Parameter(torch.zeros(config.longest_text, dim))
        self.decoder = nn.ModuleList(
            Block(dim, config.heads, cross=True) for _ in range(config.decoder_layers)
        )
        self.decoder_norm = nn.LayerNorm(dim)

    def encode(self, mel: Tensor) -> list[Tensor]:
        """States (batch, ceil(frames / 2), dim) after each layer; the last is normalised.

        `mel` is (batch, frames, mels) of `log_mel`. Raises ValueError above 30 s.
        """
        x = functional.gelu(self.conv1(mel.transpose(1, 2)))
        x = functional.gelu(self.conv2(x)).transpose(1, 2)
        if x.shape[1] > self.config.longest:
            raise ValueError(f"{x.shape[1]} states; the model takes {self.config.longest}")
        x = x + self.encoder_positions[: x.shape[1]]
        states = []
        for block in self.encoder:
            x = block(x)
            states.append(x)
        states[-1] = self.encoder_norm(x)
        return states

    def decode(self, tokens: Tensor, encoded: Tensor) -> Tensor:
        """Logits (batch, n, vocabulary) of the token after each of `tokens` (batch, n)."""
        x = self.embedding(tokens) + self.decoder_positions[: tokens.shape[1]]
        for block in self.decoder:
            x = block(x, encoded)
        return functional.linear(self.decoder_norm(x), self.embedding.weight)


def log_mel(samples: np.ndarray, mels: int, pad: float = 0.5) -> np.ndarray:
    """Whisper's log mel spectrogram (frames x mels, 10 ms) of samples at 16 kHz.

    `pad` seconds of silence are added: recordings end in silence in Whisper's training data.
    """
    options = knf.WhisperFeatureOptions()
    options.dim = mels
    extractor = knf.OnlineWhisperFbank(options)
    padded = np.concatenate([samples, np.zeros(round(pad * SAMPLE_RATE), np.float32)])
    extractor.accept_waveform(SAMPLE_RATE, padded.astype(np.float32))
    extractor.input_finished()
    count = extractor.num_frames_ready
    if not count:
        raise InputError("no speech: the recording is empty")
    power = np.stack([extractor.get_frame(i) for i in range(count)])
    log = np.log10(np.maximum(power, 1e-10))
    return np.asarray((np.maximum(log, log.max() - 8.0) + 4.0) / 4.0, np.float32)


def load_whisper(directory: Path) -> Whisper:
    """Read a Whisper model in CTranslate2 format. Raises InputError for any other."""
    path = directory / "model.bin"
    specification, arrays = read_weights(path)
    if specification != "WhisperSpec":
        raise InputError(f"{path}: a model of kind {specification}, not Whisper")
    count = {part: _layers(arrays, part) for part in ("encoder", "decoder")}
    dim, mels, _ = arrays["encoder/conv1/weight"].shape
    model = Whisper(
        WhisperConfig(
            mels=mels,
            dim=dim,
            heads=int(arrays["encoder/num_heads"]),
            encoder_layers=count["encoder"],
            decoder_layers=count["decoder"],
            vocabulary=len(arrays["decoder/embeddings/weight"]),
            longest=len(arrays["encoder/position_encodings/encodings"]),
            longest_text=len(arrays["decoder/position_encodings/encodings"]),
        )
    )
    try:
        state = _state(arrays, count)
        model.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in state.items()})
    except (KeyError, RuntimeError) as error:
        raise InputError(f"{path}: not the Whisper that is known: {error}") from None
    return model.eval().requires_grad_(False)


def _layers(arrays: dict[str, np.ndarray], part: str) -> int:
    names = (name.split("/") for name in arrays)
    return len({n[1] for n in names if n[0] == part and n[1].removeprefix("layer_").isdigit()})


def _state(arrays: dict[str, np.ndarray], count: dict[str, int]) -> dict[str, np.ndarray]:
    """CTranslate2's variables under the names of `Whisper`."""
    state = {
        "encoder_positions": arrays["encoder/position_encodings/encodings"],
        "decoder_positions": arrays["decoder/position_encodings/encodings"],
        "embedding.weight": arrays["decoder/embeddings/weight"],
    }

    def put(name: str, source: str) -> None:
        norm = f"{source}/gamma" in arrays
        for mine, theirs in (
            ("weight", "gamma" if norm else "weight"),
            ("bias", "beta" if norm else "bias"),
        ):
            state[f"{name}.{mine}"] = arrays[f"{source}/{theirs}"]

    def put_fused(names: list[str], source: str) -> None:
        weights = np.split(arrays[f"{source}/weight"], len(names))
        biases = np.split(arrays[f"{source}/bias"], len(names))
        for name, weight, bias in zip(names, weights, biases, strict=True):
            state[f"{name}.weight"] = weight
            if not name.endswith("key"):
                state[f"{name}.bias"] = bias

    put("conv1", "encoder/conv1")
    put("conv2", "encoder/conv2")
    for part, layers in count.items():
        put(f"{part}_norm", f"{part}/layer_norm")
        for index in range(layers):
            mine, theirs = f"{part}.{index}", f"{part}/layer_{index}"
            put(f"{mine}.attention_norm", f"{theirs}/self_attention/layer_norm")
            own = [f"{mine}.attention.{n}" for n in ("query", "key", "value")]
            put_fused(own, f"{theirs}/self_attention/linear_0")
            put(f"{mine}.attention.out", f"{theirs}/self_attention/linear_1")
            if part == "decoder":
                put(f"{mine}.cross_norm", f"{theirs}/attention/layer_norm")
                put(f"{mine}.cross.query", f"{theirs}/attention/linear_0")
                other = [f"{mine}.cross.{n}" for n in ("key", "value")]
                put_fused(other, f"{theirs}/attention/linear_1")
                put(f"{mine}.cross.out", f"{theirs}/attention/linear_2")
            put(f"{mine}.mlp_norm", f"{theirs}/ffn/layer_norm")
            put(f"{mine}.mlp.0", f"{theirs}/ffn/linear_0")
            put(f"{mine}.mlp.2", f"{theirs}/ffn/linear_1")
    return state
