"""Stage `score_all`: feedback on many new recordings."""

import json
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import pandas as pd

from pyscorer.contract.datadir import UTTERANCE_ASPECTS
from pyscorer.contract.files import atomic_open
from pyscorer.contract.scores import write_rows
from pyscorer.errors import InputError, attempt, outcome_of, unless_failed
from pyscorer.feedback.bundle import Bundle, ScorerJudge, load_bundle
from pyscorer.feedback.score import ENDINGS, Form, Graded, grade_files, write_form
from pyscorer.grading.grades import RecordingGrade
from pyscorer.options import option
from pyscorer.parallel import chunks, shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

AUDIO = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".m4a")
"""File name endings that are taken for audio; libsndfile says no to m4a, which is told."""
SUMMARY = "summary.csv"
_DONE = ".summary.jsonl"
_BATCH = 16
"""Recordings that are graded together at most."""
_PARTS = 8
"""Batches at least, so that a short list is spread over cores as well."""

Row = dict[str, str | float]
"""Of the summary, by column."""


@dataclass(frozen=True)
class ScoreAllOptions:
    """What `score_all` writes of each recording, and on how many cores."""

    formats: tuple[str, ...] = option(("json", "html"), f"of {', '.join(get_args(Form))}")
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


@dataclass(frozen=True)
class Task:
    """A recording to score."""

    wav: Path
    text: str | None
    """None: its text file is missing."""
    name: str
    """Of its output files, without ending."""


def score_all(
    model: Path,
    out: Path,
    manifest: Path | None = None,
    wavs: Path | None = None,
    options: ScoreAllOptions = ScoreAllOptions(),
) -> None:
    """Score many recordings with a grader of `bundle_grader`.

    They are listed in `manifest`, a CSV with the columns wav (paths, taken from the manifest's
    folder if relative) and text; or found in the folder `wavs` and below it, the text of each in a
    file of the same name that ends in .txt.

    Writes of each recording out/<name>.<ending> for all `formats`, and out/summary.csv: wav, status
    (scored, or failed), error, duration, scores with their intervals, pace, pauses, warnings. A
    recording that cannot be scored is reported there and skipped. A run that was killed goes on
    where it was.

    Raises InputError for a model or list that cannot be read, and if no recording could be scored.
    """
    if (manifest is None) == (wavs is None):
        raise InputError("give either --manifest or --wavs")
    unknown = [name for name in options.formats if name not in ENDINGS]
    if unknown:
        raise InputError(f"--formats {unknown[0]}: known are {', '.join(ENDINGS)}")
    tasks = read_manifest(manifest) if manifest else find_recordings(wavs)  # type: ignore[arg-type]
    bundle = load_bundle(model)
    if isinstance(bundle.judge, ScorerJudge):
        raise InputError(f"{model}: score_all takes a directory that bundle_grader made")
    work = _Work(bundle, out, options.formats)
    settings = [*map(_stamp, sorted(model.rglob("*"))), *options.formats]
    with (
        journal(out / _DONE, settings) as (done, keep),
        progress_bar(desc="score_all", total=len(tasks), unit="recording") as bar,
    ):
        # Once a task: a file that changes while the run goes on is still the one that was scored.
        by_key = {_identity(task): task for task in tasks}
        # The same batches whatever was done before, so that the last digits are the same, too.
        batches = chunks(by_key, min(_BATCH, math.ceil(len(by_key) / _PARTS)))
        left = [keys for keys in batches if not done.keys() >= set(keys)]
        bar.update(len(tasks) - sum(map(len, left)))
        chosen = ([by_key[key] for key in keys] for keys in left)
        scored = shared_map(_score_batch, work, chosen, options.jobs)
        for keys, rows in zip(left, scored, strict=True):
            for key, row in zip(keys, rows, strict=True):
                if row["status"] == "failed":
                    log.warning("skipped: %s", row["error"])
                keep(key, row)
            bar.update(len(keys))
        rows = [done[key] for key in by_key]
        write_rows(out / SUMMARY, rows)
    failed = sum(row["status"] == "failed" for row in rows)
    log.info("%d of %d scored; %s", len(rows) - failed, len(rows), out / SUMMARY)
    if failed == len(rows):
        raise InputError(f"none of {failed} recordings could be scored: see {out / SUMMARY}")


def read_manifest(path: Path) -> list[Task]:
    """The recordings of a CSV with columns wav and text. Raises InputError if it is none."""
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as CSV ({error})") from None
    if lacking := {"wav", "text"} - set(table.columns):
        raise InputError(f"{path}: no column {min(lacking)}; it needs wav and text")
    pairs = [
        (path.parent / wav, text) for wav, text in zip(table["wav"], table["text"], strict=True)
    ]
    if not pairs:
        raise InputError(f"{path}: no recordings")
    return _tasks(pairs)


