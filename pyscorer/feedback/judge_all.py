"""Stage `judge_all`: many new recorded responses, judged."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pyscorer.contract.files import atomic_open, read_json
from pyscorer.errors import InputError, attempt
from pyscorer.feedback.journal import Row
from pyscorer.feedback.judge_bundle import JudgeModel, load_judge_model
from pyscorer.feedback.judge_forms import Judged, as_content
from pyscorer.feedback.judge_page import page_of
from pyscorer.feedback.judge_recording import judge_file
from pyscorer.feedback.many import (
    DONE,
    FAILED,
    SUMMARY,
    Many,
    check_source,
    file_of,
    first_cells,
    run_all,
    stamp,
)
from pyscorer.feedback.score import check_outputs
from pyscorer.feedback.tasks import PROMPT, Task, find_recordings, named, read_manifest
from pyscorer.options import option

PAGE = "judgements.html"
_JUDGED = "judged"


@dataclass(frozen=True)
class JudgeAllOptions:
    """On how many cores `judge_all` works."""

    jobs: int = option(0, "processes; 0: as many as there are cores", ge=0)


def judge_all(
    model: Path,
    out: Path,
    table: Path | None = None,
    wavs: Path | None = None,
    options: JudgeAllOptions = JudgeAllOptions(),
) -> None:
    """Judge many recorded responses with a folder of `judge_model`.

    They are listed in `table`, a CSV with the columns wav (paths, taken from the table's folder if
    relative) and prompt, and perhaps id, which then names what is written; or found in the folder
    `wavs` and below it, the prompt of each in a file of the same name that ends in .prompt.txt.
    With both, paths in the table are taken from `wavs`, and what it does not list is looked for
    there.

    Writes of each recording out/<name>.json, and of all out/judgements.html and out/summary.csv:
    wav, name, status (judged, or failed), error, duration, prompt, known_prompt, transcript,
    confidence (the mean of its words), decision, score, the posterior of each class,
    closest_accepted, edits, warnings. What cannot be judged has a row with its error. A run that
    was killed goes on where it was.

    Raises InputError for a model or table that cannot be read, for a model without a recogniser,
    for an `out` where input would be written over, and if no recording could be judged.
    """
    check_source(wavs, out)
    tasks = _tasks(table, wavs, out)
    loaded = load_judge_model(model)
    if loaded.ears is None:
        raise InputError(f"{model}: no recogniser in it, as it was made of transcripts")
    work = _Work(loaded, out)
    inputs = [path for t in tasks for path in (t.wav, t.beside) if path is not None]
    written = [path for task in tasks for path in _outputs(out, task)]
    check_outputs(
        [*written, out / SUMMARY, out / PAGE, out / DONE],
        [*inputs, *([table] if table else [])],
        model,
    )
    many = Many("judge_all", _JUDGED, work, _judge_batch, partial(_outputs, out))
    settings = [*map(stamp, sorted(model.rglob("*")))]
    run_all(many, tasks, out, settings, options.jobs, partial(_write_page, out, table or wavs))


def _tasks(table: Path | None, wavs: Path | None, out: Path) -> list[Task]:
    if table is None and wavs is None:
        raise InputError("give --table, or --wavs, or both")
    if table is None:
        return find_recordings(wavs, out, PROMPT)  # type: ignore[arg-type]
    listed = read_manifest(table, PROMPT, wavs)
    if wavs is None:
        return listed
    there = {task.wav.resolve() for task in listed}
    others = [t for t in find_recordings(wavs, out, PROMPT) if t.wav.resolve() not in there]
    return named([*listed, *others])


def _outputs(out: Path, task: Task) -> list[Path]:
    return [] if task.fault else [out / f"{task.name}.json"]


@dataclass(frozen=True)
class _Work:
    """What all batches share."""

    model: JudgeModel
    out: Path


def _judge_batch(work: _Work, tasks: list[Task]) -> list[Row]:
    """Rows of the summary; nothing that is wrong with one recording ends the run."""
    return [_row(work, task, attempt(_judge, work, task)) for task in tasks]


def _judge(work: _Work, task: Task) -> Judged:
    _, judged = judge_file(work.model, *file_of(task))
    (path,) = _outputs(work.out, task)
    with atomic_open(path) as stream:
        json.dump(as_content(judged), stream, indent=1, ensure_ascii=False)
    return judged


def _row(work: _Work, task: Task, outcome: Judged | Exception) -> Row:
    row = first_cells(task, _JUDGED, outcome)
    judged = None if isinstance(outcome, Exception) else outcome
    told = judged.judgement if judged else None
    names = work.model.judge.best.rule.classes.names
    confidence = judged.confidence if judged else None
    row |= {
        "duration": judged.duration or 0.0 if judged else "",
        "prompt": _text_cell(told.prompt if told else task.text),
        "known_prompt": str(told.known_prompt).lower() if told else "",
        "transcript": told.response if told else "",
        "confidence": "" if confidence is None else round(confidence, 3),
        "decision": told.decision if told else "",
        "score": round(told.score, 4) if told else "",
    }
    shares = dict(zip(names, told.posteriors, strict=False)) if told else {}
    row |= {f"p({name})": shares.get(name, "") for name in names}
    return row | {
        "closest_accepted": told.closest_accepted if told else "",
        "edits": told.marked if told else "",
        "warnings": " ".join(told.warnings) if told else "",
    }


def _text_cell(text: str) -> str:
    """Text of the user's that is no formula in a spreadsheet."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _write_page(out: Path, source: Path | None, rows: Sequence[Row]) -> None:
    failed = sum(row["status"] == FAILED for row in rows)
    decisions = [str(row["decision"]) for row in rows if row["status"] != FAILED]
    counts = ", ".join(f"{decisions.count(d)} {d}" for d in sorted(set(decisions)))
    summary = f"{len(rows)} recordings: {counts or 'none judged'}; {failed} failed."
    with atomic_open(out / PAGE) as stream:
        stream.writelines(page_of(_contents(out, rows), f"Judgements of {source}", "", summary))


def _contents(out: Path, rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """What the page shows of each recording, read one after another."""
    for row in rows:
        if row["status"] == FAILED:
            yield {"name": row["name"], "prompt": row["prompt"], "error": row["error"]}
        else:
            yield read_json(out / f"{row['name']}.json") | {"name": row["name"]}
