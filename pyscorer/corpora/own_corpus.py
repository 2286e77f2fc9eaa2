"""Anyone's own corpus: what its manifest says of a table or of Kaldi data directories.

The table has a row an utterance; beside it may lie tables of words, of phones and of raters.
"""

from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from pyscorer.contract.characters import plain
from pyscorer.contract.datadir import DataDir, Span, Utterance, read_data_dir
from pyscorer.contract.files import shown
from pyscorer.contract.tables import number, whole
from pyscorer.corpora.manifest_parts import OwnSource
from pyscorer.corpora.manifests import Manifest
from pyscorer.corpora.own_levels import read_level
from pyscorer.corpora.own_table import (
    Faults,
    TableRow,
    audio_file,
    gender,
    identifier,
    named_rows,
    years,
)
from pyscorer.corpora.part import CorpusPart
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.lexicon.normalise import english_words, lexicon_spelling
from pyscorer.lexicon.syllables import read_stresses
from pyscorer.lexicon.words import guess_pronunciations


@dataclass
class _Read:
    """What is read of a corpus so far."""

    data: DataDir = field(default_factory=DataDir)
    texts: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    """Utterance -> value of the column `split`, or name of its data directory."""
    rows: dict[str, str] = field(default_factory=dict)
    channels: dict[str, int] = field(default_factory=dict)
    scores: list[dict[str, object]] = field(default_factory=list)
    classes: dict[str, int] = field(default_factory=dict)


def read_own(manifest: Manifest, folder: Path) -> tuple[CorpusPart, dict[str, str]]:
    """The whole corpus in `folder`, and utterance -> which of its splits, if it says so.

    Raises InputError naming every line of a table that is at fault.
    """
    own = manifest.own
    assert own is not None
    read = _Read()
    for name, path in own.data.items():
        _read_kaldi(folder, folder / path, name, read)
    if own.table is not None:
        _read_table(manifest, own, folder, read)
    if not read.data.utterances:
        raise InputError(f"{folder / (own.table or '')}: no utterances")
    lexicon, data = _with_words(read, own, folder)
    labels = {"utterance": pd.DataFrame(read.scores)} if read.scores else {}
    for level, table in own.tables.items():
        place = folder / table.path
        labels[level] = read_level(level, table, place, data, manifest.scales.level(level))
    if "phone" in labels:
        data = _with_canonical(data, labels["phone"])
    part = CorpusPart(
        data=data,
        lexicon=lexicon,
        labels=labels,
        scales=manifest.scales,
        classes=manifest.classes.classes if manifest.classes else None,
        response_labels=read.classes,
        rows=read.rows,
        channels=read.channels,
        stresses=read_stresses(folder / own.lexicon) if own.lexicon else {},
    )
    return part, read.groups


def _read_kaldi(folder: Path, path: Path, name: str, read: _Read) -> None:
    """A data directory; audio may also be relative to the corpus's `folder`."""
    found = read_data_dir(path)
    for key, u in found.utterances.items():
        if key in read.data.utterances:
            raise InputError(f"{path}: utterance {shown(key)} is in another data directory as well")
        audio = u.audio
        if not str(audio).endswith("|"):
            beside = folder / audio
            audio = (beside if beside.exists() and not audio.exists() else audio).absolute()
        read.data.utterances[key] = replace(u, audio=audio)
        if u.words:
            read.texts[key] = " ".join(u.words)
        if name:
            read.groups[key] = name
    read.data.speakers |= found.speakers


def _read_table(manifest: Manifest, own: OwnSource, folder: Path, read: _Read) -> None:
    assert own.table is not None
    path = folder / own.table
    columns = dict(own.columns)
    if own.data:
        columns.setdefault("utterance", "utterance")
    elif "audio" not in columns:
        raise InputError(f"{manifest.path}: columns: audio is needed, or data")
    columns |= {f"score {aspect}": column for aspect, column in own.scores.items()}
    rule = manifest.classes
    judged = rule.columns if rule else ()
    columns |= {f"class {i}": column for i, column in enumerate(judged)}
    faults = Faults(path)
    lines: dict[str, int] = {}
    attributes: dict[tuple[str, str], tuple[str, int]] = {}
    for row in named_rows(path, columns, faults):
        key = _key(row, own)
        if not key:
            row.fault("no utterance id" if "utterance" in columns else "no audio")
            continue
        if key in lines:
            row.fault(f"utterance {shown(key)} stands already in line {lines[key]}")
            continue
        lines[key] = row.line
        utterance = _utterance(row, key, own, folder, read)
        if utterance is None:
            continue
        read.data.utterances[key] = utterance
        read.rows[key] = f"{path}:{row.line}"
        if text := row.get("text"):
            read.texts[key] = text
        if "split" in columns:
            read.groups[key] = row.get("split")
        _read_attributes(row, utterance.speaker, attributes, read)
        if own.scores:
            read.scores.append({"utterance": key, **row.scores(manifest.scales.utterance)})
        _read_class(row, key, manifest, read)
    if own.data and not faults.found:
        for key in read.data.utterances:
            if key not in lines:
                faults.found.append(f"{path}: lacks utterance {shown(key)} of the data directory")
    faults.stop()


