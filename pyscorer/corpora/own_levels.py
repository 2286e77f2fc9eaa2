"""A user's own tables of scores of words, of phones and of raters."""

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from pyscorer.contract.datadir import LABEL_KEYS, DataDir
from pyscorer.contract.files import shown
from pyscorer.contract.phones import SPOKEN_PHONES, strip_stress
from pyscorer.contract.scales import Range
from pyscorer.contract.tables import whole
from pyscorer.corpora.manifest_parts import LabelTable
from pyscorer.corpora.own_table import Faults, TableRow, identifier, named_rows
from pyscorer.errors import InputError
from pyscorer.lexicon.normalise import same_word

_ORDER = ("utterance", "word_index", "phone_index")


def read_level(
    level: str, table: LabelTable, path: Path, data: DataDir, ranges: Mapping[str, Range]
) -> pd.DataFrame:
    """The label table of a level; an aspect that the manifest does not name is not in it.

    Words that the table of words does not have are in it without scores. Where the table has no
    column `word_index`, or `phone_index`, its rows are in the order of the words of an utterance,
    or of the phones of a word. Raises InputError naming every line at fault.
    """
    keys = LABEL_KEYS[level]
    columns = {key: table.columns.get(key, key) for key in keys}
    columns |= {f"score {aspect}": column for aspect, column in table.scores.items()}
    scored = {aspect: ranges[aspect] for aspect in table.scores}
    counted = [key for key in ("word", "word_index", "phone_index") if key in keys]
    counted = [key for key in counted if key not in table.columns]
    faults = Faults(path)
    seen: dict[tuple[Any, ...], int] = {}
    number: dict[tuple[Any, ...], int] = defaultdict(int)
    rows = []
    for row in named_rows(path, columns, faults, optional=counted):
        key = identifier(row.get("utterance"))
        if key not in data.utterances:
            row.fault(f"utterance {shown(key)} is not in the corpus")
            continue
        found: dict[str, Any] = {"utterance": key}
        _place(row, level, found, table.first_index, number, data.utterances[key].words)
        identity = tuple(
            found[name] for name in keys if name in found and name not in ("word", "phone")
        )
        if identity in seen:
            row.fault(f"the same as line {seen[identity]}")
        seen.setdefault(identity, row.line)
        rows.append(found | row.scores(scored))
    faults.stop()
    if not rows:
        raise InputError(f"{path}: no rows")
    if level == "word":
        places = {(row["utterance"], row["word_index"]) for row in rows}
        rows += [
            {"utterance": key, "word_index": index, "word": word}
            for key, u in data.utterances.items()
            for index, word in enumerate(u.words)
            if (key, index) not in places
        ]
    return pd.DataFrame(rows).sort_values([c for c in _ORDER if c in rows[0]], kind="stable")


def _place(
    row: TableRow,
    level: str,
    found: dict[str, Any],
    first: int,
    number: dict[tuple[Any, ...], int],
    words: tuple[str, ...],
) -> None:
    """Which word, phone or rater a row is about."""
    key = found["utterance"]
    if level == "rater":
        found["rater"] = row.get("rater")
        if not found["rater"]:
            row.fault("no rater")
        return
    found["word_index"] = _index(row, "word_index", first, number[key,])
    number[key,] = found["word_index"] + (level == "word")
    index = found["word_index"]
    if index >= len(words):
        row.fault(f"word {index + first}, the text of {shown(key)} has {len(words)} words")
        return
    if level == "word":
        found["word"] = words[index]
        word = row.get("word")
        if word and not same_word(word, words[index]):
            row.fault(f"word {shown(word)}, the text has {shown(words[index])}")
        return
    found["phone_index"] = _index(row, "phone_index", first, number[key, index])
    number[key, index] = found["phone_index"] + 1
    found["phone"] = strip_stress(row.get("phone").upper())
    if found["phone"] not in SPOKEN_PHONES:
        row.fault(f"phone {shown(row.get('phone'))!r} is none of ARPAbet's")


def _index(row: TableRow, name: str, first: int, counted: int) -> int:
    if name not in row.cells:
        return counted
    index = row.read(name, whole, first) - first
    if index < 0:
        row.fault(f"{name} 0, though the first is 1")
    return max(index, 0)
