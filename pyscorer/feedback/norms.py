"""Pace and pauses of a recording, and what they are in fluent readers of the training split."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal, TypeVar

import numpy as np
import pandas as pd
from pydantic import FiniteFloat, TypeAdapter, ValidationError

from pyscorer.contract.ctm import FRAME_SHIFT
from pyscorer.contract.datadir import read_labels
from pyscorer.contract.files import atomic_open, read_json
from pyscorer.contract.pooled import read_segment_table
from pyscorer.contract.scales import Range, from_unit, read_scales, told
from pyscorer.errors import InputError

_FLUENCY = "fluency"
_GOOD = 0.8
"""Share of the range of a human score from which on a reader is good: 8 of 10 is "fluent, no
noticeable pauses" in speechocean762."""
_RANGE = (0.1, 0.9)
_LONG = 0.95
_UNLIKE = 0.01

Settings = TypeVar("Settings")
Readers = Literal["fluent readers", "good readers", "other readers"]


@dataclass(frozen=True)
class Norms:
    """Ranges (10th to 90th percentile) of good readers, see `measure_norms`."""

    pace: tuple[FiniteFloat, FiniteFloat]
    """Phones a second, pauses left out."""
    pauses: tuple[FiniteFloat, FiniteFloat]
    """Share of silence between the first word and the last, 0 to 1."""
    long_pause: FiniteFloat
    """Seconds that 5 % of the pauses between words exceed."""
    prompt: FiniteFloat | None
    """Log-probability a token of the text, by the recogniser, that 1 % stay below."""
    readers: Readers = "fluent readers"
    """Who they are."""


@dataclass(frozen=True)
class Timing:
    """Pace and pauses of one recording."""

    pace: float
    """Phones a second, pauses left out."""
    pauses: float
    """Share of silence between the first word and the last, 0 to 1."""
    before: tuple[float, ...]
    """Seconds of silence before each word; 0 for the first."""


def timing(starts: np.ndarray, lengths: np.ndarray, word_index: np.ndarray) -> Timing:
    """Pace and pauses from the phones of a recording, times in 10 ms frames."""
    starts, lengths = np.asarray(starts), np.asarray(lengths)
    ends = starts + lengths
    firsts = np.flatnonzero(np.diff(word_index, prepend=-1))
    gaps = (starts[firsts[1:]] - ends[firsts[1:] - 1]) * FRAME_SHIFT
    return Timing(
        float(len(starts) / (lengths.sum() * FRAME_SHIFT)),
        float(1 - lengths.sum() / (ends[-1] - starts[0])),
        (0.0, *(round(float(gap), 2) for gap in gaps)),
    )


def measure_norms(data: Path, pool: Path, view: Path | None = None) -> Norms:
    """What recordings of `data` are like; pace and pauses of those scored fluent.

    They are those whose aspect `fluency` lies from 0.8 of its range on; where nobody scored
    fluency, the like of the score that stands for all; where nobody scored utterances, all of them.
    `pool` is the pooled directory of the TDNN-F for `data`, `view` the output of recogniser_view.
    Raises InputError if nobody reads so well, as there is then nothing to compare a learner with.
    """
    readers, name, own, scores = _scores_of_readers(data)
    good = set(scores.index[scores >= from_unit(_GOOD, own)])
    table = read_segment_table(pool)
    read = [
        timing(*(group[name].to_numpy() for name in ("start", "length", "word_index")))
        for key, group in table.groupby("utterance", sort=True)
        if key in good or not name
    ]
    if not read:
        raise InputError(
            f"{data}: no utterance has a {name} of {from_unit(_GOOD, own):g} ({told(own)}) or "
            "more: no norm of pace"
        )
    gaps = [gap for t in read for gap in t.before[1:] if gap > 0]
    return Norms(
        _quantiles([t.pace for t in read]),
        _quantiles([t.pauses for t in read]),
        round(float(np.quantile(gaps, _LONG)) if gaps else 0.5, 2),
        _prompt_norm(view / "utterances.csv") if view is not None else None,
        readers,
    )


def _scores_of_readers(data: Path) -> tuple[Readers, str, Range, pd.Series]:
    """What good readers are called, the score that tells them ("": none does), range and values."""
    nobody: tuple[Readers, str, Range, pd.Series] = (
        "other readers",
        "",
        (0, 1),
        pd.Series(dtype=float),
    )
    ranges = read_scales(data).utterance
    if not ranges or not (data / "utterance_scores.csv").exists():
        return nobody
    table = read_labels(data, "utterance").set_index("utterance")
    if _FLUENCY in ranges and table[_FLUENCY].notna().any():
        return "fluent readers", _FLUENCY, ranges[_FLUENCY], table[_FLUENCY]
    scales = read_scales(data)
    name = scales.overall
    scores = scales.overall_scores("utterance", table[list(ranges)].to_numpy(dtype=float))
    if np.isnan(scores).all():
        return nobody
    own = ranges[name or next(iter(ranges))]
    return "good readers", name or "mean score", own, pd.Series(scores, table.index)


def _prompt_norm(table: Path) -> float:
    if not table.exists():
        raise InputError(f"{table}: no such table; run recogniser_view")
    values = pd.read_csv(table)["prompt_log_probability"]
    return round(float(values.quantile(_UNLIKE)), 3)


def _quantiles(values: list[float]) -> tuple[float, float]:
    low, high = np.quantile(values, _RANGE)
    return round(float(low), 3), round(float(high), 3)


def write_norms(path: Path, norms: Norms) -> None:
    """Write norms as JSON."""
    with atomic_open(path) as stream:
        json.dump(asdict(norms), stream, indent=2)
        stream.write("\n")


def read_norms(path: Path) -> Norms:
    """Read what `write_norms` wrote. Raises InputError if it is missing or something else."""
    return read_settings(path, Norms)


def read_settings(path: Path, kind: type[Settings], again: str = "bundle again") -> Settings:
    """A JSON file as a dataclass of numbers. Raises InputError if it is missing or another."""
    found = read_json(path)
    try:
        return TypeAdapter(kind).validate_python(found)
    except ValidationError as error:
        fault = error.errors()[0]
        at = ".".join(map(str, fault["loc"]))
        raise InputError(f"{path}: not of this version ({at}: {fault['msg']}); {again}") from None
