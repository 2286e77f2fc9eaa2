"""Which aspects people scored, on which scales, and who counts as a child: `scales.json`.

It lies in a data directory beside the label tables. The corpus's manifest says what is in it;
without the file the scales are those of speechocean762.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated

from annotated_types import Len
from pydantic import FiniteFloat, NonNegativeInt, StringConstraints, TypeAdapter, ValidationError

from pyscorer.contract.files import atomic_open, read_json, shown
from pyscorer.errors import InputError

FILE = "scales.json"

AspectName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=40)]
Range = tuple[FiniteFloat, FiniteFloat]
"""The lowest and the highest score."""


@dataclass(frozen=True)
class Scales:
    """Aspect -> lowest and highest score, by level, in the order of all tables and networks."""

    utterance: dict[AspectName, Range]
    word: dict[AspectName, Range] = field(default_factory=dict)
    phone: Annotated[dict[AspectName, Range], Len(0, 1)] = field(default_factory=dict)
    """At most one aspect: how right the phone is."""
    child_below: NonNegativeInt | None = 16
    """Speakers younger than this many years are told apart as children; None: nobody is."""
    overall_aspect: AspectName | None = None
    """The utterance aspect that stands for all; without it `total`, else the mean of all."""

    def level(self, level: str) -> dict[str, Range]:
        """Aspects of a level of label tables; raters score the aspects of utterances."""
        found: dict[str, Range] = getattr(self, "utterance" if level == "rater" else level)
        return found

    @cached_property
    def overall(self) -> str | None:
        """The utterance aspect that stands for all, or None."""
        named = self.overall_aspect or "total"
        return named if named in self.utterance else None


SPEECHOCEAN = Scales(
    utterance=dict.fromkeys(
        ("accuracy", "completeness", "fluency", "prosodic", "total"), (0.0, 10.0)
    ),
    word=dict.fromkeys(("accuracy", "stress", "total"), (0.0, 10.0)),
    phone={"accuracy": (0.0, 2.0)},
)
"""What a data directory without `scales.json` has."""

_ADAPTER = TypeAdapter(Scales)


def make_scales(content: Mapping[str, object], place: str) -> Scales:
    """Scales of plain values. Raises InputError, beginning with `place`, naming what is wrong."""
    try:
        scales = _ADAPTER.validate_python(dict(content))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise InputError(f"{place}: {where}: {shown(fault['msg'], 200)}") from None
    for level in ("utterance", "word", "phone"):
        for aspect, (low, high) in scales.level(level).items():
            if low >= high:
                raise InputError(f"{place}: {level} {aspect}: {low:g} to {high:g} is no range")
    if scales.overall_aspect and scales.overall is None:
        raise InputError(f"{place}: overall_aspect {scales.overall_aspect} is no utterance aspect")
    return scales


def read_scales(data: Path) -> Scales:
    """The scales of a data directory."""
    path = data / FILE
    return make_scales(read_json(path), str(path)) if path.exists() else SPEECHOCEAN


def write_scales(data: Path, scales: Scales) -> None:
    """Write `scales.json` into a data directory."""
    with atomic_open(data / FILE) as stream:
        json.dump(_ADAPTER.dump_python(scales, mode="json"), stream, indent=1)
