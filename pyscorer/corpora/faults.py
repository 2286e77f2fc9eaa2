"""Checks of a Kaldi data directory's files: every fault by file, line and utterance.

Unlike `datadir.read_data_dir`, which raises at the first fault, these read the raw files and list
all of them.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from pathlib import Path

from pyscorer.contract.compact import SortedTable, compact_table
from pyscorer.contract.datadir import LABEL_KEYS, score
from pyscorer.contract.files import shown
from pyscorer.contract.phones import SPOKEN_PHONES
from pyscorer.contract.scales import FILE, Range, read_scales
from pyscorer.contract.tables import read_rows, whole
from pyscorer.corpora.raw_tables import Fault, RawTable, raw_rows, read_raw_table, unreadable
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, add_variant, lexicon_lines
from pyscorer.lexicon.normalise import same_word

TABLES = ("text", "wav.scp", "utt2spk")
_MISSING = {
    **{"text": "no text", "wav.scp": "no audio", "utt2spk": "no speaker"},
    **{"segments": "no stretch of a recording", "prompts": "no prompt"},
}
_LONGEST_LIFE = 120
"""Years."""


def check_tables(data: Path, faults: list[Fault]) -> dict[str, RawTable]:
    """Check text, wav.scp, utt2spk and spk2utt against each other; returns the first three.

    Where there is a file `segments`, it tells which stretch of a recording in wav.scp an utterance
    is, and is returned as well; so are `prompts`, beside which there need be no text, or none of
    some utterances.
    """
    segments, prompts = ((data / name).exists() for name in ("segments", "prompts"))
    names = ["text", "segments", "utt2spk"] if segments else list(TABLES)
    if prompts:
        names = [name for name in names if name != "text" or (data / name).exists()] + ["prompts"]
    tables = {
        name: read_raw_table(data / name, True, faults, empty=prompts and name == "text")
        for name in names
    }
    for name, key in _lacking(tables):
        others = " and ".join(n for n in names if key in tables[n].values)
        fault = f"{_MISSING[name]}, though in {others}"
        faults.append(Fault(str(data / name), 0, key, fault))
    if segments:
        tables["wav.scp"] = read_raw_table(data / "wav.scp", False, faults)
    _check_spk2utt(data / "spk2utt", tables["utt2spk"], faults)
    speakers = set(tables["utt2spk"].values.values())
    for name in ("spk2age", "spk2gender"):
        if (data / name).exists():
            table = read_raw_table(data / name, False, faults)
            for speaker, value in table.values.items():
                fault = attribute_fault(name, value)
                if speaker not in speakers:
                    fault = f"speaker {shown(speaker)} has no utterance in utt2spk"
                if fault:
                    faults.append(Fault(str(data / name), table.lines[speaker], "", fault))
    return tables


def _lacking(tables: Mapping[str, RawTable]) -> list[tuple[str, str]]:
    """Table and key of all that one has, and another lacks."""
    first, *others = (table.values for table in tables.values())
    if isinstance(first, SortedTable) and all(
        isinstance(other, SortedTable) and other.keys_in_order == first.keys_in_order
        for other in others
    ):
        return []
    everything = sorted({key for table in tables.values() for key in table.values})
    return [(name, key) for name in tables for key in everything if key not in tables[name].values]


def utterance_tables(tables: dict[str, RawTable]) -> list[str]:
    """Those of `check_tables` that have a line for each utterance."""
    return [name for name in tables if name != "wav.scp" or "segments" not in tables]


def recordings_of(tables: dict[str, RawTable], utterances: Collection[str]) -> Collection[str]:
    """Keys of wav.scp that utterances, which are sorted, need: sorted."""
    if "segments" not in tables:
        return utterances
    return sorted({tables["segments"].values[key].split()[0] for key in utterances})


def attribute_fault(name: str, value: str) -> str:
    """What is wrong with a value of spk2age or spk2gender, or ""."""
    if not value:
        return ""  # said already
    if name == "spk2gender":
        right = len(value.split()) == 1 and value.isprintable()
        return "" if right else f"gender is {shown(value)!r}: write one word, or leave the line out"
    right = value.isascii() and value.isdecimal() and int(value[:9]) <= _LONGEST_LIFE
    return "" if right else f"age is {shown(value)!r}: whole years, or leave the line out"


def _check_spk2utt(path: Path, utt2spk: RawTable, faults: list[Fault]) -> None:
    table = read_raw_table(path, False, faults)
    if _same_owners(table, utt2spk):
        return
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


def _same_owners(spk2utt: RawTable, utt2spk: RawTable) -> bool:
    """Whether each utterance is listed once, by its speaker, in order."""
    count = 0
    for speaker, value in spk2utt.values.items():
        keys = value.split()
        count += len(keys)
        if any(utt2spk.values.get(key) != speaker for key in keys):
            return False
        if any(key <= before for before, key in pairwise(keys)):
            return False
    return count == len(utt2spk.values)


def check_lexicon(path: Path, faults: list[Fault], needed: bool = True) -> Lexicon:
    """Read a lexicon, adding a fault for every line without phones or with an unknown phone.

    `needed`: whether there must be words in it.
    """
    lexicon: Lexicon = {}
    try:
        for number, word, phones, fault in lexicon_lines(path):
            if fault:
                faults.append(Fault(str(path), number, "", fault))
            else:
                add_variant(lexicon, word, phones)
        if needed and not lexicon:
            faults.append(Fault(str(path), 0, "", "no words", mendable=False))
    except InputError as error:
        faults.append(unreadable(path, error))
    return lexicon


class _Canonical(Mapping[str, dict[int, tuple[str, ...]]]):
    """Utterance -> word index -> phones, of lines of an index and its phones."""

    def __init__(self, lines: Mapping[str, str]) -> None:
        self._lines = lines

    def __getitem__(self, key: str) -> dict[int, tuple[str, ...]]:
        words = (line.split() for line in self._lines[key].split("\n"))
        return {int(index): tuple(phones) for index, *phones in words}

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def check_canonical(
    data: Path, text: RawTable, faults: list[Fault]
) -> Mapping[str, dict[int, tuple[str, ...]]]:
    """Check `canonical`, where there is one; returns utterance -> word index -> phones."""
    path = data / "canonical"
    if not path.exists():
        return {}
    own: list[Fault] = []

    def lines() -> Iterator[tuple[str, str]]:
        for line, key, value in raw_rows(path, False, faults):
            utterance, _, index = key.rpartition(".")
            if not (index.isascii() and index.isdecimal() and len(index) < 9):
                fault = f"{shown(key)} is not `utterance.wordindex`"
                own.append(Fault(str(path), line, "", fault))
                continue
            unknown = [p for p in value.split() if p not in SPOKEN_PHONES]
            if unknown:
                fault = f"unknown phone {shown(unknown[0])}"
                own.append(Fault(str(path), line, utterance, fault))
            if utterance not in text.values:
                own.append(Fault(str(path), line, utterance, "phones, but no text"))
                continue
            yield utterance, f"{index} {value}"

    by_utterance = groupby(lines(), itemgetter(0))
    words = _Canonical(compact_table((k, "\n".join(w for _, w in ws)) for k, ws in by_utterance))
    faults += own
    for key, value in text.values.items():
        wanted, found = len(value.split()), words.get(key, {})
        if found and sorted(found) != list(range(wanted)):
            fault = f"phones of {len(found)} words, text has {wanted}"
            faults.append(Fault(str(path), 0, key, fault))
    return words


def check_labels(
    data: Path,
    text: RawTable,
    canonical: Mapping[str, dict[int, tuple[str, ...]]],
    faults: list[Fault],
) -> None:
    """Check every label table: columns, range, duplicates, and that utterances agree with text.

    Aspects and ranges are those of the directory's scales, which are checked as well.
    """
    try:
        scales = read_scales(data)
    except InputError as error:
        faults.append(unreadable(data / FILE, error))
        return
    for level in LABEL_KEYS:
        path, aspects = data / f"{level}_scores.csv", scales.level(level)
        if path.exists() and not aspects:
            fault = f"scores of a level of which {FILE} names no aspect: left out"
            faults.append(Fault(str(path), 0, "", fault))
        elif path.exists():
            try:
                rows = _labelled(path, level, aspects, text, canonical, faults)
                _check_all_labelled(path, level, rows, text, faults)
            except InputError as error:
                faults.append(unreadable(path, error))


def _check_all_labelled(
    path: Path, level: str, rows: Iterator[str], text: RawTable, faults: list[Fault]
) -> None:
    labelled = compact_table((key, "") for key, _ in groupby(rows))
    for key in text.values:
        if key not in labelled and level in ("utterance", "word"):  # others may be of a part
            faults.append(Fault(str(path), 0, key, "utterance without label"))


def _labelled(
    path: Path,
    level: str,
    aspects: dict[str, Range],
    text: RawTable,
    canonical: Mapping[str, dict[int, tuple[str, ...]]],
    faults: list[Fault],
) -> Iterator[str]:
    """The utterances of a table's rows that there are, once a row."""
    seen: dict[tuple[str, ...], int] = {}
    ascending, last = True, ""  # while the rows are sorted, no utterance stands in two places
    keys = [c for c in LABEL_KEYS[level] if c != "word"]
    told = [c for c in keys if c != "phone"]

    def wrong(line: int, fault: str) -> None:
        faults.append(Fault(str(path), line, "", fault))

    for line, row in read_rows(path, [*keys, *aspects], wrong=wrong):
        key = row["utterance"]
        if ascending and key != last:
            ascending = key > last
            seen = {} if ascending else _rows_before(path, told, line)
        last = key
        identity = tuple(row[c] for c in told)
        if identity in seen:
            fault = f"duplicate row, first on line {seen[identity]}"
            faults.append(Fault(str(path), line, key, fault))
        seen.setdefault(identity, line)
        if key not in text.values:
            faults.append(Fault(str(path), line, key, "label without utterance"))
            continue
        yield key
        words = text.values[key].split()
        found = [_score_fault(row[aspect], aspect, own) for aspect, own in aspects.items()]
        found.append(_index_fault(row, level, words, canonical.get(key)))
        faults += [Fault(str(path), line, key, fault) for fault in found if fault]


