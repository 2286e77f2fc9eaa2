"""Stage `split_data`: a part of a data directory, of whole speakers."""

import csv
import heapq
import shutil
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path

from pyscorer.contract.datadir import find_audio
from pyscorer.contract.files import atomic_directory, atomic_open, opened_text, read_lines, shown
from pyscorer.errors import InputError

_BY_UTTERANCE = ("text", "prompts", "segments", "utt2spk", "utt2dur", "utt2uniq", "rows")
_BY_SPEAKER = ("spk2utt", "spk2age", "spk2gender")
_OF_ALL = ("lexicon.txt", "stress.txt", "scales.json", "classes.json")


def deal(utterances: Mapping[str, int], parts: int) -> dict[str, int]:
    """The part, from 1 to `parts`, of each speaker, of whom there are so many utterances.

    Who has most is dealt first, each to the part that has least: parts differ by the utterances of
    one speaker at most.
    """
    loads = [(0, part) for part in range(1, parts + 1)]
    dealt = {}
    for speaker, count in sorted(utterances.items(), key=lambda item: (-item[1], item[0])):
        load, part = loads[0]
        dealt[speaker] = part
        heapq.heapreplace(loads, (load + count, part))
    return dealt


def split_data(data: Path, out: Path, part: int = 1, parts: int = 1) -> None:
    """Write part number `part` (from 1) of `parts` of the data directory `data` to `out`.

    A part has whole speakers, with all that `data` has of them: `out` is a data directory as any,
    and every stage runs on it. Together the parts have each utterance once (see `deal`). Files
    without utterances, as the lexicon, are in every part, recordings of `segments` in each that has
    one of their utterances.

    Raises InputError for fewer speakers than parts, and for a line of no utterance of utt2spk.
    """
    if not 1 <= part <= parts:
        raise InputError(f"part {part} of {parts}: parts are numbered from 1")
    counts = Counter(speaker for _, _, speaker, _ in _entries(data / "utt2spk"))
    if len(counts) < parts:
        raise InputError(
            f"{data}/utt2spk: {len(counts)} speakers for {parts} parts: lower `shards`: each part "
            "has whole speakers"
        )
    dealt = deal(counts, parts)
    part_of = {key: dealt[speaker] for _, key, speaker, _ in _entries(data / "utt2spk")}
    whose = {
        **dict.fromkeys(_BY_UTTERANCE, lambda key: part_of.get(key, 0)),
        **dict.fromkeys(_BY_SPEAKER, lambda speaker: dealt.get(speaker, 0)),
        "canonical": lambda word: part_of.get(word.rpartition(".")[0], 0),
    }
    with atomic_directory(out) as folder:
        for name in (name for name in whose if (data / name).exists()):
            _take(data / name, folder / name, whose[name], part)
        for name in (name for name in _OF_ALL if (data / name).exists()):
            shutil.copyfile(data / name, folder / name)
        for table in data.glob("*.csv"):
            _take_rows(table, folder / table.name, part_of, part)
        _take_audio(data, folder / "wav.scp", part_of, part)


def _entries(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Number, key, value and text of each line of a Kaldi table."""
    for number, line in read_lines(path):
        key, _, value = line.partition(" ")
        yield number, key, value.strip(), line


def _take(source: Path, target: Path, whose: Callable[[str], int], part: int) -> None:
    """Copy the lines that are of `part`; `whose`: the part of a key, 0 if it is nobody's."""
    with atomic_open(target) as stream:
        for number, key, _, line in _entries(source):
            if (owner := whose(key)) == part:
                stream.write(f"{line}\n")
            elif not owner:
                raise InputError(_nobodys(source, number, key))


def _nobodys(path: Path, line: int, key: str) -> str:
    return (
        f"{path}:{line}: {shown(key)} is of no utterance in utt2spk, and so of no part: "
        "prepare the corpus again"
    )


def _take_rows(source: Path, target: Path, part_of: Mapping[str, int], part: int) -> None:
    """Copy the rows of a table whose first column has an utterance of `part`."""
    with opened_text(source, newline="") as table, atomic_open(target) as stream:
        rows, writer = csv.reader(table), csv.writer(stream, lineterminator="\n")
        writer.writerow(next(rows, []))
        for row in rows:
            if row[0] not in part_of:
                raise InputError(_nobodys(source, rows.line_num, row[0]))
            if part_of[row[0]] == part:
                writer.writerow(row)


def _take_audio(data: Path, target: Path, part_of: Mapping[str, int], part: int) -> None:
    """Copy wav.scp; what its paths mean does not depend on where it lies."""
    own = {key for key, owner in part_of.items() if owner == part}
    known: Collection[str] = part_of
    if (data / "segments").exists():
        spans = [(part_of[key], span.split()[0]) for _, key, span, _ in _entries(data / "segments")]
        own = {recording for owner, recording in spans if owner == part}
        known = {recording for _, recording in spans}
    with atomic_open(target) as stream:
        for number, key, name, _ in _entries(data / "wav.scp"):
            if key not in known:
                raise InputError(_nobodys(data / "wav.scp", number, key))
            if key in own:
                there = name if name.endswith("|") else find_audio(name, data)
                stream.write(f"{key} {there}\n")
