"""Weights out of a Hugging Face model directory: model.safetensors or pytorch_model.bin."""

import json
import struct
from math import prod
from pathlib import Path

import torch
from torch import Tensor

from pyscorer.contract.files import shown
from pyscorer.contract.weights import load_tensors
from pyscorer.errors import InputError

_TYPES = {"F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16}


def read_tensors(directory: Path) -> dict[str, Tensor]:
    """All variables of the directory's model*.safetensors files, else of its pytorch_model*.bin.

    Integers are left out. Raises InputError if there are none, or if one cannot be read.
    """
    paths = sorted(directory.glob("model*.safetensors"))
    paths = paths or sorted(directory.glob("pytorch_model*.bin"))
    if not paths:
        raise InputError(
            f"{directory}: neither model.safetensors nor pytorch_model.bin: no weights"
        )
    tensors: dict[str, Tensor] = {}
    for path in paths:
        try:
            tensors |= (
                _read_safetensors(path) if path.suffix == ".safetensors" else load_tensors(path)
            )
            if not all(isinstance(tensor, Tensor) for tensor in tensors.values()):
                raise TypeError("what is in it are no tensors")
        except Exception as error:
            raise InputError(
                f"{path}: not readable as weights ({type(error).__name__}: "
                f"{shown(str(error))}); copy it again"
            ) from None
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    """The float tensors; sizes and places are held against the file."""
    data = bytearray(path.read_bytes())
    size = struct.unpack_from("<Q", data)[0]
    header = json.loads(bytes(data[8 : 8 + size]))
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        if entry["dtype"] not in _TYPES:  # token types, places and the like
            continue
        kind, shape, (start, end) = _TYPES[entry["dtype"]], entry["shape"], entry["data_offsets"]
        count = prod(shape)
        if min([start, *shape]) < 0 or end - start != count * kind.itemsize:
            raise ValueError(f"{name}: {shape} numbers in {end - start} bytes")
        if count:
            flat = torch.frombuffer(data, dtype=kind, count=count, offset=8 + size + start)
            tensors[name] = flat.reshape(shape)
        else:
            tensors[name] = torch.zeros(shape, dtype=kind)
    return tensors