def _rows_before(path: Path, told: Sequence[str], end: int) -> dict[tuple[str, ...], int]:
    """First line of what rows above line `end` are of."""
    seen: dict[tuple[str, ...], int] = {}
    for line, row in read_rows(path, told, wrong=lambda *_: None):
        if line >= end:
            break
        seen.setdefault(tuple(row[c] for c in told), line)
    return seen


def _score_fault(cell: str, aspect: str, own: Range) -> str | None:
    try:
        score(cell, own)
    except ValueError as error:
        return f"{aspect} {error}"
    return None


def _index_fault(
    row: dict[str, str], level: str, words: list[str], canonical: dict[int, tuple[str, ...]] | None
) -> str | None:
    """What is wrong with the place of a row's word or phone in its utterance."""
    if level not in ("word", "phone"):
        return None
    places = []
    for column in ("word_index", "phone_index")[: 1 + (level == "phone")]:
        try:
            places.append(whole(row[column]))
        except ValueError as error:
            return f"{column} {error}"
    index, position = places[0], places[-1]
    if index >= len(words):
        return f"word_index {index}, text has {len(words)} words"
    if level == "word":
        word = row.get("word")
        wrong = word is not None and not same_word(word, words[index])
        return f"word {shown(word or '')}, text has {shown(words[index])}" if wrong else None
    if canonical is None or index not in canonical:
        return None
    phones = canonical[index]
    if position >= len(phones):
        return f"phone_index {position}, canonical has {len(phones)} phones"
    if row["phone"] != phones[position]:
        return f"phone {shown(row['phone'])}, canonical has {phones[position]}"
    return None
