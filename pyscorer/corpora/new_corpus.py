"""Stage `new_corpus`: a first manifest for anyone's own corpus, by looking at its table."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from os.path import relpath
from pathlib import Path
from typing import Any

import yaml

from pyscorer.contract.files import atomic_open
from pyscorer.contract.tables import read_rows
from pyscorer.corpora.column_guesses import Guesses, guess_columns
from pyscorer.corpora.manifests import load_manifest
from pyscorer.errors import InputError
from pyscorer.options import option

_HEAD = (
    "# A manifest of your own corpus; docs/own-corpus.md explains it. Look it through: where it",
    "# says CHECK, the table did not tell.",
)


@dataclass(frozen=True)
class NewCorpusOptions:
    """What the corpus is to be called."""

    name: str | None = option(
        None, "of the corpus: small letters, figures and _; without it, that of the table or folder"
    )


def new_corpus(
    table: Path | None = None,
    data: Path | None = None,
    out: Path | None = None,
    options: NewCorpusOptions = NewCorpusOptions(),
) -> None:
    """Write a first manifest for a corpus of a table, or of Kaldi data directories, or of both.

    `table`: CSV or TSV with a row an utterance. `data`: a Kaldi data directory, or a folder of
    several. `out`: the manifest, data_manifests/NAME.yaml if it is not given; one that is there is
    never written over. What each column was taken for is printed, and stands in the manifest; what
    is uncertain has the comment CHECK there.

    Raises InputError if the table cannot be read or has no rows, and if `out` is there.
    """
    source = table or data
    if source is None:
        raise InputError("--table or --data: name the corpus's table, or its Kaldi data directory")
    name = options.name or re.sub(r"[^a-z0-9_]+", "_", source.absolute().stem.lower()).strip("_")
    if not re.fullmatch("[a-z0-9_]+", name):
        raise InputError(f"--name {name}: small letters, figures and _ make a name")
    out = out or Path("data_manifests") / f"{name}.yaml"
    if out.stem != name or out.suffix != ".yaml":
        raise InputError(f"--out {out}: the manifest of corpus {name} is called {name}.yaml")
    if out.exists():
        raise InputError(f"{out}: is there already; remove it, or give another --name")
    folder = table.parent if table else source
    guesses = _guesses(table, folder) if table else Guesses()
    directories = _data_directories(data) if data else {}
    lines = list(_manifest_lines(name, table, folder, directories, guesses, out))
    with atomic_open(out) as stream:
        stream.writelines(f"{line}\n" for line in (*_HEAD, *lines))
    try:
        load_manifest(name, out.parent)
    except InputError as error:
        print(f"CHECK: it is no manifest yet: {error}")
    for line in _told(guesses):
        print(line)
    print(
        f"written: {out}. Look it through, then: pyscorer prepare --corpus {name} --split train "
        f"--manifests {out.parent} --out DIR"
    )


def _guesses(table: Path, folder: Path) -> Guesses:
    rows = [row for _, row in read_rows(table)]
    if not rows:
        raise InputError(f"{table}: no rows below the header")
    return guess_columns(rows, folder)


def _data_directories(data: Path) -> dict[str, Path]:
    """Kaldi data directories by name; "" where `data` is one itself."""
    if (data / "wav.scp").exists():
        return {"": data}
    found = {path.parent.name: path.parent for path in sorted(data.glob("*/wav.scp"))}
    if not found:
        raise InputError(f"{data}: no Kaldi data directory: no wav.scp in it, or one folder below")
    return found


def _manifest_lines(
    name: str,
    table: Path | None,
    folder: Path,
    directories: dict[str, Path],
    guesses: Guesses,
    out: Path,
) -> Iterator[str]:
    unsure = guesses.unsure
    yield f"name: {name}"
    relative = Path(relpath(folder.absolute(), out.absolute().parent)).as_posix()
    place = relative if relative.startswith("..") else f"./{relative}"
    yield f"folder: {_inline(place)}  # relative to this file"
    if directories:
        paths = {n: relpath(path.absolute(), folder.absolute()) for n, path in directories.items()}
        yield f"data: {_inline(paths.get('', paths))}"
    if table:
        yield f"table: {_inline(table.name)}"
        yield "columns:"
        columns = dict(guesses.columns)
        if directories:
            columns.pop("audio", None)
            columns.setdefault("utterance", "utterance")
        for role, column in columns.items():
            yield f"  {role}: {_inline(column)}{_check(unsure.pop(role, ''))}"
    for role in ("speaker", "text", "audio"):
        if role in unsure and table and not directories:
            yield f"  # {role}:{_check(unsure.pop(role))}"
    yield "splits:" + _check(unsure.pop("splits", ""))
    for split, rule in _splits(guesses, directories).items():
        yield f"  {split}: {_inline(rule)}"
    if guesses.scores:
        yield "scores:  # CHECK the ranges: are they those that raters could give?"
        for aspect, (column, (low, high), seen) in guesses.scores.items():
            rule = _inline({"column": column, "range": [_short(low), _short(high)]})
            yield f"  {aspect}: {rule}  # {seen[0]:g} to {seen[1]:g} in the table"
    if guesses.overall:
        yield f"overall: {guesses.overall}"
    if guesses.classes:
        yield f"classes: {_inline(guesses.classes)}{_check(unsure.pop('classes', ''))}"
    if guesses.left:
        yield f"# Not taken for anything: {', '.join(guesses.left)}"
    yield "# lexicon: lexicon.txt  # without one pronunciations are guessed from spelling"
    yield "# child_below: 16"


def _splits(guesses: Guesses, directories: dict[str, Path]) -> dict[str, Any]:
    values = guesses.splits or {n: n for n in directories if n}
    if values:
        return {split: {} if split == value else {"from": value} for split, value in values.items()}
    return {"train": {"speakers": 0.8}, "test": {"speakers": "rest"}}


def _told(guesses: Guesses) -> Iterator[str]:
    for role, column in guesses.columns.items():
        yield f"{column}: {role}"
    for aspect, (column, (low, high), seen) in guesses.scores.items():
        yield (
            f"{column}: score {aspect}, on a scale of {low:g} to {high:g} "
            f"(there are {seen[0]:g} to {seen[1]:g})"
        )
    if guesses.classes:
        kind = guesses.classes["kind"]
        values = {k: v for k, v in guesses.classes.items() if isinstance(v, list)}
        column = guesses.classes.get("column") or "language, meaning"
        yield f"{column}: classes, {kind}: {_inline(values)}"
    for column in guesses.left:
        yield f"{column}: not taken for anything"
    if not guesses.splits:
        yield "no column of splits: four fifths of the speakers are train, the others test"


def _check(why: str) -> str:
    return f"  # CHECK: {' '.join(why.split())}" if why else ""


def _short(value: float) -> float | int:
    return int(value) if value == int(value) else value


def _inline(value: Any) -> str:
    """A value as YAML in one line."""
    text = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=10**6, sort_keys=False
    )
    return str(text).removesuffix("\n").removesuffix("\n...")
