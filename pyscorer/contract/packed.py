"""Packed weights: numpy's arrays and one JSON, in a zip archive with checksums.

Nothing in them can be run: arrays are read without pickle, all else is JSON. Bundles hold these,
as they are what people hand to each other; the stages' own files are torch's.
"""

import io
import json
import zipfile
from collections.abc import Container
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pyscorer.contract.files import atomic_open

_CONTENT = "content.json"
_HALVED = 1000
"""Numbers from which on a matrix may be kept in 16 bits: small ones save nothing."""
_STEPS = 32767
"""From 0 to the largest number of a row."""
_SAME_TIME = (1980, 1, 1, 0, 0, 0)


def save_packed(path: Path, content: dict[str, Any], half: Container[str] = ()) -> None:
    """Write plain values and tensors, whole or not at all; the same ones give the same bytes.

    Below the keys `half`, large matrices of floats are kept with 16 bits a number, as whole steps
    of each row's largest: rounded four times less than 16-bit floats are. They are read as floats
    of the width that they had.
    """
    arrays: list[np.ndarray] = []
    parts = [[key, _plain(value, arrays, key in half)] for key, value in content.items()]
    told = json.dumps({"dict": parts})
    with atomic_open(path, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(zipfile.ZipInfo(_CONTENT, _SAME_TIME), told, zipfile.ZIP_DEFLATED)
        for number, array in enumerate(arrays):
            entry = zipfile.ZipInfo(f"{number}.npy", _SAME_TIME)
            # Bytes are trees, which shrink to a sixth; floats do not shrink.
            entry.compress_type = zipfile.ZIP_LZMA if array.dtype.kind == "u" else 0
            with archive.open(entry, "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def is_packed(path: Path) -> bool:
    """Whether `save_packed` wrote a file."""
    if not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return _CONTENT in archive.namelist()


def load_packed(path: Path) -> Any:
    """What `save_packed` wrote; checksums are held against the bytes.

    Raises whatever zipfile, json and numpy do for a file that is damaged or of something else.
    """
    with zipfile.ZipFile(path) as archive:
        told = json.loads(archive.read(_CONTENT))
        return _content(told, archive)


def _plain(content: Any, arrays: list[np.ndarray], half: bool) -> Any:
    """The content as JSON has it; each tensor goes to the `arrays` and is named by its number."""
    if isinstance(content, torch.Tensor):
        array = content.detach().cpu().numpy()
        parts = _halved(array) if half else [array]
        arrays += parts
        return {"tensor": len(arrays) - len(parts), "as": str(array.dtype), "parts": len(parts)}
    if isinstance(content, dict):
        return {"dict": [[key, _plain(value, arrays, half)] for key, value in content.items()]}
    if isinstance(content, tuple):
        return {"tuple": [_plain(value, arrays, half) for value in content]}
    if isinstance(content, list):
        return [_plain(value, arrays, half) for value in content]
    return content


def _halved(array: np.ndarray) -> list[np.ndarray]:
    """Steps of a row's 32,767th part, and the largest of each row; or the array itself."""
    if array.dtype.kind != "f" or array.ndim < 2 or array.size < _HALVED:
        return [array]
    largest = abs(array).max(axis=tuple(range(1, array.ndim)), keepdims=True)
    if not np.isfinite(largest).all():
        return [array]
    steps = np.divide(array, largest, out=np.zeros_like(array), where=largest > 0) * _STEPS
    return [np.rint(steps).astype(np.int16), largest]


def _content(told: Any, archive: zipfile.ZipFile) -> Any:
    if isinstance(told, list):
        return [_content(value, archive) for value in told]
    if not isinstance(told, dict):
        return told
    if "dict" in told:
        return {key: _content(value, archive) for key, value in told["dict"]}
    if "tuple" in told:
        return tuple(_content(value, archive) for value in told["tuple"])
    array = _read(archive, told["tensor"])
    if told["parts"] == 2:
        array = array.astype(told["as"]) / _STEPS * _read(archive, told["tensor"] + 1)
    return torch.from_numpy(array.astype(told["as"], copy=False))


def _read(archive: zipfile.ZipFile, number: int) -> np.ndarray:
    # In one piece: a member is else read in small ones, for each of its lines anew.
    member = io.BytesIO(archive.read(f"{number:d}.npy"))
    array: np.ndarray = np.lib.format.read_array(member, allow_pickle=False)
    return array
