"""What a split of a corpus is made of, and when it changed: what was spoken, apart from labels.

A label that is edited must not make anyone align a recording again, nor must a run name a million
audio files to notice one that was recorded anew. So one small file stands for all that was spoken
in a split, another for its labels (`note`): of each, content and time are those of the newest of
the files that it stands for. A file that is replaced by an older one is not noticed, as in any
build by times.
"""

import fnmatch
import hashlib
import json
import os
import re
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from pyscorer.contract import classes, scales
from pyscorer.contract.datadir import LABEL_KEYS
from pyscorer.contract.files import atomic_open, read_lines
from pyscorer.contract.tables import read_rows
from pyscorer.corpora.manifests import Manifest
from pyscorer.errors import InputError

RECORDINGS = "recordings"
"""In a prepared data directory: the audio files that its utterances are from, one a line."""
LABEL_TABLES = [
    *(f"{level}_scores.csv" for level in LABEL_KEYS),
    *(classes.FILE, classes.LABELS, scales.FILE),
]
"""Files of a data directory that hold labels."""
_DATA_FILES = ("wav.scp", "text", "utt2spk", "segments", "prompts", "canonical", "lexicon.txt")
_AT_A_TIME = 32
"""Files that are looked at together, since a network's file system takes its time for each."""


@dataclass(frozen=True)
class Part:
    """Files, and columns of a table that is shared with the other part."""

    files: tuple[Path, ...]
    table: Path | None = None
    columns: tuple[str, ...] = ()
    """Of `table`; the columns are those of this part, or all others (`but`)."""
    but: bool = False


@dataclass(frozen=True)
class Sources:
    """What a corpus is read from."""

    spoken: Part
    """Recordings' names, speakers, texts, prompts, splits, lexicon; without the audio itself."""
    labels: Part


def sources(manifest: Manifest, folder: Path, split: str) -> Sources:
    """What a split of the corpus in `folder` is read from, whether or not it is there."""
    own = manifest.own
    told = tuple(manifest.files) if own or manifest.base else ()
    if own is None:
        groups = {n: rule.sources or (n,) for n, rule in manifest.splits.items()}
        others = {group for names in groups.values() for group in names} - {*groups[split]}
        # The files of a published split lie in a folder of its name, if they are its alone.
        layout = [p for p in manifest.layout if p.partition("/")[0] not in others]
        labels = [p for p in layout if _any(p, manifest.label_files)]
        spoken = [p for p in layout if p not in labels]
        return Sources(
            Part((*told, *(folder / p for p in spoken))),
            Part((*told, *(folder / p for p in labels))),
        )
    data = [folder / path for path in own.data.values()]
    tables = [folder / table.path for table in own.tables.values()]
    lexicon = [folder / own.lexicon] if own.lexicon else []
    judged = manifest.classes.columns if manifest.classes else ()
    columns = (*own.scores.values(), *judged)
    table = folder / own.table if own.table else None
    return Sources(
        Part(
            (*told, *lexicon, *(d / name for d in data for name in _DATA_FILES)),
            *(table, columns, True),
        ),
        Part(
            (*told, *tables, *(d / name for d in data for name in LABEL_TABLES)),
            *(table, columns),
        ),
    )


def _any(path: str, patterns: Collection[str]) -> bool:
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def recordings(prepared: Path) -> list[Path]:
    """The audio files that a prepared data directory was made of; none before it was."""
    path = prepared / RECORDINGS
    return [Path(line) for _, line in read_lines(path)] if path.exists() else []


def write_recordings(prepared: Path, files: Iterable[Path]) -> None:
    """Write what `recordings` reads; not what commands write, nor a file's places in archives."""
    names = sorted({re.sub(r":\d+$", "", str(file)) for file in files})
    with atomic_open(prepared / RECORDINGS) as stream:
        stream.writelines(f"{Path(name).absolute()}\n" for name in names if name[-1] != "|")


def newest(files: Iterable[Path]) -> int:
    """When the newest of the files that are there was written, in nanoseconds; 0: there is none."""
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return max(pool.map(_written, files), default=0)


def _written(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns if file.is_file() else 0
    except OSError:
        return 0


def note(path: Path, part: Part, audio: Iterable[Path] = ()) -> None:
    """Write into `path`, and as its time, when `part` or `audio` was changed last.

    A change of the table is one of `part` only if cells of its columns differ from those that
    `path` knows of. A file that is right already is not touched.
    """
    known = _read(path)
    when = max(newest([*part.files, *audio]), known.get("newest", 0))
    digest = _digest(part)
    if part.table and digest != known.get("table"):
        when = max(when, _written(part.table))
    found = {"newest": when, "table": digest}
    if found != known:
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_open(path) as stream:
            json.dump(found, stream)
        os.utime(path, ns=(when, when))


def _read(path: Path) -> dict[str, int]:
    try:
        found: dict[str, int] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found


def _digest(part: Part) -> str | None:
    """Of the cells of a table; None without one, and of one that cannot be read: `prepare` says."""
    if part.table is None:
        return None
    state = hashlib.sha256()
    try:
        for _, row in read_rows(part.table, part.columns, wrong=lambda *_: None):
            cells = [v for name, v in row.items() if (name in part.columns) != part.but]
            state.update("\t".join(cells).encode() + b"\n")
    except (OSError, InputError):
        return None
    return state.hexdigest()
