"""The utterances of a data directory, each made when it is asked for."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from pathlib import Path

from pyscorer.contract.compact import SortedTable, read_sorted_table, sorted_table
from pyscorer.contract.datadir import (
    Utterance,
    canonical_rows,
    find_audio,
    parse_span,
    read_data_dir,
)
from pyscorer.contract.files import entry, read_lines, read_table, shown
from pyscorer.contract.phones import PHONE_ID, PHONES
from pyscorer.errors import naming


class _Utterances(Mapping[str, Utterance]):
    """Utterances out of tables that have the same keys in one order, as `validate` writes them."""

    def __init__(
        self,
        folder: Path,
        tables: Mapping[str, SortedTable],
        canonical: Mapping[str, str],
    ) -> None:
        self._folder, self._tables, self._canonical = folder, tables, canonical
        self._keys = tables["utt2spk"]
        spans = "segments" in tables
        self._recordings = read_table(folder / "wav.scp") if spans else {}

    def __getitem__(self, key: str) -> Utterance:
        place = self._keys.find(key)
        if place < 0:
            raise KeyError(key)
        row = {name: table.value(place) for name, table in self._tables.items()}
        span = None
        if "segments" in row:
            with naming(f"{self._folder / 'segments'}: {shown(key)}"):
                span = parse_span(row["segments"])
        name = row["wav.scp"] if span is None else self._recordings[span.recording]
        canonical = self._canonical.get(key)
        return Utterance(
            key,
            row["utt2spk"],
            find_audio(name, self._folder),
            tuple(row.get("text", "").split()),
            _phones(canonical) if canonical else None,
            span,
            row.get("prompts"),
        )

    def __contains__(self, key: object) -> bool:
        return key in self._keys

    def __iter__(self) -> Iterator[str]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


def _phones(words: str) -> tuple[tuple[str, ...], ...]:
    """What `_canonical` wrote."""
    # From lists: of a generator Python makes tuples too long, and keeps thousands of them.
    return tuple([tuple([PHONES[ord(c)] for c in word]) for word in words.split("|")])


def read_utterances(path: Path) -> Mapping[str, Utterance]:
    """The utterances of `read_data_dir(path)`, with its errors.

    Of a directory in order, as `validate` writes it, they take some 200 bytes each, and an
    utterance is made anew whenever it is asked for; of others all are made here.
    """
    found = _in_order(path)
    return read_data_dir(path).utterances if found is None else found


def _in_order(path: Path) -> _Utterances | None:
    segments, prompts = ((path / name).exists() for name in ("segments", "prompts"))
    names = ["utt2spk", "segments" if segments else "wav.scp"]
    names += ["prompts"] * prompts
    if (path / "text").exists() or not prompts:
        names.append("text")
    tables: dict[str, SortedTable] = {}
    for name in names:
        table = read_sorted_table(path / name)
        if table is None:
            return None
        tables[name] = table
        if table.keys_in_order != tables["utt2spk"].keys_in_order:
            return None
    if segments:
        recordings = read_table(path / "wav.scp")
        spans = tables["segments"]
        if any(spans.value(i).partition(" ")[0] not in recordings for i in range(len(spans))):
            return None
    canonical: SortedTable | None = SortedTable()
    if (path / "canonical").exists():
        canonical = _canonical(path / "canonical", tables.get("text", {}))
    return None if canonical is None else _Utterances(path, tables, canonical)


def _canonical(path: Path, text: Mapping[str, str]) -> SortedTable | None:
    """Utterance -> words, with | between, of phones; None where rows are out of order.

    A phone is the character whose code is its id: a byte.
    """
    rows = canonical_rows(path, (entry(line) for _, line in read_lines(path)))

    def entries() -> Iterator[tuple[str, str]]:
        for utterance, own in groupby(rows, lambda row: row[0]):
            words = sorted((index, phones) for _, index, phones in own)
            if utterance in text:
                whole = [index for index, _ in words] == [*range(len(text[utterance].split()))]
                joined = "|".join("".join(chr(PHONE_ID[p]) for p in phones) for _, phones in words)
                yield (utterance, joined) if whole else ("", "")  # out of any order

    return sorted_table(entries())