def find_recordings(folder: Path) -> list[Task]:
    """The audio files in and below a folder, with the text beside each. InputError if none."""
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in AUDIO)
    if not paths:
        raise InputError(f"{folder}: no audio files ({' '.join(AUDIO)})")
    return _tasks([(path, _text_beside(path)) for path in paths])


def _text_beside(path: Path) -> str | None:
    text = path.with_suffix(".txt")
    return text.read_text(encoding="utf-8", errors="replace") if text.exists() else None


def _tasks(pairs: list[tuple[Path, str | None]]) -> list[Task]:
    tasks: dict[str, Task] = {}
    numbers: dict[str, int] = {}
    for wav, text in pairs:
        name = wav.stem
        while name in tasks:
            numbers[wav.stem] = numbers.get(wav.stem, 1) + 1
            name = f"{wav.stem}-{numbers[wav.stem]}"
        tasks[name] = Task(wav, text, name)
    return list(tasks.values())


def _stamp(path: Path) -> str:
    """What changes with the content of a file, or with its coming into being."""
    try:
        found = path.stat()
    except OSError:
        return f"{path}: none"
    return f"{path}: {found.st_size} {found.st_mtime_ns}"


def _identity(task: Task) -> str:
    return f"{task.name} {_stamp(task.wav)} {task.text!r}"


@contextmanager
def journal(
    path: Path, settings: list[str]
) -> Iterator[tuple[dict[str, Row], Callable[[str, Row], None]]]:
    """Rows that outlive a kill: those that an earlier run kept, and a function to keep another.

    Both by key, in a file of JSON lines that is removed when the block succeeds. What was kept
    under other `settings` does not count, nor does a failure, or a line that was cut off.
    """
    done = dict(_kept(path, settings))
    with atomic_open(path) as stream:
        for entry in (settings, *done.items()):
            stream.write(json.dumps(entry) + "\n")
    with path.open("a", encoding="utf-8") as stream:

        def keep(key: str, row: Row) -> None:
            done[key] = row
            stream.write(json.dumps([key, row]) + "\n")
            stream.flush()

        yield done, keep
    path.unlink()


def _kept(path: Path, settings: list[str]) -> Iterator[tuple[str, Row]]:
    if not path.exists():
        return
    with path.open(encoding="utf-8", errors="replace") as stream:
        if stream.readline() != json.dumps(settings) + "\n":
            return
        for line in stream:
            if not line.endswith("\n"):
                return
            key, row = json.loads(line)
            if row["status"] == "scored":
                yield key, row


@dataclass(frozen=True)
class _Work:
    """What all batches share."""

    bundle: Bundle
    out: Path
    formats: tuple[str, ...]


def _score_batch(work: _Work, tasks: list[Task]) -> list[Row]:
    """Rows of the summary; nothing that is wrong with one recording ends the run."""
    files = [attempt(_file, task) for task in tasks]
    graded = unless_failed(partial(grade_files, work.bundle), files)
    return [
        _row(task, attempt(_write, task, each, work.out, work.formats))
        for task, each in zip(tasks, graded, strict=True)
    ]


def _file(task: Task) -> tuple[Path, str]:
    if task.text is None:
        raise InputError(f"{task.wav}: no text: {task.wav.with_suffix('.txt')} is missing")
    return task.wav, task.text


def _write(
    task: Task, graded: Graded | Exception, out: Path, formats: tuple[str, ...]
) -> RecordingGrade:
    samples, grade = outcome_of(graded)
    for form in formats:
        write_form(form, samples, grade, out / f"{task.name}{ENDINGS[form]}")
    return grade


def _row(task: Task, outcome: RecordingGrade | Exception) -> Row:
    grade = None if isinstance(outcome, Exception) else outcome
    row: Row = {
        "wav": str(task.wav),
        "name": task.name,
        "status": "scored" if grade else "failed",
        "error": _error(task, outcome) if isinstance(outcome, Exception) else "",
        "duration": grade.duration if grade else "",
    }
    for aspect in UTTERANCE_ASPECTS[::-1]:
        for end in ("value", "low", "high"):
            name = aspect if end == "value" else f"{aspect}_{end}"
            row[name] = getattr(grade.aspects[aspect], end) if grade else ""
    row["pace"] = round(grade.pace.value, 2) if grade else ""
    row["pauses"] = round(grade.pauses.value, 3) if grade else ""
    row["warnings"] = " ".join(grade.warnings) if grade else ""
    return row


def _error(task: Task, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    log.error("%s", task.wav, exc_info=error)
    return f"{task.wav}: {type(error).__name__}: {error}"
