"""Whisper models out of the directories that others write: CTranslate2's and Hugging Face's."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pyscorer.contract.files import read_json
from pyscorer.errors import InputError
from pyscorer.pretrained.ctranslate2 import Variables, read_weights
from pyscorer.pretrained.safetensors import read_tensors
from pyscorer.pretrained.whisper import DECODING, Whisper, WhisperConfig

_RENAMED = (
    (r"^model\.", ""),
    (r"^encoder\.(conv\d)", r"\1"),
    (r"coder\.embed_positions\.weight", "coder_positions"),
    (r"^decoder\.embed_tokens", "embedding"),
    (r"^(..coder)\.layer_norm", r"\1_norm"),
    (r"\.layers\.", "."),
    (r"self_attn", "attention"),
    (r"encoder_attn", "cross"),
    (r"_layer_norm", "_norm"),
    (r"\.q_proj", ".query"),
    (r"\.k_proj", ".key"),
    (r"\.v_proj", ".value"),
    (r"\.out_proj", ".out"),
    (r"\.fc1", ".mlp.0"),
    (r"\.fc2", ".mlp.2"),
    (r"final_norm", "mlp_norm"),
)
"""From the names of Hugging Face's variables to those of `Whisper`, one after the other."""


def load_whisper(directory: Path, decoder: bool = True) -> Whisper:
    """Read a Whisper model in CTranslate2 format (model.bin) or Hugging Face's.

    The latter has config.json and model.safetensors or pytorch_model.bin. Without `decoder` it
    encodes alone; of model.bin, which is the larger part then, nothing else is read. Raises
    InputError for a directory that holds neither, or another model.
    """
    if (directory / "model.bin").exists() or not (directory / "config.json").exists():
        config, state = _from_ctranslate2(directory / "model.bin", decoder)
    else:
        config, state = _from_huggingface(directory)
    if not decoder:
        state = {name: tensor for name, tensor in state.items() if not name.startswith(DECODING)}
    _check(config, directory)
    with torch.device("meta"):  # without memory: random weights take longer than all the rest
        model = Whisper(config, decoder)
    try:
        model.load_state_dict(state, assign=True)
    except (RuntimeError, ValueError) as error:
        raise InputError(f"{directory}: not the Whisper that is known: {error}") from None
    # A sum is finite where all are, and takes a fifth of the time.
    if not all(tensor.sum().isfinite() for tensor in state.values()):
        raise InputError(f"{directory}: weights that are no numbers: copy the model again")
    return model.eval().requires_grad_(False)


def _check(config: WhisperConfig, directory: Path) -> None:
    """Raise InputError for sizes that no Whisper has: a model of them would fill the memory."""
    layers = max(config.encoder_layers, config.decoder_layers)
    sizes = (config.mels, config.dim, config.longest, config.longest_text)
    if not (
        all(isinstance(size, int) and 0 < size < 100_000 for size in sizes)
        and isinstance(config.vocabulary, int)
        and 0 < config.vocabulary < 10_000_000
        and isinstance(layers, int)
        and 0 < layers <= 100
        and isinstance(config.heads, int)
        and 0 < config.heads <= config.dim
        and config.dim % config.heads == 0
    ):
        raise InputError(f"{directory}: sizes that no Whisper has: {config}")


def read_config(directory: Path) -> dict[str, Any]:
    """config.json of a model directory. Raises InputError if it cannot be read."""
    path = directory / "config.json"
    config: Any = read_json(path)
    if not isinstance(config, dict):
        raise InputError(f"{path}: not the description of a model")
    return config


def _from_huggingface(directory: Path) -> tuple[WhisperConfig, dict[str, Tensor]]:
    config = read_config(directory)
    if config.get("model_type") != "whisper":
        raise InputError(
            f"{directory}: a model of kind {config.get('model_type')}, not Whisper; its states can "
            "be encoded, but it is no recogniser of prompts"
        )
    state = {}
    for name, tensor in read_tensors(directory).items():
        for pattern, mine in _RENAMED:
            name = re.sub(pattern, mine, name)
        if not name.startswith("proj_out"):  # the embedding once more
            state[name] = tensor.float()
    try:
        return WhisperConfig(
            mels=config["num_mel_bins"],
            dim=config["d_model"],
            heads=config["encoder_attention_heads"],
            encoder_layers=config["encoder_layers"],
            decoder_layers=config["decoder_layers"],
            vocabulary=config["vocab_size"],
            longest=config["max_source_positions"],
            longest_text=config["max_target_positions"],
        ), state
    except KeyError as error:
        raise InputError(f"{directory}/config.json: no {error}: not Whisper's") from None


def _from_ctranslate2(path: Path, decoder: bool) -> tuple[WhisperConfig, dict[str, Tensor]]:
    specification, arrays = read_weights(path)
    if specification != "WhisperSpec":
        raise InputError(f"{path}: a model of kind {specification}, not Whisper")
    count = {part: _count(arrays, part) for part in ("encoder", "decoder")}
    try:
        dim, mels, _ = arrays.shape("encoder/conv1/weight")
        return WhisperConfig(
            mels=mels,
            dim=dim,
            heads=int(arrays["encoder/num_heads"]),
            encoder_layers=count["encoder"],
            decoder_layers=count["decoder"],
            vocabulary=arrays.shape("decoder/embeddings/weight")[0],
            longest=arrays.shape("encoder/position_encodings/encodings")[0],
            longest_text=arrays.shape("decoder/position_encodings/encodings")[0],
        ), _state(arrays, count if decoder else {"encoder": count["encoder"]})
    except KeyError as error:
        raise InputError(f"{path}: not the Whisper that is known: no {error}") from None
    except (ValueError, TypeError, IndexError) as error:
        raise InputError(f"{path}: not the Whisper that is known: {error}") from None


def _count(arrays: Variables, part: str) -> int:
    names = (name.split("/") for name in arrays)
    return len({n[1] for n in names if n[0] == part and n[1].removeprefix("layer_").isdigit()})


def _state(arrays: Variables, count: dict[str, int]) -> dict[str, Tensor]:
    """CTranslate2's variables under the names of `Whisper`; `count`: layers of the parts wanted."""
    state = {f"{part}_positions": arrays[f"{part}/position_encodings/encodings"] for part in count}
    if "decoder" in count:
        state["embedding.weight"] = arrays["decoder/embeddings/weight"]

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
    return {name: torch.from_numpy(array) for name, array in state.items()}
