"""Packed weights: numpy's arrays and one JSON, in a zip archive with checksums.

Nothing in them can be run: arrays are read without pickle, all else is JSON. Bundles hold these,
as they are what people hand to each other; the stages' own files are torch's.
"""

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
"""Numbers from which on a matrix may be kept in half precision: small ones save nothing."""
_SAME_TIME = (1980, 1, 1, 0, 0, 0)


def save_packed(path: Path, content: dict[str, Any], half: Container[str] = ()) -> None:
    """Write plain values and tensors, whole or not at all; the same ones give the same bytes.

    Below the keys `half`, large matrices of floats are kept with 16 bits a number, unless one is
    out of their range; they are read as floats of the width that they had.
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
        arrays.append(_halved(array) if half else array)
        return {"tensor": len(arrays) - 1, "as": str(array.dtype)}
    if isinstance(content, dict):
        return {"dict": [[key, _plain(value, arrays, half)] for key, value in content.items()]}
    if isinstance(content, tuple):
        return {"tuple": [_plain(value, arrays, half) for value in content]}
    if isinstance(content, list):
        return [_plain(value, arrays, half) for value in content]
    return content


def _halved(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind != "f" or array.ndim < 2 or array.size < _HALVED:
        return array
    with np.errstate(over="ignore"):
        small = array.astype(np.float16)
    return small if np.isfinite(small).all() else array


def _content(told: Any, archive: zipfile.ZipFile) -> Any:
    if isinstance(told, list):
        return [_content(value, archive) for value in told]
    if not isinstance(told, dict):
        return told
    if "dict" in told:
        return {key: _content(value, archive) for key, value in told["dict"]}
    if "tuple" in told:
        return tuple(_content(value, archive) for value in told["tuple"])
    with archive.open(f"{told['tensor']:d}.npy") as member:
        array = np.lib.format.read_array(member, allow_pickle=False)
    return torch.from_numpy(array.astype(told["as"], copy=False))
