"""The stages `score` and `score_all`: feedback on new recordings."""

import json
import logging
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import pandas as pd

from pyscorer.audio import read_audio
from pyscorer.datadir import UTTERANCE_ASPECTS
from pyscorer.errors import InputError
from pyscorer.feedback.bundle import GraderBundle, is_grader_bundle, load_grader_bundle
from pyscorer.feedback.forms import as_json, as_text, write_textgrid
from pyscorer.feedback.page import as_page
from pyscorer.feedback.quality import read_recording
from pyscorer.feedback.recording import grade_recording
from pyscorer.files import atomic_open
from pyscorer.grading.grades import RecordingGrade
from pyscorer.parallel import ordered_map
from pyscorer.progress import progress_bar
from pyscorer.pronunciation.bundle import load_bundle
from pyscorer.pronunciation.score import as_table, score_samples
from pyscorer.scores import write_rows

log = logging.getLogger(__name__)

Form = Literal["text", "json", "textgrid", "html"]
ENDINGS = {
    "text": ".txt",
    "json": ".json",
    "textgrid": ".TextGrid",
    "html": ".html",
}
AUDIO = (".wav", ".flac", ".ogg", ".opus", ".mp3", ".aif", ".aiff", ".au", ".m4a")
"""File name endings that score_all takes for audio; libsndfile says no to m4a, which is told."""
SUMMARY = "summary.csv"


def score(
    model: Path, wav: Path, text: str, format: Form = "text", out: Path | None = None
) -> None:
    """Score one recording of `text` read aloud.

    `model` is a directory that `bundle_grader` or `bundle` made; `wav` any audio that libsndfile
    reads, at any rate (channels are averaged, the rate converted). Prints the result, or writes it
    to the file `out`; textgrid and html need `out`. A grader gives scores with intervals of the
    utterance, its words and phones, what was said instead, pace, pauses and advice; a scorer of
    `bundle` gives text and json alone: the utterance's score and a line a phone.

    Raises InputError for audio that is missing, unreadable, empty, silent, noise, too short for the
    text or longer than 30 s, and for text without English words; a scorer of `bundle` also for
    words outside its lexicon.
    """
    if format in ("textgrid", "html") and out is None:
        raise InputError(f"--format {format}: give the file to write with --out")
    if not is_grader_bundle(model):
        _write(_by_scorer(model, wav, text, format), out)
        return
    samples, grade = grade_file(load_grader_bundle(model), wav, text)
    write_form(format, samples, grade, out)


def _by_scorer(model: Path, wav: Path, text: str, form: Form) -> str:
    loaded = load_bundle(model)
    if form in ("textgrid", "html"):
        raise InputError(f"{model}: of bundle, which gives text and json; a grader gives {form}")
    samples = read_audio(wav, resample=True)
    try:
        result = score_samples(loaded, samples, text)
    except InputError as error:
        raise InputError(f"{wav}: {error}") from None
    return json.dumps(asdict(result), indent=2) + "\n" if form == "json" else as_table(result)


def grade_file(bundle: GraderBundle, path: Path, text: str) -> tuple[np.ndarray, RecordingGrade]:
    """Samples and grade of an audio file; what is wrong with it is an InputError naming it."""
    samples, warnings = read_recording(path)
    try:
        grade = grade_recording(bundle, samples, text)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    return samples, replace(grade, warnings=(*warnings, *grade.warnings))


def write_form(form: str, samples: np.ndarray, grade: RecordingGrade, out: Path | None) -> None:
    """Write a grade in one form into `out`, or to standard output."""
    if form == "textgrid" and out is not None:
        write_textgrid(out, grade)
    elif form == "html":
        _write(as_page(grade, samples), out)
    else:
        _write(as_json(grade) if form == "json" else as_text(grade), out)


def _write(content: str, out: Path | None) -> None:
    if out is None:
        print(content, end="")
        return
    with atomic_open(out) as stream:
        stream.write(content)


@dataclass(frozen=True)
class ScoreAllOptions:
    """What `score_all` writes of each recording, and on how many cores."""

    formats: tuple[str, ...] = field(
        default=("json", "html"), metadata={"help": f"of {', '.join(get_args(Form))}"}
    )
    jobs: int = field(default=0, metadata={"help": "processes; 0: as many as there are cores"})


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
    recording that cannot be scored is reported there and skipped.

    Raises InputError for a model or list that cannot be read, and if no recording could be scored.
    """
    if (manifest is None) == (wavs is None):
        raise InputError("give either --manifest or --wavs")
    unknown = [name for name in options.formats if name not in ENDINGS]
    if unknown:
        raise InputError(f"--formats {unknown[0]}: known are {', '.join(ENDINGS)}")
    tasks = read_manifest(manifest) if manifest else find_recordings(wavs)  # type: ignore[arg-type]
    if not is_grader_bundle(model):
        raise InputError(f"{model}: score_all takes a directory that bundle_grader made")
    _bundle(model)  # a faulty model is reported before any work
    work = partial(_score_one, model=model, out=out, formats=options.formats)
    rows = []
    with progress_bar(desc="score_all", total=len(tasks), unit="recording") as bar:
        for row in ordered_map(work, tasks, options.jobs):
            if row["status"] == "failed":
                log.warning("skipped: %s", row["error"])
            rows.append(row)
            bar.update()
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
    taken: dict[str, int] = {}
    tasks = []
    for wav, text in pairs:
        taken[wav.stem] = taken.get(wav.stem, 0) + 1
        number = taken[wav.stem]
        tasks.append(Task(wav, text, wav.stem if number == 1 else f"{wav.stem}-{number}"))
    return tasks


_bundle = lru_cache(maxsize=1)(load_grader_bundle)


def _score_one(
    task: Task, model: Path, out: Path, formats: tuple[str, ...]
) -> dict[str, str | float]:
    """A row of the summary; nothing that is wrong with one recording ends the run."""
    try:
        if task.text is None:
            raise InputError(f"{task.wav}: no text: {task.wav.with_suffix('.txt')} is missing")
        samples, grade = grade_file(_bundle(model), task.wav, task.text)
        for form in formats:
            write_form(form, samples, grade, out / f"{task.name}{ENDINGS[form]}")
    except InputError as error:
        return _row(task, str(error), None)
    except Exception as error:
        log.exception("%s", task.wav)
        return _row(task, f"{task.wav}: {type(error).__name__}: {error}", None)
    return _row(task, "", grade)


def _row(task: Task, error: str, grade: RecordingGrade | None) -> dict[str, str | float]:
    row: dict[str, str | float] = {
        "wav": str(task.wav),
        "name": task.name,
        "status": "scored" if grade else "failed",
        "error": error,
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
