"""Weights out of a CTranslate2 model directory, without CTranslate2."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from pyscorer.errors import InputError

_VERSION = 6
_TYPES = {0: "<f4", 1: "i1", 2: "<i2", 3: "<i4", 4: "<f2"}
"""Type numbers of ctranslate2/specs/model_spec.py; 5, bfloat16, is not known to numpy."""


@dataclass
class _Reader:
    """A cursor over the bytes of a model.bin."""

    data: memoryview
    path: Path
    at: int = 0

    def number(self, code: str) -> int:
        size = struct.calcsize(code)
        value: int = struct.unpack("<" + code, self.take(size))[0]
        return value

    def take(self, size: int) -> memoryview:
        part = self.data[self.at : self.at + size]
        if len(part) < size:
            raise InputError(f"{self.path}: cut off at byte {len(self.data)}; copy it again")
        self.at += size
        return part

    def text(self) -> str:
        return bytes(self.take(self.number("H"))).rstrip(b"\0").decode("utf-8", "replace")


@dataclass(frozen=True)
class Variables:
    """The variables of a model.bin by name; one is read when it is asked for.

    float16 becomes float32; int8 variables are multiplied out by their `_scale`.
    """

    kept: dict[str, np.ndarray]
    """As the file, which is mapped, has them, with the scales."""

    def __getitem__(self, name: str) -> np.ndarray:
        array, scale = self.kept[name], self.kept.get(f"{name}_scale")
        if array.dtype == np.int8 and scale is not None:
            rows = np.asarray(scale, np.float32).reshape(-1, *[1] * (array.ndim - 1))
            return np.asarray(array / rows, np.float32)
        if array.dtype == np.float16:  # numpy takes ten times as long
            return torch.from_numpy(array).float().numpy()
        return np.array(array)  # the file may change

    def __contains__(self, name: str) -> bool:
        return name in self.kept and "_scale" not in name

    def __iter__(self) -> Iterator[str]:
        return filter(self.__contains__, self.kept)

    def shape(self, name: str) -> tuple[int, ...]:
        """Of a variable, without reading it."""
        return self.kept[name].shape


def read_weights(path: Path) -> tuple[str, Variables]:
    """The specification's name (such as WhisperSpec) and the variables of a `model.bin`.

    Raises InputError for a file that is missing, cut off, of another format, or of a type that is
    not known.
    """
    try:
        # A mapping that may be written to, in memory alone: torch takes no other.
        kept = np.memmap(path, np.uint8, "c") if path.stat().st_size else np.empty(0, np.uint8)
        reader = _Reader(kept.data, path)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}: a CTranslate2 directory has it") from None
    try:
        return _read(reader)
    except (ValueError, KeyError) as error:
        raise InputError(f"{path}: damaged ({error}); copy it again") from None


def _read(reader: _Reader) -> tuple[str, Variables]:
    path = reader.path
    version = reader.number("I")
    if version != _VERSION:
        raise InputError(
            f"{path}: no CTranslate2 model of binary version {_VERSION} (it says {version}); "
            "convert it again with a current ct2-transformers-converter"
        )
    specification, _ = reader.text(), reader.number("I")
    arrays = {}
    for _ in range(reader.number("I")):
        name = reader.text()
        shape = [reader.number("I") for _ in range(reader.number("B"))]
        kind, size = reader.number("B"), reader.number("I")
        if kind not in _TYPES:
            raise InputError(
                f"{path}: {name} is of type {kind}, which is not read: convert with --quantization "
                "float32, float16 or int8"
            )
        arrays[name] = np.frombuffer(reader.take(size), _TYPES[kind]).reshape(shape)
    for _ in range(reader.number("I")):
        alias, name = reader.text(), reader.text()
        arrays[alias] = arrays[name]
    return specification, Variables(arrays)
