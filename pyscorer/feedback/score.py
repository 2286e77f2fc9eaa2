"""Stage `score`: feedback on one new recording."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError, attempt, outcome_of, unless_failed
from pyscorer.feedback.bundle import Bundle, ScorerJudge, load_bundle
from pyscorer.feedback.forms import as_json, as_text, write_textgrid
from pyscorer.feedback.grade_recording import grade_recordings
from pyscorer.feedback.page import as_page
from pyscorer.feedback.quality import read_recording
from pyscorer.feedback.score_recording import as_table, score_samples
from pyscorer.grading.grades import RecordingGrade

Form = Literal["text", "json", "textgrid", "html"]
ENDINGS = {
    "text": ".txt",
    "json": ".json",
    "textgrid": ".TextGrid",
    "html": ".html",
}
Graded = tuple[np.ndarray, RecordingGrade]
"""A recording's samples at 16 kHz, and what the grader says of it."""


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
    bundle = load_bundle(model)
    if isinstance(bundle.judge, ScorerJudge):
        _write(_by_scorer(bundle, bundle.judge, wav, text, format), out)
        return
    samples, grade = grade_file(bundle, wav, text)
    write_form(format, samples, grade, out)


def _by_scorer(bundle: Bundle, judge: ScorerJudge, wav: Path, text: str, form: Form) -> str:
    if form in ("textgrid", "html"):
        raise InputError(f"--format {form}: a grader's; a model of bundle gives text and json")
    samples, warnings = read_recording(wav)
    try:
        result = score_samples(bundle, judge, samples, text)
    except InputError as error:
        raise InputError(f"{wav}: {error}") from None
    result = replace(result, warnings=(*warnings, *result.warnings))
    return json.dumps(asdict(result), indent=2) + "\n" if form == "json" else as_table(result)


@dataclass(frozen=True)
class _Heard:
    """An audio file that can be graded."""

    path: Path
    text: str
    samples: np.ndarray
    warnings: tuple[str, ...]


def grade_file(bundle: Bundle, path: Path, text: str) -> Graded:
    """Samples and grade of an audio file; what is wrong with it is an InputError naming it."""
    (graded,) = grade_files(bundle, [(path, text)])
    return outcome_of(graded)


def grade_files(bundle: Bundle, files: Sequence[tuple[Path, str]]) -> list[Graded | Exception]:
    """`grade_file` of several, graded together; an exception in the place of a bad one."""
    heard = [attempt(_hear, *file) for file in files]
    return unless_failed(partial(_grade, bundle), heard)


def _hear(path: Path, text: str) -> _Heard:
    return _Heard(path, text, *read_recording(path))


def _grade(bundle: Bundle, heard: list[_Heard]) -> list[Graded | Exception]:
    grades = grade_recordings(bundle, [h.samples for h in heard], [h.text for h in heard])
    return [attempt(_graded, *pair) for pair in zip(heard, grades, strict=True)]


def _graded(heard: _Heard, tried: RecordingGrade | Exception) -> Graded:
    try:
        grade = outcome_of(tried)
    except InputError as error:
        raise InputError(f"{heard.path}: {error}") from None
    return heard.samples, replace(grade, warnings=(*heard.warnings, *grade.warnings))


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
