"""Stage `score_all`: feedback on many new recordings."""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from pyscorer.contract.scales import Scales
from pyscorer.contract.scores import write_rows
from pyscorer.errors import InputError, attempt, unless_failed
from pyscorer.feedback.bundle import Bundle, GraderJudge, load_bundle
from pyscorer.feedback.journal import Row, journal
from pyscorer.feedback.score import (
    ENDINGS,
    Form,
    Graded,
    check_forms,
    check_outputs,
    forms_of,
    grade_files,
    write_form,
)
from pyscorer.feedback.score_recording import Scored
from pyscorer.feedback.tasks import Task, find_recordings, read_manifest
from pyscorer.grading.grades import RecordingGrade
from pyscorer.options import option
from pyscorer.parallel import chunks, shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

SUMMARY = "summary.csv"
_DONE = ".summary.jsonl"
_COLUMNS = {"wav", "name", "status", "error", "duration", "pace", "pauses", "warnings"}
"""Of the summary beside those of scores; an aspect of such a name is called `pauses_score`."""
_BATCH = 16
"""Recordings that are graded together at most."""
_PARTS = 8
"""Batches at least, so that a short list is spread over cores as well."""


@dataclass(frozen=True)
class ScoreAllOptions:
    """What `score_all` writes of each recording, and on how many cores."""

    formats: tuple[str, ...] = option(
        (), f"of {', '.join(get_args(Form))}; none: json, and html if a grader scores"
    )
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def score_all(
    model: Path,
    out: Path,
    manifest: Path | None = None,
    wavs: Path | None = None,
    options: ScoreAllOptions = ScoreAllOptions(),
) -> None:
    """Score many recordings with a directory of `bundle_grader` or `bundle`.

    They are listed in `manifest`, a CSV with the columns wav (paths, taken from the manifest's
    folder if relative) and text; or found in the folder `wavs` and below it, the text of each in a
    file of the same name that ends in .txt.

    Writes of each recording out/<name>.<ending> for all `formats`, and out/summary.csv: wav, name,
    status (scored, or failed), error, duration, scores (a grader's with their intervals, pace,
    pauses), warnings. What cannot be scored, every file in `wavs` that is not a recording with its
    text, is reported there and skipped. A run that was killed goes on where it was.

    Raises InputError for a model or list that cannot be read, for an `out` where input would be
    written over, and if no recording could be scored.
    """
    if (manifest is None) == (wavs is None):
        raise InputError("give either --manifest or --wavs")
    unknown = [name for name in options.formats if name not in ENDINGS]
    if unknown:
        raise InputError(f"--formats {unknown[0]}: known are {', '.join(ENDINGS)}")
    if wavs and wavs.resolve() == out.resolve():
        raise InputError(f"--out {out}: the folder of the recordings; name one of its own")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: not a folder")
    tasks = read_manifest(manifest) if manifest else find_recordings(wavs, out)  # type: ignore[arg-type]
    bundle = load_bundle(model)
    check_forms(bundle, options.formats, "--formats")
    forms = options.formats or tuple(f for f in ("json", "html") if f in forms_of(bundle))
    inputs = [path for t in tasks for path in (t.wav, t.beside) if path is not None]
    written = [path for task in tasks for path in _outputs(out, task, forms)]
    check_outputs(
        [*written, out / SUMMARY, out / _DONE], [*inputs, *([manifest] if manifest else [])], model
    )
    work = _Work(bundle, out, forms)
    settings = [*map(_stamp, sorted(model.rglob("*"))), *forms]
    with (
        journal(out / _DONE, settings) as (done, keep),
        progress_bar(desc="score_all", total=len(tasks), unit="recording") as bar,
    ):
        # Once a task: a file that changes while the run goes on is still the one that was scored.
        by_key = {_identity(task): task for task in tasks}

        def is_done(key: str) -> bool:
            there = all(path.exists() for path in _outputs(out, by_key[key], forms))
            return key in done and done[key]["status"] == "scored" and there

        # The same batches whatever was done before, so that the last digits are the same, too.
        batches = chunks(by_key, min(_BATCH, math.ceil(len(by_key) / _PARTS)))
        left = [keys for keys in batches if not all(map(is_done, keys))]
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
    _conclude(rows, out / SUMMARY)


