"""Kaldi data directories, the lexicon and phone set, and the label tables beside them.

A data directory holds `wav.scp`, `utt2spk`, `spk2utt` (and `spk2age`, `spk2gender` where known),
`text` where it is known what was said, `segments` where utterances are stretches of the recordings
in wav.scp, `canonical` where the corpus has canonical phone strings, for scored corpora the label
tables `utterance_scores.csv`, `word_scores.csv`, `phone_scores.csv` and `rater_scores.csv` with
their `scales.json`, and for answers to prompts what `contract.classes` says.
"""

import math
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pyscorer.contract.audio import is_there, read_audio
from pyscorer.contract.files import read_table, shown, write_table
from pyscorer.contract.phones import SPOKEN_PHONES
from pyscorer.contract.scales import Range, read_scales
from pyscorer.contract.tables import number, read_rows, whole
from pyscorer.errors import InputError, naming

LABEL_KEYS = {
    "utterance": ["utterance"],
    "word": ["utterance", "word_index", "word"],
    "phone": ["utterance", "word_index", "phone_index", "phone"],
    "rater": ["utterance", "rater"],
}
"""Columns of a label table, by level, before the aspects of its `Scales`. Of these `word` need not
be there."""


@dataclass(frozen=True)
class Span:
    """The stretch of a recording that an utterance is: a line of `segments`."""

    recording: str
    start: float
    """Seconds."""
    end: float
    """Seconds; -1: the end of the recording."""


@dataclass(frozen=True)
class Utterance:
    """One recording, or a stretch of one, and what is known of it."""

    key: str
    speaker: str
    audio: Path
    words: tuple[str, ...]
    """What was said; none where there is no text."""
    canonical: tuple[tuple[str, ...], ...] | None = None
    """Canonical phones of each word, where the corpus has them."""
    span: Span | None = None
    """Which part of `audio` it is; None: all of it."""
    prompt: str | None = None
    """What the utterance answers."""

    @property
    def times(self) -> tuple[float, float] | None:
        """First and last second of that part (-1: to the end)."""
        return (self.span.start, self.span.end) if self.span else None


@dataclass
class DataDir:
    """A data directory in memory (text only; audio stays on disk)."""

    utterances: dict[str, Utterance] = field(default_factory=dict)
    speakers: dict[str, dict[str, str]] = field(default_factory=dict)
    """Speaker -> {"age": ..., "gender": ...}, as far as known."""


def read_data_dir(path: Path) -> DataDir:
    """Read a prepared data directory. Raises InputError naming the file and utterance at fault."""
    audio = read_table(path / "wav.scp")
    spans = read_segments(path / "segments") if (path / "segments").exists() else None
    speakers = read_table(path / "utt2spk")
    prompts = read_table(path / "prompts") if (path / "prompts").exists() else {}
    if (path / "text").exists() or not prompts:
        text = read_table(path / "text")
    else:
        text = dict.fromkeys(speakers, "")
    timed: tuple[str, Container[str]] = ("wav.scp", audio) if spans is None else ("segments", spans)
    for name, table in (timed, ("utt2spk", speakers)):
        for key in text:
            if key not in table:
                raise InputError(
                    f"{path / name}: lacks utterance {shown(key)}, which {path}/text has"
                )
    for key, one in (spans or {}).items():
        if one.recording not in audio:
            fault = f"recording {shown(one.recording)} is not in wav.scp"
            raise InputError(f"{path / 'segments'}: {shown(key)}: {fault}")
    words = {key: tuple(value.split()) for key, value in text.items()}
    canonical = _read_canonical(path / "canonical", words)
    data = DataDir()
    for key in text:
        span = spans[key] if spans is not None else None
        file = find_audio(audio[key if span is None else span.recording], path)
        data.utterances[key] = Utterance(
            key, speakers[key], file, words[key], canonical.get(key), span, prompts.get(key)
        )
    for attribute in ("age", "gender"):
        file = path / f"spk2{attribute}"
        if file.exists():
            for speaker, value in read_table(file).items():
                data.speakers.setdefault(speaker, {})[attribute] = value
    return data


