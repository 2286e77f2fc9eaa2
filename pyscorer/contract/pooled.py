"""Pooled phone vectors: one vector a phone, in a directory and in memory.

A pooled directory holds `phones.scp` (float matrices, phones x columns), `columns.txt` (names of
the columns) and `segments.csv` (SEGMENT_COLUMNS; its rows are the rows of the matrices, times are
in 10 ms frames). The stages `pool` and `gop` write such directories; every scorer reads them.
"""

import csv
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import pandas as pd

from pyscorer.contract.archives import archive_writer, read_matrices, write_archive
from pyscorer.contract.datadir import read_labels
from pyscorer.contract.files import atomic_open, atomic_path, read_lines, read_table, shown
from pyscorer.contract.large import joined, room
from pyscorer.contract.phones import ARPABET, PHONE_ID, UNKNOWN_PHONE
from pyscorer.contract.scales import read_scales, told
from pyscorer.contract.segments import PhoneSegment
from pyscorer.contract.tables import read_frame
from pyscorer.errors import InputError

OF_WORD, OF_UTTERANCE = "word_", "utterance_"
"""How names of columns begin that are the same for all phones of a word, or of an utterance."""

SEGMENT_COLUMNS = ["utterance", "word_index", "phone_index", "phone", "start", "length"]

PHONE_NAMES = (UNKNOWN_PHONE, *ARPABET)
"""The entries of PooledSet.phones."""

_FIRST = PHONE_ID[UNKNOWN_PHONE]


@dataclass(frozen=True)
class PooledSet:
    """The phones of several utterances, flat, in the order of `keys`."""

    keys: list[str]
    features: np.ndarray
    """N x inputs, float32."""
    phones: np.ndarray
    """N entries of the phone embedding: phone id less that of SPN."""
    word_index: np.ndarray
    """N: index of the phone's word in its utterance."""
    phone_index: np.ndarray
    """N: index of the phone in its word."""
    phone_counts: np.ndarray
    """Phones of each utterance."""
    word_counts: np.ndarray
    """Words of each utterance."""


def make_pooled(
    keys: list[str],
    features: np.ndarray,
    utterance: np.ndarray,
    phones: list[str],
    word_index: np.ndarray,
    phone_index: np.ndarray,
) -> PooledSet:
    """A PooledSet of flat phones; `utterance` is the index into `keys` of each, ascending."""
    counts = np.bincount(utterance, minlength=len(keys))
    words = np.zeros(len(keys), dtype=np.int64)
    np.maximum.at(words, utterance, word_index + 1)
    ids = np.array([PHONE_ID[p] - _FIRST for p in phones], dtype=np.int64)
    return PooledSet(keys, features, ids, word_index, phone_index, counts, words)


def concatenate(parts: list[PooledSet]) -> PooledSet:
    """The utterances of all `parts`, one part after the other."""
    if len(parts) == 1:
        return parts[0]
    names = [field.name for field in fields(PooledSet)[1:]]
    arrays = [joined([getattr(part, name) for part in parts]) for name in names]
    return PooledSet([key for part in parts for key in part.keys], *arrays)


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """start, start + 1, ..., `counts` of them, of each start; one range after the other."""
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    return np.repeat(starts, counts) + within


def places_within(counts: np.ndarray) -> np.ndarray:
    """0, 1, 2, ... of the items of each group, of groups of these sizes that follow each other."""
    return ranges(np.zeros(len(counts), dtype=np.int64), counts)


@dataclass(frozen=True)
class Selection:
    """Some utterances of a PooledSet: rows of their phones and words, and who owns whom."""

    phones: np.ndarray
    """Rows of the phones."""
    words: np.ndarray
    """Rows of the words, among the words of all utterances."""
    word_of_phone: np.ndarray
    """Index into `words`."""
    utterance_of_word: np.ndarray
    """Index into the utterances selected."""


