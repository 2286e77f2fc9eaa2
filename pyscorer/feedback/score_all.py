"""Stage `score_all`: feedback on many new recordings."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

from pyscorer.contract.scales import Scales
from pyscorer.errors import InputError, attempt, unless_failed
from pyscorer.feedback.bundle import Bundle, GraderJudge, load_bundle
from pyscorer.feedback.default_bundle import chosen_model
from pyscorer.feedback.journal import Row
from pyscorer.feedback.many import (
    DONE,
    SUMMARY,
    Many,
    check_source,
    file_of,
    first_cells,
    run_all,
    stamp,
)
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

_SCORED = "scored"
_COLUMNS = {"wav", "name", "status", "error", "duration", "pace", "pauses", "warnings"}
"""Of the summary beside those of scores; an aspect of such a name is called `pauses_score`."""


@dataclass(frozen=True)
class ScoreAllOptions:
    """What `score_all` writes of each recording, and on how many cores."""

    formats: tuple[str, ...] = option(
        (), f"of {', '.join(get_args(Form))}; none: json, and html if a grader scores"
    )
    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def score_all(
    out: Path,
    model: Path | None = None,
    manifest: Path | None = None,
    wavs: Path | None = None,
    options: ScoreAllOptions = ScoreAllOptions(),
) -> None:
    """Score many recordings with a directory of `bundle_grader` or `bundle`, as `score`.

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
    check_source(wavs, out)
    model = chosen_model(model)
    tasks = read_manifest(manifest) if manifest else find_recordings(wavs, out)  # type: ignore[arg-type]
    bundle = load_bundle(model)
    check_forms(bundle, options.formats, "--formats")
    forms = options.formats or tuple(f for f in ("json", "html") if f in forms_of(bundle))
    inputs = [path for t in tasks for path in (t.wav, t.beside) if path is not None]
    written = [path for task in tasks for path in _outputs(out, forms, task)]
    check_outputs(
        [*written, out / SUMMARY, out / DONE], [*inputs, *([manifest] if manifest else [])], model
    )
    many = Many(
        "score_all", _SCORED, _Work(bundle, out, forms), _score_batch, partial(_outputs, out, forms)
    )
    settings = [*map(stamp, sorted(model.rglob("*"))), *forms]
    run_all(many, tasks, out, settings, options.jobs)


def _outputs(out: Path, forms: Sequence[str], task: Task) -> list[Path]:
    return [] if task.fault else [out / f"{task.name}{ENDINGS[form]}" for form in forms]


@dataclass(frozen=True)
class _Work:
    """What all batches share."""

    bundle: Bundle
    out: Path
    forms: tuple[str, ...]


def _score_batch(work: _Work, tasks: list[Task]) -> list[Row]:
    """Rows of the summary; nothing that is wrong with one recording ends the run."""
    files = [attempt(file_of, task) for task in tasks]
    graded = unless_failed(partial(grade_files, work.bundle), files)
    return [
        _row(work, task, _written(work, task, each))
        for task, each in zip(tasks, graded, strict=True)
    ]


def _written(
    work: _Work, task: Task, graded: Graded | Exception
) -> RecordingGrade | Scored | Exception:
    """The grade, after it was written. A full disk ends the run: no recording is at fault."""
    if isinstance(graded, Exception):
        return graded
    samples, grade = graded
    for form, path in zip(work.forms, _outputs(work.out, work.forms, task), strict=True):
        try:
            write_form(form, samples, grade, path)
        except OSError:
            raise
        except Exception as error:
            return error
    return grade


def _row(work: _Work, task: Task, outcome: RecordingGrade | Scored | Exception) -> Row:
    grade = None if isinstance(outcome, Exception) else outcome
    row = first_cells(task, _SCORED, outcome) | {
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
