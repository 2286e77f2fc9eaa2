"""Checks of classes and judgements of a data directory, and of which rows it is."""

from collections.abc import Container, Iterable
from dataclasses import replace
from pathlib import Path

from pyscorer.contract import classes
from pyscorer.contract.compact import read_large_table
from pyscorer.contract.files import shown
from pyscorer.contract.tables import read_rows, write_csv
from pyscorer.corpora.part import ROWS
from pyscorer.corpora.raw_tables import Fault, unreadable
from pyscorer.errors import InputError


def check_responses(data: Path, utterances: Container[str], faults: list[Fault]) -> None:
    """Check classes.json, and that every judgement is of an utterance, and a class.

    An utterance that nobody judged is no fault.
    """
    path = data / classes.LABELS
    if not path.exists():
        return
    try:
        known = classes.read_classes(data).names
    except InputError as error:
        faults.append(unreadable(data / classes.FILE, error))
        return
    seen: dict[str, int] = {}
    try:
        rows = read_rows(
            path,
            ["utterance", "class"],
            wrong=lambda line, fault: faults.append(Fault(str(path), line, "", fault)),
        )
        for line, row in rows:
            key, name = row["utterance"], row["class"]
            fault = ""
            if key in seen:
                fault = f"judged already in line {seen[key]}"
            elif key not in utterances:
                fault = "judgement without utterance"
            elif name and name not in known:
                fault = f"class {shown(name)} is not one of: {', '.join(known)}"
            seen.setdefault(key, line)
            if fault:
                faults.append(Fault(str(path), line, key, fault))
    except InputError as error:
        faults.append(unreadable(path, error))


def write_responses_of(data: Path, folder: Path, whole: Container[str]) -> None:
    """Copy classes and the judgements of the utterances `whole`, where there are any."""
    if not (data / classes.LABELS).exists():
        return
    classes.write_classes(folder, classes.read_classes(data))
    columns = ["utterance", "class"]
    rows = read_rows(data / classes.LABELS, columns, wrong=lambda *_: None)
    kept = ([row[name] for name in columns] for _, row in rows if row["utterance"] in whole)
    write_csv(folder / classes.LABELS, columns, kept)


def with_rows(data: Path, faults: Iterable[Fault]) -> list[Fault]:
    """The faults, each with the row of the user's own table that its utterance is from."""
    rows = read_large_table(data / ROWS) if (data / ROWS).exists() else {}
    return [
        replace(f, fault=f"{f.fault} ({rows[f.utterance]})") if f.utterance in rows else f
        for f in faults
    ]
