"""Files of weights: plain values, tensors and arrays, which are read without running anything.

All are zip archives with checksums. numpy holds what it reads against them, torch does not.
"""

import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch

from pyscorer.contract.files import atomic_open
from pyscorer.contract.packed import is_packed, load_packed, save_packed
from pyscorer.errors import InputError

Model = TypeVar("Model")


def save_weights(path: Path, content: Any) -> None:
    """Write plain values and tensors, whole or not at all; the same ones give the same bytes."""
    # Not to a file: torch would write its name into it, and take a full disk for a fault of ours.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_open(path, "wb") as stream:
        stream.write(buffer.getbuffer())


def load_tensors(path: Path, device: str = "cpu") -> Any:
    """What torch.save wrote to `path`; its checksums are held against its bytes.

    Raises whatever zipfile and torch do for a file that is missing, damaged or of something else.
    """
    if zipfile.is_zipfile(path):  # no weights of torch's before 1.6 are
        with zipfile.ZipFile(path) as archive:
            if damaged := archive.testzip():
                raise zipfile.BadZipFile(f"the checksum of {damaged} is wrong")
    try:
        return torch.load(path, map_location=device, weights_only=True)
    except pickle.UnpicklingError:  # whose message says how to run it all the same
        raise ValueError("a pickle of more than numbers, which could run anything") from None


def load_arrays(path: Path, stage: str) -> dict[str, np.ndarray]:
    """The arrays of an .npz by name.

    `stage` is what makes it. Raises InputError for a file that is missing, damaged or of something
    else.
    """
    found = _read_numpy(path, stage)
    if isinstance(found, np.ndarray):
        raise InputError(f"{path}: one array, not several by name; run {stage} again")
    return found


def load_array(path: Path, stage: str) -> np.ndarray:
    """The array of an .npy; errors as of `load_arrays`."""
    found = _read_numpy(path, stage)
    if isinstance(found, dict):
        raise InputError(f"{path}: several arrays, not one; run {stage} again")
    return found


def _read_numpy(path: Path, stage: str) -> np.ndarray | dict[str, np.ndarray]:
    try:
        with path.open("rb") as stream:
            found = np.load(stream, allow_pickle=False)
            return found if isinstance(found, np.ndarray) else dict(found)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file: run {stage}") from None
    except Exception as error:
        raise InputError(
            f"{path}: damaged, or no arrays of numpy's ({type(error).__name__}: {error}); run "
            f"{stage} again"
        ) from None


def load_weights(
    path: Path, kind: str, stage: str, build: Callable[[dict[str, Any]], Model]
) -> Model:
    """The model that `build` makes of what `save_weights` or `save_packed` wrote.

    `kind` ("a scorer") and the `stage` that makes it are for messages. Raises InputError for a file
    that is missing, damaged or of something else.
    """
    if not path.exists():
        raise InputError(f"{path}: no such {kind.partition(' ')[2]}; {stage} makes it")
    try:
        return build(load_packed(path) if is_packed(path) else load_tensors(path))
    except Exception as error:
        raise InputError(
            f"{path}: not {kind}, or damaged ({type(error).__name__}: {error}); run {stage} again"
        ) from None


def pack_weights(path: Path, out: Path) -> None:
    """Write to `out`, as `save_packed` does, what `load_weights` reads; errors as there."""
    save_packed(out, load_weights(path, "weights", "the stage before", lambda content: content))
