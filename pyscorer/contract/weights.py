"""Files of weights: plain values and tensors, which are read without running anything."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import torch

from pyscorer.contract.files import atomic_path
from pyscorer.errors import InputError

Model = TypeVar("Model")


def save_weights(path: Path, content: dict[str, Any]) -> None:
    """Write plain values and tensors, whole or not at all."""
    with atomic_path(path) as part:
        torch.save(content, part)


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
