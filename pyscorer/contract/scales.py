"""Which aspects people scored, on which scales, and who counts as a child: `scales.json`.

It lies in a data directory beside the label tables. The corpus's manifest says what is in it;
without the file the scales are those of speechocean762.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
from annotated_types import Len
from pydantic import FiniteFloat, NonNegativeInt, StringConstraints, TypeAdapter, ValidationError

from pyscorer.contract.files import atomic_open, read_json, shown
from pyscorer.errors import InputError

FILE = "scales.json"

AspectName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9_-]*$", max_length=40)]
Range = tuple[FiniteFloat, FiniteFloat]
"""The lowest and the highest score."""
LEVELS = ("utterance", "word", "phone")

_COLUMNS = {"utterance", "word", "phone", "rater", "word_index", "phone_index"}
"""Of label tables: no aspect may have the name of one."""
Numbers = TypeVar("Numbers", float, np.ndarray)


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
    """The aspect that stands for all; without it `total`, or the only one, else the mean of all."""

    def level(self, level: str) -> dict[str, Range]:
        """Aspects of a level of label tables; raters score the aspects of utterances."""
        found: dict[str, Range] = getattr(self, "utterance" if level == "rater" else level)
        return found

    @cached_property
    def overall(self) -> str | None:
        """The utterance aspect that stands for all, or None."""
        return self.overall_of("utterance")

    def overall_of(self, level: str) -> str | None:
        """The aspect of a level that stands for all, as one alone does, or None."""
        own, named = self.level(level), self.overall_aspect or "total"
        if named in own:
            return named
        return next(iter(own)) if len(own) == 1 else None

    def shown(self, level: str) -> dict[str, Range]:
        """The aspects of a level as people are told them: that which stands for all comes first."""
        own, first = self.level(level), self.overall_of(level)
        return ({first: own[first]} if first else {}) | own

    @cached_property
    def phone_aspect(self) -> str | None:
        """What is scored of phones, or None."""
        return next(iter(self.phone), None)

    @property
    def phone_range(self) -> Range:
        """Of the scores of phones; 0..1 where nobody scores them."""
        return next(iter(self.phone.values()), (0.0, 1.0))

    def bounds(self, level: str) -> np.ndarray:
        """Lowest and highest scores: 2 x aspects, float32."""
        return np.array([*self.level(level).values()], np.float32).reshape(-1, 2).T

    def chosen(self, aspect: str | None, place: Path | str) -> str:
        """The utterance aspect `aspect`, without one that which stands for all.

        Raises InputError, beginning with `place`, that names the aspects there are.
        """
        wanted = aspect or self.overall
        if wanted is not None and wanted in self.utterance:
            return wanted
        known = ", ".join(f"{name} ({told(own)})" for name, own in self.utterance.items())
        fault = f"no aspect {shown(aspect)}" if aspect else "no aspect that stands for all"
        raise InputError(f"{place}: {fault}; choose one of: {known or 'none is scored'}")

    def age_group(self, age: str | None) -> str | None:
        """`child` or `adult`, `unknown` where there is no number; None: nobody is told apart."""
        if self.child_below is None:
            return None
        if age is None or not age.isdecimal():
            return "unknown"
        return "child" if int(age) < self.child_below else "adult"

    def overall_scores(self, level: str, scores: np.ndarray) -> np.ndarray:
        """Of each unit the score that stands for all, NaN without any: units x aspects -> units.

        Where that aspect has none, or there is no such aspect, the mean of the others, each put on
        its range, or on that of the first aspect.
        """
        ranges, name = [*self.level(level).values()], self.overall_of(level)
        if not ranges:
            return np.full(len(scores), np.nan)
        at = list(self.level(level)).index(name) if name else None
        known = ~np.isnan(scores)
        alike = np.stack(
            [on_range(own, r, ranges[at or 0]) for own, r in zip(scores.T, ranges, strict=True)],
            axis=1,
        )
        sums, counts = np.where(known, alike, 0).sum(axis=1), known.sum(axis=1)
        means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
        return means if at is None else np.where(known[:, at], scores[:, at], means)


def told(own: Range) -> str:
    """A range in words, such as `0 to 10`."""
    return f"{own[0]:g} to {own[1]:g}"


def decimals(own: Range) -> int:
    """Decimals that a score of this range is told with."""
    return 1 if own[1] - own[0] >= 2 else 2


def to_unit(scores: Numbers, own: Range) -> Numbers:
    """Scores of a range as shares of it: 0 the lowest, 1 the highest."""
    return (scores - own[0]) / (own[1] - own[0])


def from_unit(shares: Numbers, own: Range) -> Numbers:
    """What `to_unit` turns into `shares`."""
    return own[0] + (own[1] - own[0]) * shares


def on_range(scores: np.ndarray, own: Range, other: Range) -> np.ndarray:
    """Scores of a range put on another; as they are, bit for bit, where both are the same."""
    return scores if own == other else from_unit(to_unit(scores, own), other)


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
    for level in LEVELS:
        for aspect, (low, high) in scales.level(level).items():
            if low >= high:
                raise InputError(f"{place}: {level} {aspect}: {low:g} to {high:g} is no range")
            if aspect in _COLUMNS:
                raise InputError(f"{place}: {level} {aspect}: the name of a column; name it anew")
    if scales.overall_aspect and scales.overall_aspect not in scales.utterance:
        raise InputError(f"{place}: overall_aspect {scales.overall_aspect} is no utterance aspect")
    return scales


def read_scales(data: Path) -> Scales:
    """The scales of a data directory."""
    path = data / FILE
    return make_scales(read_json(path), str(path)) if path.exists() else SPEECHOCEAN


def write_scales(data: Path, scales: Scales) -> None:
    """Write `scales.json` into a data directory."""
    with atomic_open(data / FILE) as stream:
        json.dump(scales_content(scales), stream, indent=1)


def scales_content(scales: Scales) -> dict[str, Any]:
    """Plain values, of which `make_scales` makes the scales again."""
    content: dict[str, Any] = _ADAPTER.dump_python(scales, mode="json")
    return content


def check_same(first: Path, *others: Path) -> Scales:
    """The scales that all of these directories have. Raises InputError where they differ."""
    mine = read_scales(first)
    for other in others:
        theirs = read_scales(other)
        for level in LEVELS:
            if [*mine.level(level).items()] != [*theirs.level(level).items()]:
                found, wanted = _told(theirs, level), _told(mine, level)
                raise InputError(f"{other}: {level} scores: {found}, where {first} has: {wanted}")
    return mine


def _told(scales: Scales, level: str) -> str:
    return ", ".join(f"{name} {told(own)}" for name, own in scales.level(level).items()) or "none"
