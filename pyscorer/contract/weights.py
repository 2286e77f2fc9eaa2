"""Files of weights: plain values and tensors, which are read without running anything."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError

Model = TypeVar("Model")


def save_weights(path: Path, content: Any) -> None:
    """Write plain values and tensors, whole or not at all; the same ones give the same bytes."""
    # Not to a file: torch would write its name into it, and take a full disk for a fault of ours.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    with atomic_open(path, "wb") as stream:
        stream.write(buffer.getbuffer())


def load_weights(
    path: Path, kind: str, stage: str, build: Callable[[dict[str, Any]], Model]
) -> Model:
    """The model that `build` makes of what `save_weights` wrote.

    `kind` ("a scorer") and the `stage` that makes it are for messages. Raises InputError for a file
    that is missing, damaged or of something else.
    """
    if not path.exists():
        raise InputError(f"{path}: no such {kind.partition(' ')[2]}; {stage} makes it")
    try:
        return build(torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        raise InputError(
            f"{path}: not {kind}, or damaged ({type(error).__name__}: {error}); run {stage} again"
        ) from None