def select(
    pooled: PooledSet, utterances: np.ndarray, dropped: np.ndarray | None = None
) -> Selection:
    """The utterances at these indices.

    `dropped` marks words to leave out, of all words of these utterances in order; an utterance
    keeps at least one word, its first if all are marked.
    """
    counts, words = pooled.phone_counts[utterances], pooled.word_counts[utterances]
    rows = ranges((np.cumsum(pooled.phone_counts) - pooled.phone_counts)[utterances], counts)
    word_rows = ranges((np.cumsum(pooled.word_counts) - pooled.word_counts)[utterances], words)
    first = np.cumsum(words) - words
    word = pooled.word_index[rows] + np.repeat(first, counts)
    owner = np.repeat(np.arange(len(utterances)), words)
    if dropped is None:
        return Selection(rows, word_rows, word, owner)
    kept = ~dropped
    kept[first[np.bincount(owner[kept], minlength=len(words)) == 0]] = True
    present = kept[word]
    renumbered = (np.cumsum(kept) - 1)[word[present]]
    return Selection(rows[present], word_rows[kept], renumbered, owner[kept])


def read_columns(pool: Path) -> list[str]:
    """Names of the columns of pool/phones.scp. Raises InputError for one that stands twice."""
    path = pool / "columns.txt"
    names: dict[str, None] = {}
    for number, line in read_lines(path):
        if line in names:
            raise InputError(f"{path}:{number}: column {shown(line)} stands twice")
        names[line] = None
    return list(names)


def select_columns(
    pool: Path, columns: list[str], deep: bool, extras: tuple[str, ...]
) -> list[str]:
    """The columns asked for, in the order of the file: the deep features, and extras by name."""
    unknown = [name for name in extras if name not in columns]
    if unknown:
        known = ", ".join(c for c in columns if not c.startswith("deep_"))
        raise InputError(f"{pool}/columns.txt: no column {unknown[0]}; it has deep_* and {known}")
    chosen = [c for c in columns if (deep and c.startswith("deep_")) or c in extras]
    if not chosen:
        raise InputError("neither deep features nor extra inputs asked for: nothing to learn from")
    return chosen


def read_segment_table(pool: Path) -> pd.DataFrame:
    """segments.csv of a pooled directory: SEGMENT_COLUMNS; "NA" and the like are text in it.

    Raises InputError if it is damaged, as where its words and phones do not follow each other.
    """
    path = pool / "segments.csv"
    table = read_frame(path, SEGMENT_COLUMNS, text=["utterance", "phone"])
    utterance, word, phone = (
        table[name].to_numpy() for name in ("utterance", "word_index", "phone_index")
    )
    same = np.append(False, utterance[1:] == utterance[:-1])[: len(table)]
    before_word, before_phone = np.append(0, word[:-1]), np.append(0, phone[:-1])
    first = ~same & (word == 0) & (phone == 0)
    begins = same & (word == before_word + 1) & (phone == 0)
    goes_on = same & (word == before_word) & (phone == before_phone + 1)
    known = table["phone"].isin(PHONE_NAMES).to_numpy()
    times = (table["start"] >= 0) & (table["length"] > 0)
    right = (first | begins | goes_on) & known & times.to_numpy()
    if not right.all():
        at = table.loc[np.flatnonzero(~right)[0]]
        raise InputError(
            f"{path}: {shown(at['utterance'])}: phone {shown(at['phone'])} of word "
            f"{at['word_index']} is unknown, or out of order; run the stage that made it again"
        )
    whole = ["word_index", "phone_index", "start", "length"]
    return table.astype(dict.fromkeys(whole, np.int64))


