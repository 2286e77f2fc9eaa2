"""Checks of a Kaldi data directory's files: every fault by file, line and utterance.

Unlike `datadir.read_data_dir`, which raises at the first fault, these read the raw files and list
all of them.
"""

import csv
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from pyscorer.contract.characters import plain
from pyscorer.contract.datadir import UTTERANCE_ASPECTS, WORD_ASPECTS
from pyscorer.contract.files import read_lines
from pyscorer.contract.phones import PHONE_ID, strip_stress
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon
from pyscorer.lexicon.normalise import same_word

TABLES = ("text", "wav.scp", "utt2spk")
ASPECTS = {
    "utterance": UTTERANCE_ASPECTS,
    "word": WORD_ASPECTS,
    "phone": ["accuracy"],
    "rater": UTTERANCE_ASPECTS,
}
HIGHEST = {"utterance": 10.0, "word": 10.0, "phone": 2.0, "rater": 10.0}
"""Top of the scale of each label level; all scales begin at 0."""
INDEX = {
    "utterance": (),
    "word": ("word_index",),
    "phone": ("word_index", "phone_index"),
    "rater": ("rater",),
}
"""Columns that, with the utterance, tell the rows of a label table apart."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong. Without an utterance it is the file's; line 0 stands for the whole file."""

    file: str
    line: int
    utterance: str
    fault: str

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        return f"{place}: {self.utterance + ': ' if self.utterance else ''}{self.fault}"


@dataclass
class RawTable:
    """A Kaldi table as it stands: values and line numbers of the first line of each key."""

    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)


def read_raw_table(path: Path, key_is_utterance: bool, faults: list[Fault]) -> RawTable:
    """Read a Kaldi table, adding to `faults` what is wrong with its lines."""
    table = RawTable()
    last = ""
    try:
        for number, line in read_lines(path):
            key, _, value = line.replace("\t", " ").partition(" ")
            owner = key if key_is_utterance else ""
            if not key:
                faults.append(Fault(str(path), number, "", "empty line, or a leading space"))
                continue
            if key in table.values:
                fault = f"duplicate id {key}, first on line {table.lines[key]}"
                faults.append(Fault(str(path), number, owner, fault))
                continue
            if key < last:
                fault = f"unsorted: {key} stands after {last} (C order: sort with LC_ALL=C)"
                faults.append(Fault(str(path), number, "", fault))
            last = max(last, key)
            if not value.strip():
                faults.append(Fault(str(path), number, owner, f"nothing after {key}"))
            table.values[key] = value.strip()
            table.lines[key] = number
    except InputError as error:
        faults.append(Fault(str(path), 0, "", str(error).removeprefix(f"{path}: ")))
    return table


def check_tables(data: Path, faults: list[Fault]) -> dict[str, RawTable]:
    """Check text, wav.scp, utt2spk and spk2utt against each other; returns the first three."""
    tables = {name: read_raw_table(data / name, True, faults) for name in TABLES}
    everything = sorted({key for table in tables.values() for key in table.values})
    for name, table in tables.items():
        for key in everything:
            if key not in table.values:
                others = " and ".join(n for n in TABLES if key in tables[n].values)
                missing = {"text": "no text", "wav.scp": "no audio", "utt2spk": "no speaker"}[name]
                faults.append(Fault(str(data / name), 0, key, f"{missing}, though in {others}"))
    _check_spk2utt(data / "spk2utt", tables["utt2spk"], faults)
    speakers = set(tables["utt2spk"].values.values())
    for name in ("spk2age", "spk2gender"):
        if (data / name).exists():
            table = read_raw_table(data / name, False, faults)
            for speaker in sorted(table.values.keys() - speakers):
                fault = f"speaker {speaker} has no utterance in utt2spk"
                faults.append(Fault(str(data / name), table.lines[speaker], "", fault))
    return tables


def _check_spk2utt(path: Path, utt2spk: RawTable, faults: list[Fault]) -> None:
    table = read_raw_table(path, False, faults)
    listed: dict[str, str] = {}
    for speaker, keys in table.values.items():
        for key in keys.split():
            line = table.lines[speaker]
            if key in listed:
                faults.append(Fault(str(path), line, key, f"duplicate, also of {listed[key]}"))
            listed[key] = speaker
            said = utt2spk.values.get(key)
            if said != speaker:
                fault = f"of speaker {speaker} here, of {said or 'nobody'} in utt2spk"
                faults.append(Fault(str(path), line, key, fault))
    for key, speaker in utt2spk.values.items():
        if key not in listed:
            faults.append(Fault(str(path), 0, key, f"not listed; utt2spk gives it to {speaker}"))


def check_lexicon(path: Path, faults: list[Fault]) -> Lexicon:
    """Read a lexicon, adding a fault for every line without phones or with an unknown phone."""
    lexicon: Lexicon = {}
    try:
        for number, line in read_lines(path):
            word, *phones = plain(line).split() or [""]
            stripped = tuple(strip_stress(p) for p in phones)
            unknown = [p for p, s in zip(phones, stripped, strict=True) if s not in PHONE_ID]
            if not word or not phones:
                faults.append(Fault(str(path), number, "", f"{word or 'empty line'}: no phones"))
            elif unknown:
                faults.append(Fault(str(path), number, "", f"{word}: unknown phone {unknown[0]}"))
            elif stripped not in lexicon.setdefault(word, []):
                lexicon[word].append(stripped)
    except InputError as error:
        faults.append(Fault(str(path), 0, "", str(error).removeprefix(f"{path}: ")))
    return lexicon


