"""Options of stages: a field holds default, help and range for command line, schema and README."""

from dataclasses import field
from typing import Any


def option(default: Any, description: str, **limits: Any) -> Any:
    """A field of an options dataclass.

    `limits` are those of pydantic's `Field`: ge, gt, le, lt; min_length and pattern for tuples and
    text. Limits of a tuple's elements stand in its annotation: `tuple[PositiveInt, ...]`.
    """
    return field(default=default, metadata={"description": description, **limits})
