"""Many recordings, batch after batch: a row of the summary each, which outlives a kill."""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pyscorer.contract.scores import write_rows
from pyscorer.errors import InputError, attempt
from pyscorer.feedback.journal import Row, journal
from pyscorer.feedback.tasks import Task
from pyscorer.parallel import chunks, shared_map
from pyscorer.progress import progress_bar

log = logging.getLogger(__name__)

SUMMARY = "summary.csv"
DONE = ".summary.jsonl"
FAILED = "failed"
"""The status of a row whose recording could not be used."""
_BATCH = 16
"""Recordings that are worked on together at most."""
_PARTS = 8
"""Batches at least, so that a short list is spread over cores as well."""

Work = TypeVar("Work")


@dataclass(frozen=True)
class Many(Generic[Work]):
    """What is done with many recordings."""

    stage: str
    done: str
    """The status of a row that is none of FAILED: what was done with the recording."""
    work: Work
    """What all batches share."""
    rows: Callable[[Work, list[Task]], list[Row]]
    """Of a batch, with at least wav, status, error and warnings; of the module's level."""
    outputs: Callable[[Task], list[Path]]
    """The files that are written of a recording: it is done only while they are there."""


def check_source(wavs: Path | None, out: Path) -> None:
    """Raise InputError for an `out` that is no folder, or the recordings' own."""
    if wavs and wavs.resolve() == out.resolve():
        raise InputError(f"--out {out}: the folder of the recordings; name one of its own")
    if out.exists() and not out.is_dir():
        raise InputError(f"--out {out}: not a folder")


def run_all(
    many: Many[Work],
    tasks: Sequence[Task],
    out: Path,
    settings: Sequence[str],
    jobs: int,
    write: Callable[[Sequence[Row]], None] | None = None,
) -> None:
    """Work through the `tasks` and write out/summary.csv, a row a task in their order.

    What an earlier run that was killed has done under the same `settings` is not done again, but
    for what failed. `write` is given the rows before what was kept of them is removed.

    Raises InputError if all failed.
    """
    with (
        journal(out / DONE, list(settings)) as (done, keep),
        progress_bar(desc=many.stage, total=len(tasks), unit="recording") as bar,
    ):
        # Once a task: a file that changes while the run goes on is still the one that was read.
        by_key = {_identity(task): task for task in tasks}

        def is_done(key: str) -> bool:
            there = all(path.exists() for path in many.outputs(by_key[key]))
            return key in done and done[key]["status"] != FAILED and there

        # The same batches whatever was done before, so that the last digits are the same, too.
        batches = chunks(by_key, min(_BATCH, math.ceil(len(by_key) / _PARTS)))
        left = [keys for keys in batches if not all(map(is_done, keys))]
        bar.update(len(tasks) - sum(map(len, left)))
        chosen = ([by_key[key] for key in keys] for keys in left)
        found = shared_map(many.rows, many.work, chosen, jobs)
        for keys, rows in zip(left, found, strict=True):
            for key, row in zip(keys, rows, strict=True):
                if row["status"] == FAILED:
                    log.warning("skipped: %s", row["error"])
                keep(key, row)
            bar.update(len(keys))
        rows = [done[key] for key in by_key]
        write_rows(out / SUMMARY, rows)
        if write is not None:
            write(rows)
    _conclude(rows, many.done, out / SUMMARY)


def _conclude(rows: Sequence[Row], verb: str, summary: Path) -> None:
    failed = sum(row["status"] == FAILED for row in rows)
    warned = sum(bool(row["warnings"]) for row in rows)
    if failed == len(rows):
        raise InputError(f"none of {failed} recordings could be {verb}: see {summary}")
    log.info(
        "%d of %d %s, %d of them with warnings; %d failed: %s",
        *(len(rows) - failed, len(rows), verb, warned, failed, summary),
    )


def stamp(path: Path) -> str:
    """What changes with the content of a file, or with its coming into being."""
    found = attempt(path.stat)
    if isinstance(found, Exception):
        return f"{path}: none"
    return f"{path}: {found.st_size} {found.st_mtime_ns}"


def _identity(task: Task) -> str:
    return f"{task.name} {stamp(task.wav)} {task.text!r}"


def file_of(task: Task) -> tuple[Path, str]:
    """Recording and text of a task. Raises InputError for one that has a fault."""
    if task.fault:
        raise InputError(task.fault)
    return task.wav, task.text


def first_cells(task: Task, status: str, outcome: object) -> Row:
    """The first columns of a row: wav, name, status (failed for an exception) and error."""
    failed = isinstance(outcome, Exception)
    return {
        "wav": _cell(str(task.wav)),
        "name": task.name,
        "status": FAILED if failed else status,
        "error": _cell(_error(task, outcome)) if isinstance(outcome, Exception) else "",
    }


def _cell(path: str) -> str:
    """A path, or what begins with one, that is no formula in a spreadsheet, and is UTF-8."""
    plain = path.encode("utf-8", "backslashreplace").decode()
    return f"./{plain}" if plain.startswith(("=", "+", "-", "@", "\t", "\r")) else plain


def _error(task: Task, error: Exception) -> str:
    if isinstance(error, InputError):
        return str(error)
    log.error("%s", task.wav, exc_info=error)
    return f"{task.wav}: {type(error).__name__}: {error}"