def _conclude(rows: Sequence[Row], summary: Path) -> None:
    failed = sum(row["status"] == "failed" for row in rows)
    warned = sum(bool(row["warnings"]) for row in rows)
    if failed == len(rows):
        raise InputError(f"none of {failed} recordings could be scored: see {summary}")
    log.info(
        "%d of %d scored, %d of them with warnings; %d failed: %s",
        *(len(rows) - failed, len(rows), warned, failed, summary),
    )


def _outputs(out: Path, task: Task, forms: Sequence[str]) -> list[Path]:
    return [] if task.fault else [out / f"{task.name}{ENDINGS[form]}" for form in forms]


def _stamp(path: Path) -> str:
    """What changes with the content of a file, or with its coming into being."""
    found = attempt(path.stat)
    if isinstance(found, Exception):
        return f"{path}: none"
    return f"{path}: {found.st_size} {found.st_mtime_ns}"


def _identity(task: Task) -> str:
    return f"{task.name} {_stamp(task.wav)} {task.text!r}"


@dataclass(frozen=True)
class _Work:
    """What all batches share."""

    bundle: Bundle
    out: Path
    forms: tuple[str, ...]


def _score_batch(work: _Work, tasks: list[Task]) -> list[Row]:
    """Rows of the summary; nothing that is wrong with one recording ends the run."""
    files = [attempt(_file, task) for task in tasks]
    graded = unless_failed(partial(grade_files, work.bundle), files)
    return [
        _row(work, task, _written(work, task, each))
        for task, each in zip(tasks, graded, strict=True)
    ]


def _file(task: Task) -> tuple[Path, str]:
    if task.fault:
        raise InputError(task.fault)
    return task.wav, task.text


def _written(
    work: _Work, task: Task, graded: Graded | Exception
) -> RecordingGrade | Scored | Exception:
    """The grade, after it was written. A full disk ends the run: no recording is at fault."""
    if isinstance(graded, Exception):
        return graded
    samples, grade = graded
    for form, path in zip(work.forms, _outputs(work.out, task, work.forms), strict=True):
        try:
            write_form(form, samples, grade, path)
        except OSError:
            raise
        except Exception as error:
            return error
    return grade


def _row(work: _Work, task: Task, outcome: RecordingGrade | Scored | Exception) -> Row:
    grade = None if isinstance(outcome, Exception) else outcome
    row: Row = {
        "wav": _cell(str(task.wav)),
        "name": task.name,
        "status": "scored" if grade else "failed",
        "error": _cell(_error(task, outcome)) if isinstance(outcome, Exception) else "",
        "duration": grade.duration if grade else "",
    }
    if isinstance(work.bundle.judge, GraderJudge):
        learned = work.bundle.judge.grader.learned
        row |= _grades(grade if isinstance(grade, RecordingGrade) else None, learned)
    else:
        row["score"] = grade.score if isinstance(grade, Scored) else ""
    row["warnings"] = " ".join(grade.warnings) if grade else ""
    return row


def _grades(grade: RecordingGrade | None, learned: Scales) -> Row:
    row: Row = {}
    for aspect in learned.shown("utterance"):
        for end in ("value", "low", "high"):
            named = f"{aspect}_score" if aspect in _COLUMNS else aspect
            name = named if end == "value" else f"{named}_{end}"
            row[name] = getattr(grade.aspects[aspect], end) if grade else ""
    row["pace"] = round(grade.pace.value, 2) if grade else ""
    row["pauses"] = round(grade.pauses.value, 3) if grade else ""
    return row


def _cell(path: str) -> str:
    """A path, or what begins with one, that is no formula in a spreadsheet, and is UTF-8."""
    plain = path.encode("utf-8", "backslashreplace").decode()
    return f"./{plain}" if plain.startswith(("=", "+", "-", "@", "\t", "\r")) else plain


def _error(task: Task, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    log.error("%s", task.wav, exc_info=error)
    return f"{task.wav}: {type(error).__name__}: {error}"
