"""Which states of an encoder are taken: layers by number or name, and how i-vectors come in."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import NegativeInt, PositiveInt, StringConstraints

from pyscorer.errors import InputError
from pyscorer.pretrained.registry import Encoder, JoinedEncoders

Layer = NegativeInt | PositiveInt | Annotated[str, StringConstraints(pattern=r"[^0-9-]")]
"""A number from 1, or from -1 down; or the name that a layer has in some models."""
Ivectors = Literal["utterance", "online"]
"""Of Kaldi's models: one i-vector from the whole recording, or as a stream has them."""
AnyEncoder = TypeVar("AnyEncoder", bound=Encoder)


def layer_numbers(encoder: Encoder, layers: Sequence[int | str], model: Path) -> tuple[int, ...]:
    """The layers by number, those that are named as well. InputError for one that is not there."""
    names: Sequence[str] = getattr(encoder, "names", ())
    numbers = []
    for layer in layers:
        if isinstance(layer, str) and layer in names:
            numbers.append(names.index(layer) + 1)
        elif isinstance(layer, str) or not 1 <= abs(layer) <= encoder.layers:
            known = f"it has 1 to {encoder.layers}"
            if names:
                known += f": {', '.join(names)}"
            raise InputError(f"{model}: no encoder layer {layer}; {known}")
        else:
            numbers.append(layer)
    return tuple(numbers)


def with_ivectors(encoder: AnyEncoder, ivectors: Ivectors) -> AnyEncoder:
    """The encoder with i-vectors estimated so, where it takes any."""
    made: Any = encoder
    if isinstance(encoder, JoinedEncoders):
        made = replace(
            encoder, encoders=tuple(with_ivectors(e, ivectors) for e in encoder.encoders)
        )
    elif hasattr(encoder, "ivectors"):
        made = replace(made, ivectors=ivectors)
    return made
