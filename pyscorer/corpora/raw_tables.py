"""Kaldi tables as they stand, with what is wrong with their lines."""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from pyscorer.contract.compact import Numbers, SortedTable
from pyscorer.contract.files import entry, read_lines, shown
from pyscorer.errors import InputError

_LONGEST_ID = 200
"""Bytes of an id, of which the names of files are made."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong. Without an utterance it is the file's; line 0 stands for the whole file."""

    file: str
    line: int
    utterance: str
    fault: str
    mendable: bool = True
    """Whether a file's own fault is gone once the file is written anew."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}" if self.line else self.file
        owner = f"{shown(self.utterance)}: " if self.utterance else ""
        return f"{place}: {owner}{self.fault}"


def unreadable(path: Path, error: InputError) -> Fault:
    """The fault of a file that cannot be read to its end, by the line that the error names."""
    said = str(error).removeprefix(f"{path}:")
    line, _, fault = said.partition(":")
    if not line.isdecimal():
        line, fault = "0", said
    return Fault(str(path), int(line), "", fault.strip(), mendable=False)


@dataclass
class RawTable:
    """A Kaldi table as it stands: values and line numbers of the first line of each key."""

    values: Mapping[str, str] = field(default_factory=dict)
    lines: Mapping[str, int] = field(default_factory=dict)


def read_raw_table(
    path: Path, key_is_utterance: bool, faults: list[Fault], empty: bool = False
) -> RawTable:
    """Read a Kaldi table, in little memory if it is sorted; faults as of `raw_rows`."""
    table, numbers, last = SortedTable(), array("i"), ""
    rest, lines = dict[str, str](), dict[str, int]()
    for number, key, value in raw_rows(path, key_is_utterance, faults, empty):
        if not rest and key > last:
            table.append(key, value)
            numbers.append(number)
            last = key
        else:
            rest = rest or dict(table)
            lines = lines or dict(zip(table, numbers, strict=True))
            rest[key], lines[key] = value, number
    if rest:
        return RawTable(rest, lines)
    table.share_keys()
    plain = not numbers or numbers[-1] == len(numbers)
    return RawTable(table, Numbers(table, range(1, len(numbers) + 1) if plain else numbers))


def raw_rows(
    path: Path, key_is_utterance: bool, faults: list[Fault], empty: bool = False
) -> Iterator[tuple[int, str, str]]:
    """Number, key and value of the lines of a Kaldi table, of a key the first, streaming.

    What is wrong with them is added to `faults`. `empty`: whether there may be nothing after a key.
    """
    seen: dict[str, int] | None = None  # while the file is sorted, nothing stands twice
    last = ""
    try:
        for number, line in read_lines(path):
            key, value = entry(line)
            owner = key if key_is_utterance else ""
            if not key:
                faults.append(Fault(str(path), number, "", "empty line, or a leading space"))
                continue
            if fault := _id_fault(key):
                faults.append(Fault(str(path), number, owner, fault))
            if seen is None and key <= last:
                seen = _lines_before(path, number)
            if seen is not None and key in seen:
                fault = f"duplicate id {shown(key)}, first on line {seen[key]}"
                faults.append(Fault(str(path), number, owner, fault))
                continue
            if key < last:
                fault = (
                    f"unsorted: {shown(key)} stands after {shown(last)} (C order: sort with "
                    "LC_ALL=C)"
                )
                faults.append(Fault(str(path), number, "", fault))
            last = max(last, key)
            if not (value or empty):
                faults.append(Fault(str(path), number, owner, f"nothing after {shown(key)}"))
            if seen is not None:
                seen[key] = number
            yield number, key, value
    except InputError as error:
        faults.append(unreadable(path, error))


def _lines_before(path: Path, end: int) -> dict[str, int]:
    """Line of each key above line `end`."""
    lines = ((number, line) for number, line in read_lines(path) if number < end)
    return {entry(line)[0]: number for number, line in lines}


def entries_in_order(path: Path) -> Iterator[tuple[str, str]]:
    """Keys, sorted, and values of a Kaldi table, of a key the first; streaming if it is sorted."""
    keys = (key for _, key, _ in raw_rows(path, False, []))
    if all(before < key for before, key in pairwise(keys)):
        return ((key, value) for _, key, value in raw_rows(path, False, []))
    return iter(sorted(read_raw_table(path, False, []).values.items()))


def _id_fault(key: str) -> str:
    """What makes an id unfit: no one sees the difference to another, or no file takes its name."""
    odd = [c for c in key if not c.isprintable()]
    if odd:
        return f"id {shown(key)} holds the invisible character U+{ord(odd[0]):04X}"
    if len(key.encode()) > _LONGEST_ID:
        return f"id {shown(key, 40)} of {len(key.encode())} bytes: at most {_LONGEST_ID}"
    return ""