def find_audio(name: str, data: Path) -> Path:
    """The file that wav.scp of the data directory `data` names.

    A relative path is relative to the working directory, as for Kaldi, or else to `data`. Raises
    InputError if there are two different files.
    """
    path = Path(name)
    file = Path(re.sub(r":\d+$", "", name))  # a place in an archive
    if path.is_absolute() or name.endswith("|") or not is_there(data / file):
        return path
    if not is_there(file):
        return data / path
    if not file.samefile(data / file):
        raise InputError(
            f"{data}/wav.scp: {shown(name)} is there twice, in the working directory and in "
            f"{data}; write an absolute path"
        )
    return path


def read_segments(path: Path) -> dict[str, Span]:
    """Kaldi's `segments`: utterance -> span. Raises InputError naming the utterance at fault."""
    spans = {}
    for key, value in read_table(path).items():
        with naming(f"{path}: {shown(key)}"):
            spans[key] = parse_span(value)
    return spans


def parse_span(fields: str) -> Span:
    """`recording start end` of a line of `segments`. Raises InputError, without a place."""
    recording, *times = fields.split() or [""]
    if len(times) == 3:
        raise InputError("a channel after the times; write each channel to a file of its own")
    try:
        start, end = map(float, times)
    except ValueError:
        raise InputError(f"{shown(fields)} is not `recording start end`, in seconds") from None
    if not (math.isfinite(start) and math.isfinite(end) and start >= 0 and end < 1e9):
        raise InputError(f"{start:g} to {end:g} s are no times of a recording")
    if end != -1 and end <= start:
        raise InputError(f"ends at {end:g} s, not after its start at {start:g} s")
    return Span(recording, start, end)


def canonical_rows(
    path: Path, lines: Iterable[tuple[str, str]]
) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    """Utterance, word and phones of lines `utterance.wordindex phone phone ...` of `canonical`.

    Raises InputError for what is no such line, or no phone (without stress digits).
    """
    for key, value in lines:
        utterance, _, index = key.rpartition(".")
        spoken = tuple(value.split())
        if not (utterance and index.isascii() and index.isdecimal() and len(index) < 9):
            raise InputError(f"{path}: {shown(key)} is not `utterance.wordindex`")
        if not spoken or not SPOKEN_PHONES.issuperset(spoken):
            fault = f"not phones of a word: {shown(value)}" if value else "no phones"
            raise InputError(f"{path}: {shown(key)}: {fault}")
        yield utterance, int(index), spoken


def _read_canonical(
    path: Path, words: dict[str, tuple[str, ...]]
) -> dict[str, tuple[tuple[str, ...], ...]]:
    if not path.exists():
        return {}
    phones: dict[str, dict[int, tuple[str, ...]]] = defaultdict(dict)
    for utterance, index, spoken in canonical_rows(path, read_table(path).items()):
        phones[utterance][index] = spoken
    canonical = {}
    for utterance, by_word in phones.items():
        if utterance not in words:
            continue
        if sorted(by_word) != list(range(len(words[utterance]))):
            raise InputError(
                f"{path}: {shown(utterance)}: {len(by_word)} words with phones, "
                f"{len(words[utterance])} words in text"
            )
        canonical[utterance] = tuple(by_word[i] for i in range(len(by_word)))
    return canonical


