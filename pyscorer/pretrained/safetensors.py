"""Weights out of a Hugging Face model directory: model.safetensors or pytorch_model.bin."""

import json
import struct
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from pyscorer.contract.weights import load_tensors
from pyscorer.errors import InputError

_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_tensors(directory: Path) -> dict[str, Tensor]:
    """All variables of the directory's model*.safetensors files, else of its pytorch_model*.bin.

    Raises InputError if there are none, or if one cannot be read.
    """
    paths = sorted(directory.glob("model*.safetensors"))
    paths = paths or sorted(directory.glob("pytorch_model*.bin"))
    if not paths:
        raise InputError(f"{directory}: neither model.bin nor model.safetensors: no weights")
    tensors: dict[str, Tensor] = {}
    for path in paths:
        try:
            tensors |= (
                _read_safetensors(path) if path.suffix == ".safetensors" else load_tensors(path)
            )
        except Exception as error:
            raise InputError(
                f"{path}: not readable as weights ({type(error).__name__}); copy it again"
            ) from None
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    data = bytearray(path.read_bytes())
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(bytes(data[8 : 8 + size]))
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(
            data,
            dtype=_TYPES[entry["dtype"]],
            count=prod(entry["shape"]),
            offset=8 + size + entry["data_offsets"][0],
        ).reshape(entry["shape"])
        for name, entry in header.items()
    }