def check_words(data: Path, text: RawTable, lexicon: Lexicon, faults: list[Fault]) -> None:
    """Words of `text` that the lexicon lacks."""
    for key, value in text.values.items():
        for word in dict.fromkeys(value.split()):
            if word not in lexicon:
                fault = f"word {word} is not in the lexicon"
                faults.append(Fault(str(data / "text"), text.lines[key], key, fault))


def check_canonical(
    data: Path, text: RawTable, faults: list[Fault]
) -> dict[str, dict[int, tuple[str, ...]]]:
    """Check `canonical`, where there is one; returns utterance -> word index -> phones."""
    path = data / "canonical"
    words: dict[str, dict[int, tuple[str, ...]]] = defaultdict(dict)
    if not path.exists():
        return words
    table = read_raw_table(path, False, faults)
    for key, value in table.values.items():
        utterance, _, index = key.rpartition(".")
        line = table.lines[key]
        if not index.isdecimal():
            faults.append(Fault(str(path), line, "", f"{key} is not `utterance.wordindex`"))
            continue
        unknown = [p for p in value.split() if p not in PHONE_ID]
        if unknown:
            faults.append(Fault(str(path), line, utterance, f"unknown phone {unknown[0]}"))
        if utterance not in text.values:
            faults.append(Fault(str(path), line, utterance, "phones, but no text"))
            continue
        words[utterance][int(index)] = tuple(value.split())
    for key, value in text.values.items():
        wanted, found = len(value.split()), words.get(key, {})
        if sorted(found) != list(range(wanted)):
            fault = f"phones of {len(found)} words, text has {wanted}"
            faults.append(Fault(str(path), 0, key, fault))
    return words


def check_labels(
    data: Path,
    text: RawTable,
    canonical: dict[str, dict[int, tuple[str, ...]]],
    faults: list[Fault],
) -> None:
    """Check every label table: columns, range, duplicates, and that utterances agree with text."""
    for level in ASPECTS:
        path = data / f"{level}_scores.csv"
        if path.exists():
            try:
                _check_label_table(path, level, text, canonical, faults)
            except UnicodeDecodeError as error:
                faults.append(Fault(str(path), 0, "", f"not UTF-8 text ({error.reason})"))


def _check_label_table(
    path: Path,
    level: str,
    text: RawTable,
    canonical: dict[str, dict[int, tuple[str, ...]]],
    faults: list[Fault],
) -> None:
    labelled: set[str] = set()
    seen: dict[tuple[str, ...], int] = {}
    with path.open(encoding="utf-8", newline="") as stream:
        reader = csv.DictReader(stream)
        wanted = ["utterance", *INDEX[level], *ASPECTS[level]]
        lacking = [c for c in wanted if c not in (reader.fieldnames or [])]
        if lacking:
            faults.append(Fault(str(path), 1, "", f"no column {', '.join(lacking)}"))
            return
        for row in reader:
            line, key = reader.line_num, row["utterance"]
            identity = (key, *(row[c] or "" for c in INDEX[level]))
            if identity in seen:
                fault = f"duplicate row, first on line {seen[identity]}"
                faults.append(Fault(str(path), line, key, fault))
            seen.setdefault(identity, line)
            if key not in text.values:
                faults.append(Fault(str(path), line, key, "label without utterance"))
                continue
            labelled.add(key)
            words = text.values[key].split()
            found = [_range_fault(row[a], a, HIGHEST[level]) for a in ASPECTS[level]]
            found.append(_index_fault(row, level, words, canonical.get(key)))
            faults += [Fault(str(path), line, key, fault) for fault in found if fault]
    for key in text.values:
        if key not in labelled:
            faults.append(Fault(str(path), 0, key, "utterance without label"))


def _range_fault(cell: str | None, aspect: str, highest: float) -> str | None:
    """An empty cell is a score to mask; all else must be a number on the scale."""
    if cell == "":
        return None
    try:
        value = float(cell or "")
    except ValueError:
        return f"{aspect} is {cell!r}, not a number"
    # Also true of NaN.
    return None if 0 <= value <= highest else f"{aspect} {cell} is out of range 0..{highest:g}"


def _index_fault(
    row: dict[str, str], level: str, words: list[str], canonical: dict[int, tuple[str, ...]] | None
) -> str | None:
    if level not in ("word", "phone"):
        return None
    index = row["word_index"] or ""
    if not index.isdecimal() or int(index) >= len(words):
        return f"word_index {index!r}, text has {len(words)} words"
    if level == "word":
        word = row.get("word")
        wrong = word is not None and not same_word(word, words[int(index)])
        return f"word {word}, text has {words[int(index)]}" if wrong else None
    position = row["phone_index"] or ""
    if canonical is None or int(index) not in canonical:
        return None if position.isdecimal() else f"phone_index {position!r}"
    phones = canonical[int(index)]
    if not position.isdecimal() or int(position) >= len(phones):
        return f"phone_index {position!r}, canonical has {len(phones)} phones"
    phone = row.get("phone")
    if phone is not None and phone != phones[int(position)]:
        return f"phone {phone}, canonical has {phones[int(position)]}"
    return None