def write_data_dir(path: Path, data: DataDir) -> None:
    """Write `data` as sorted Kaldi files into the existing or new directory `path`."""
    items = data.utterances.values()
    prompts = {u.key: u.prompt for u in items if u.prompt is not None}
    if prompts:
        write_table(path / "prompts", prompts)
    if any(u.words for u in items) or not prompts:
        write_table(path / "text", {u.key: " ".join(u.words) for u in items})
    write_table(
        path / "wav.scp", {u.span.recording if u.span else u.key: str(u.audio) for u in items}
    )
    if any(u.span for u in items):
        spans = {u.key: u.span or Span(u.key, 0, -1) for u in items}
        write_table(path / "segments", {key: format_span(span) for key, span in spans.items()})
    write_table(path / "utt2spk", {u.key: u.speaker for u in items})
    spk2utt: dict[str, list[str]] = defaultdict(list)
    for key in sorted(data.utterances):
        spk2utt[data.utterances[key].speaker].append(key)
    write_table(path / "spk2utt", {speaker: " ".join(keys) for speaker, keys in spk2utt.items()})
    for attribute in ("age", "gender"):
        known = {s: a[attribute] for s, a in data.speakers.items() if attribute in a}
        if known:
            write_table(path / f"spk2{attribute}", known)
    canonical = {
        f"{u.key}.{index}": " ".join(phones)
        for u in items
        for index, phones in enumerate(u.canonical or ())
    }
    if canonical:
        write_table(path / "canonical", canonical)


def format_span(span: Span) -> str:
    """What `parse_span` reads."""
    return f"{span.recording} {span.start:.10g} {span.end:.10g}"


def read_wav(utterance: Utterance) -> np.ndarray:
    """Mono float32 samples at 16 kHz of one utterance; errors name the utterance."""
    with naming(f"utterance {utterance.key}"):
        return read_audio(utterance.audio, span=utterance.times)


def score(cell: str, own: Range) -> float:
    """A human score of a range; NaN, to mask, of an empty cell.

    Raises ValueError, of which the message is a predicate, for all else.
    """
    low, high = own
    try:
        value = number(cell) if cell else math.nan
    except ValueError as error:
        raise ValueError(f"{error} in {low:g}..{high:g}") from None
    if not (low <= value <= high or not cell):
        raise ValueError(f"{cell} is out of range {low:g}..{high:g}")
    return value


def read_labels(path: Path, level: str) -> pd.DataFrame:
    """Read `<level>_scores.csv` (level: utterance, word, phone or rater) of a data directory.

    Columns: those of LABEL_KEYS (`word` only where the table has it), then the aspects of the
    directory's scales; an empty cell (NaN) is a score to mask, and so is every cell of an aspect
    that the table lacks.

    Raises InputError naming the line of a cell that is no such number, and of a repeated row.
    """
    file = path / f"{level}_scores.csv"
    if not file.exists():
        raise InputError(f"{file}: no such label table; this corpus split has no {level} scores")
    keys, aspects = LABEL_KEYS[level], read_scales(path).level(level)
    read: dict[str, Callable[[str], Any]] = dict.fromkeys(keys, sys.intern) | dict.fromkeys(
        ("word_index", "phone_index"), whole
    )
    read |= {aspect: partial(score, own=own) for aspect, own in aspects.items()}
    columns: dict[str, list[Any]] = {}  # a dict a row would take five times as much
    seen: set[tuple[str, ...]] = set()
    for line, row in read_rows(file, [c for c in keys if c != "word"]):
        place = f"{file}:{line}: {shown(row['utterance'])}"
        for column in (c for c in (*keys, *aspects) if c in row):
            try:
                columns.setdefault(column, []).append(read[column](row[column]))
            except ValueError as error:
                raise InputError(f"{place}: {column} {error}") from None
        identity = tuple(sys.intern(row[c]) for c in keys if c not in ("word", "phone"))
        if identity in seen:
            raise InputError(f"{place}: duplicate row")
        seen.add(identity)
    if level == "rater" and all(rater.isdecimal() for rater in columns.get("rater", [])):
        columns = {c: [*map(int, own)] if c == "rater" else own for c, own in columns.items()}
    table = pd.DataFrame(columns) if columns else pd.DataFrame(columns=keys)
    return table.reindex(columns=[c for c in (*keys, *aspects) if c != "word" or c in table])
