"""Which recordings a batch is of: of a list, or all in a folder, each with its own name."""

import logging
import os
import stat
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PureWindowsPath

import soundfile

from pyscorer.contract.files import read_text, shown
from pyscorer.contract.names import file_name
from pyscorer.contract.tables import read_rows
from pyscorer.errors import InputError, attempt

log = logging.getLogger(__name__)

_SYSTEM = {"thumbs.db", "desktop.ini", "__macosx", "$recycle.bin", "system volume information"}
"""Files and folders, in lower case, that systems leave behind; others of them begin with a dot."""
_TABLES = {".csv", ".html", ".json", ".textgrid", ".tsv"}
"""Endings, in lower case, of lists and of what score_all writes: they are not meant as audio."""
_TXT = ".txt"
_FORMULA = ("=", "+", "-", "@")
"""What begins a formula in a spreadsheet, or an option on the command line."""


@dataclass(frozen=True)
class Said:
    """What is known of a recording beforehand."""

    column: str
    """Of a list, and the noun for it in messages."""
    ending: str
    """Of the file beside the recording that holds it, in lower case."""
    names: str = ""
    """Column of a list that names what is written of a recording; else its file does."""


TEXT = Said("text", ".txt")
"""The text that was read aloud."""
PROMPT = Said("prompt", ".prompt.txt", "id")
"""What was asked."""


@dataclass(frozen=True)
class Task:
    """A recording to score or judge."""

    wav: Path
    text: str
    """Or the prompt."""
    beside: Path | None = None
    """The file that the text is in."""
    name: str = ""
    """Of its output files, without ending."""
    fault: str = ""
    """Why it cannot be scored, if that is known beforehand."""


def read_manifest(path: Path, said: Said = TEXT, folder: Path | None = None) -> list[Task]:
    """The recordings of a CSV with columns wav and what was `said`, others ignored.

    Their paths are taken from `folder`, or the CSV's own. Raises InputError if it is none, or names
    none.
    """
    rows = read_rows(path, ("wav", said.column))
    tasks = [_of_row(path, number, row, said, folder or path.parent) for number, row in rows]
    if not tasks:
        raise InputError(f"{path}: no recordings")
    return named(tasks)


def _of_row(manifest: Path, number: int, row: dict[str, str], said: Said, folder: Path) -> Task:
    name, text, key = row["wav"], row[said.column], row.get(said.names, "")
    wav = folder / name
    if "\\" in name and _no_file(wav):  # written on Windows
        wav = folder / PureWindowsPath(name).as_posix()
    place = f"{manifest}:{number}"
    if not name:
        return Task(manifest, text, name=key, fault=f"{place}: no recording in the column wav")
    if not text.strip():
        fault = f"{place}: no {said.column} for {shown(name)}"
        return Task(wav, text, name=key, fault=fault)
    return Task(wav, text, name=key, fault=_no_file(wav))


def find_recordings(folder: Path, out: Path | None = None, said: Said = TEXT) -> list[Task]:
    """The recordings in and below a folder, with what was `said` in a file beside each.

    Passed over are hidden files (of macOS "._me.wav"), what systems leave behind, files of _TABLES,
    other .txt and the folder `out`, which has the output of earlier runs. All else is a task:
    whether a file is audio is seen when it is read. Texts without a recording are named in the log.

    Raises InputError if there is nothing else.
    """
    if not folder.is_dir():
        raise InputError(f"{folder}: no such folder")
    found = _files(folder, out)
    beside = {p for p in found if p.name.lower().endswith(said.ending) and not _is_hidden(p.name)}
    others = {*_TABLES, _TXT}
    passed = [
        path
        for path in found
        if _is_hidden(path.name) or (path.suffix.lower() in others and path not in beside)
    ]
    texts: defaultdict[tuple[Path, str], list[Path]] = defaultdict(list)
    for path in sorted(beside):
        texts[_place(path, len(said.ending))].append(path)
    recordings = sorted(set(found) - set(passed) - beside)
    if not recordings:
        raise InputError(f"{folder}: no audio files in it, or below it")
    if passed:
        names = ", ".join(sorted(shown(path.name) for path in passed)[:5])
        log.info("%s: %d files passed over, as %s", folder, len(passed), names)
    tasks = [_with_text(path, texts.get(_place(path), []), said) for path in recordings]
    for place in map(_place, recordings):
        texts.pop(place, None)
    for alone in texts.values():
        log.warning("%s: a %s without a recording of this name beside it", alone[0], said.column)
    return named(tasks)


def _files(folder: Path, out: Path | None) -> list[Path]:
    """All files in and below `folder`, but for hidden folders and `out`."""
    files, seen = [], {folder.resolve(), out.resolve() if out else None}
    walk = os.walk(folder, followlinks=True, onerror=lambda e: files.append(Path(e.filename)))
    for parent, folders, names in walk:
        files += [Path(parent, name) for name in names]
        for name in sorted(folders):  # each once: links may lead back
            place = Path(parent, name).resolve()
            if place in seen or _is_hidden(name):
                folders.remove(name)
            seen.add(place)
    return files


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _SYSTEM


def _place(path: Path, ending: int = 0) -> tuple[Path, str]:
    """Where a recording and its text meet; macOS and others write accents in two ways."""
    stem = path.name[:-ending] if ending else path.stem
    return path.parent, unicodedata.normalize("NFC", stem)


def _with_text(path: Path, texts: Sequence[Path], said: Said) -> Task:
    if fault := _no_file(path):
        return Task(path, "", fault=fault)
    if len(texts) > 1:
        names = " and ".join(text.name for text in texts)
        return Task(path, "", fault=f"{path}: two {said.column}s beside it, {names}: remove one")
    if texts:
        text = attempt(read_text, texts[0])
        if isinstance(text, Exception):
            return Task(path, "", texts[0], fault=str(text))
        return Task(path, text, texts[0])
    wanted = path.with_suffix(said.ending)
    # What is not audio has no text either: then that it is not audio is told, when it is read.
    fault = f"{path}: no {said.column}: {wanted} is missing" if _is_audio(path) else ""
    return Task(path, "", fault=fault)


def _no_file(path: Path) -> str:
    """Why there is no file to read at a path, without reading: a pipe would be waited for."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        link = ": a link that leads nowhere" if path.is_symlink() else ""
        return f"{path}: no such audio file{link}"
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        return f"{path}: cannot be read: {getattr(error, 'strerror', None) or error}"
    return "" if stat.S_ISREG(mode) else f"{path}: not a file, or a folder that cannot be read"


def _is_audio(path: Path) -> bool:
    return not isinstance(attempt(soundfile.info, path), Exception)


def named(tasks: Sequence[Task]) -> list[Task]:
    """The tasks with names that differ, on file systems that ignore case as well."""
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    named = []
    for task in tasks:
        stem = _safe(task.name or task.wav.stem)
        name = stem
        while name.casefold() in taken:
            numbers[stem] += 1
            name = f"{stem}-{numbers[stem] + 1}"
        taken.add(name.casefold())
        named.append(replace(task, name=name))
    return named


def no_formula(name: str) -> str:
    """A name that a spreadsheet takes for one, and a shell for no option."""
    return f"_{name}" if name.startswith(_FORMULA) else name


def _safe(stem: str) -> str:
    """A name for files of any system, which is no formula in a spreadsheet."""
    stem = no_formula(stem)
    while True:
        try:
            return file_name(stem)
        except InputError:  # too long, or empty
            stem = stem[:-1] or "recording"