def _read_attributes(
    row: TableRow, speaker: str, before: dict[tuple[str, str], tuple[str, int]], read: _Read
) -> None:
    """Age and gender; `before`: what rows have said of speakers, and their lines."""
    for name, reading in (("age", years), ("gender", gender)):
        if value := row.read(name, reading, ""):
            said, line = before.setdefault((speaker, name), (value, row.line))
            if said != value:
                row.fault(f"{name} of {shown(speaker)} is {value}, {said} in line {line}")
            read.data.speakers.setdefault(speaker, {})[name] = value


def _key(row: TableRow, own: OwnSource) -> str:
    """The utterance's id: its own cell, else of the file's name, with the times of a segment."""
    if own.data or "utterance" in own.columns:
        return identifier(row.get("utterance"))
    stem = identifier(Path(row.get("audio").replace("\\", "/")).stem)
    times = [row.get(name) for name in ("start", "end") if name in own.columns]
    with suppress(ValueError):
        times = [f"{round(100 * number(cell)):07d}" for cell in times]
    return "-".join([stem, *times, *([f"ch{row.get('channel')}"] if row.get("channel") else [])])


def _utterance(
    row: TableRow, key: str, own: OwnSource, folder: Path, read: _Read
) -> Utterance | None:
    known = read.data.utterances.get(key)
    if own.data and known is None:
        row.fault(f"utterance {shown(key)} is in no data directory")
        return None
    speaker = identifier(row.get("speaker")) or (known.speaker if known else key)
    if "speaker" in own.columns and not row.get("speaker"):
        row.fault("no speaker")
    prompt = None
    if "prompt" in own.columns:
        try:
            prompt = plain(row.get("prompt"))
        except InputError as error:
            row.fault(f"prompt: {error}")
        if prompt == "":
            row.fault("no prompt")
    if known:
        return replace(known, speaker=speaker, prompt=prompt or known.prompt)
    audio = row.get("audio")
    if not audio:
        row.fault("no audio")
        return None
    file = audio_file(own, folder, audio)
    channel = row.read("channel", whole, 0)
    if "channel" in own.columns and row.get("channel") and channel < 1:
        row.fault("channel 0: the first is 1")
    recording = identifier(audio) + (f"-ch{channel}" if channel else "")
    if channel:
        read.channels[recording if "start" in own.columns else key] = channel - 1
    span = None
    if "start" in own.columns or "end" in own.columns:
        start, end = row.read("start", number, 0.0), row.read("end", number, -1.0)
        if start < 0 or (end != -1 and end <= start):
            row.fault(f"from {start:g} to {end:g} s: not a stretch of a recording")
        span = Span(recording, start, end)
    return Utterance(key, speaker, file, (), span=span, prompt=prompt)


def _read_class(row: TableRow, key: str, manifest: Manifest, read: _Read) -> None:
    rule = manifest.classes
    if rule is None or not rule.columns:
        return
    numbers = []
    for place, values in enumerate(rule.values):
        cell = row.get(f"class {place}")
        if cell and cell not in values:
            known = shown(", ".join(values), 200)
            row.fault(f"{rule.columns[place]} is {shown(cell)!r}, not one of: {known}")
        if cell in values:
            numbers.append(values[cell])
    if len(numbers) == len(rule.values):
        read.classes[key] = numbers[0] if len(numbers) == 1 else 2 * numbers[0] + numbers[1]


def _with_words(read: _Read, own: OwnSource, folder: Path) -> tuple[Lexicon, DataDir]:
    """The lexicon, and the data with the words of its texts as the lexicon spells them.

    A text that cannot be read in one way stays as it is: `validate` names it.
    """
    given = read_lexicon(folder / own.lexicon) if own.lexicon else {}
    spelling = lexicon_spelling(given)
    utterances = {}
    for key, u in read.data.utterances.items():
        text = read.texts.get(key, "")
        words = tuple(text.split())
        with suppress(InputError):
            words = tuple(english_words(text, spelling))
        if not given:
            words = tuple(word.upper() for word in words)
        utterances[key] = replace(u, words=words)
    data = DataDir(utterances, read.data.speakers)
    if given:
        return given, data
    said = {word for u in utterances.values() for word in u.words}
    for prompt in {u.prompt for u in utterances.values() if u.prompt}:
        with suppress(InputError):
            said |= {word.upper() for word in english_words(prompt, spelling)}
    return guessed_lexicon(said), data


def guessed_lexicon(words: Iterable[str]) -> Lexicon:
    """Pronunciations as English spelling has them; a word that it does not explain is left out."""
    lexicon: Lexicon = {}
    for word in sorted(words):
        with suppress(InputError):
            lexicon[word] = list(guess_pronunciations(word))
    return lexicon


def _with_canonical(data: DataDir, phones: pd.DataFrame) -> DataDir:
    """The data with canonical phones where the table of phones has those of every word."""
    found: dict[str, dict[int, list[str]]] = defaultdict(lambda: defaultdict(list))
    for key, word, phone in phones[["utterance", "word_index", "phone"]].itertuples(index=False):
        found[key][word].append(phone)
    utterances = dict(data.utterances)
    for key, words in found.items():
        if sorted(words) == list(range(len(utterances[key].words))):
            canonical = tuple(tuple(words[i]) for i in range(len(words)))
            utterances[key] = replace(utterances[key], canonical=canonical)
    return DataDir(utterances, data.speakers)