def read_pooled(pool: Path, columns: list[str]) -> PooledSet:
    """Read the named columns of every utterance of a pooled directory.

    Raises InputError for a column that is not there, if segments.csv does not fit phones.scp, and
    if its words and phones do not follow each other.
    """
    place = {name: i for i, name in enumerate(read_columns(pool))}
    if lacking := [name for name in columns if name not in place]:
        raise InputError(f"{pool / 'columns.txt'}: no column {shown(lacking[0])}")
    chosen = [place[name] for name in columns]
    table = read_segment_table(pool)
    features = room((len(table), len(columns)), np.dtype(np.float32))
    keys: list[str] = []
    counts: list[int] = []
    done = 0
    for key, matrix in read_matrices(pool / "phones.scp"):
        if matrix.shape[1] != len(place):
            raise InputError(
                f"{pool}: {shown(key)}: {matrix.shape[1]} columns in phones.scp, names of "
                f"{len(place)} in columns.txt; run the stage that made it again"
            )
        keys.append(key)
        counts.append(len(matrix))
        if done + len(matrix) <= len(table):
            features[done : done + len(matrix)] = matrix[:, chosen]
        done += len(matrix)
    if not keys:
        raise InputError(f"{pool}: no utterances")
    utterance = np.repeat(np.arange(len(keys)), counts)
    if list(table["utterance"]) != [keys[i] for i in utterance]:
        raise InputError(f"{pool}: segments.csv and phones.scp differ; run pool again")
    return make_pooled(
        keys,
        features,
        utterance,
        list(table["phone"]),
        table["word_index"].to_numpy(),
        table["phone_index"].to_numpy(),
    )


def read_targets(data: Path, aspect: str, keys: list[str]) -> tuple[np.ndarray, np.ndarray]:
    """Human scores, in their own units, and speakers of the utterances `keys` of a data directory.

    Raises InputError for an aspect that the directory's scales lack or nobody scored, and naming
    the utterance without a score or speaker.
    """
    scales = read_scales(data)
    own = scales.utterance[scales.chosen(aspect, data)]
    table = read_labels(data, "utterance").set_index("utterance")[aspect]
    if table.isna().all():
        raise InputError(
            f"{data}: nobody gave {aspect} scores ({told(own)}); choose another aspect"
        )
    speakers = read_table(data / "utt2spk")
    for key in keys:
        if key not in table.index or pd.isna(table[key]):
            raise InputError(
                f"{data}/utterance_scores.csv: no {aspect} score of utterance {shown(key)}: give "
                f"one from {told(own)}"
            )
        if key not in speakers:
            raise InputError(f"{data}/utt2spk: lacks utterance {key}")
    scores = table.loc[keys].to_numpy(dtype=np.float32)
    return scores, np.array([speakers[key] for key in keys])


def write_pooled(
    out: Path, columns: Iterable[str], rows: Iterable[tuple[str, list[PhoneSegment], np.ndarray]]
) -> None:
    """Write a pooled directory from (utterance, its phones, phones x columns), streaming.

    phones.scp appears last: its presence means that the directory is whole.
    """
    (out / "phones.scp").unlink(missing_ok=True)
    with atomic_open(out / "columns.txt") as stream:
        stream.writelines(f"{name}\n" for name in columns)
    with archive_writer(out / "phones.scp") as write, atomic_open(out / "segments.csv") as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(SEGMENT_COLUMNS)
        for key, segments, matrix in rows:
            table.writerows(
                (key, s.word_index, s.phone_index, s.phone, s.start, s.length) for s in segments
            )
            write(key, matrix.astype(np.float32))


def write_columns(
    pool: Path, out: Path, columns: Iterable[str], rows: Iterable[tuple[str, np.ndarray]]
) -> None:
    """Write a pooled directory of other columns for the phones of the pooled directory `pool`.

    `rows` are (utterance, phones x columns), in the order of `pool`, streaming.
    """
    (out / "phones.scp").unlink(missing_ok=True)
    with atomic_open(out / "columns.txt") as stream:
        stream.writelines(f"{name}\n" for name in columns)
    with atomic_path(out / "segments.csv") as path:
        shutil.copyfile(pool / "segments.csv", path)
    write_archive(out / "phones.scp", rows)
