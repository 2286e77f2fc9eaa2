"""Stage `score`: feedback on one new recording."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from pyscorer.contract.files import atomic_open
from pyscorer.errors import InputError, attempt, outcome_of, unless_failed
from pyscorer.feedback.bundle import Bundle, ScorerJudge, load_bundle
from pyscorer.feedback.default_bundle import chosen_model
from pyscorer.feedback.forms import as_json, as_text, write_textgrid
from pyscorer.feedback.grade_recording import grade_recordings
from pyscorer.feedback.page import as_page
from pyscorer.feedback.quality import read_recording
from pyscorer.feedback.score_recording import Scored, as_table, score_samples, scored_json
from pyscorer.grading.grades import RecordingGrade

Form = Literal["text", "json", "textgrid", "html"]
ENDINGS = {
    "text": ".txt",
    "json": ".json",
    "textgrid": ".TextGrid",
    "html": ".html",
}
Graded = tuple[np.ndarray, RecordingGrade | Scored]
"""A recording's samples at 16 kHz, and what the grader or scorer says of it."""


def score(
    wav: Path,
    text: str,
    model: Path | None = None,
    format: Form = "text",
    out: Path | None = None,
) -> None:
    """Score one recording of `text` read aloud: `pyscorer score me.wav "the text"`.

    `model` is a directory that `bundle_grader` or `bundle` made, without one the best that comes
    with the package (`bundles/`); `wav` any audio that libsndfile reads, at any rate (channels are
    averaged, the rate converted). Prints the result, or writes it to the file `out`; textgrid and
    html need `out`. A grader gives scores with intervals of the utterance, its words and phones,
    what was said instead, pace, pauses and advice; a scorer of `bundle` gives text and json alone:
    the utterance's score and a line a phone.

    Raises InputError for audio that is missing, unreadable, empty, silent, noise, too short for the
    text, longer than 30 s or not of the text, for text without English words, and for an `out` that
    is a folder, the recording, or in the model; a scorer of `bundle` also for words outside its
    lexicon.
    """
    model = chosen_model(model)
    if format in ("textgrid", "html") and out is None:
        raise InputError(f"--format {format}: give the file to write with --out")
    if out is not None:
        if out.is_dir():
            raise InputError(f"--out {out}: a folder: give the file to write")
        check_outputs([out], [wav], model)
    bundle = load_bundle(model)
    check_forms(bundle, [format], "--format")
    samples, grade = grade_file(bundle, wav, text)
    write_form(format, samples, grade, out)


def check_outputs(outputs: Sequence[Path], inputs: Sequence[Path], model: Path) -> None:
    """Raise InputError if one of the `outputs` would be written over an input, or into `model`.

    Files are compared, not names: links, and names in another case, may lead to an input.
    """
    read = {place for path in inputs if (place := _inode(path))}
    inside = model.resolve()
    for path in outputs:
        if _inode(path) in read:
            raise InputError(f"--out: {path} would be written over, which is read: name another")
        if path.resolve().is_relative_to(inside):
            raise InputError(f"--out: {path} lies in the model {model}: name another place")
    for folder in {path.parent for path in outputs}:
        if not next(parent for parent in (folder, *folder.parents) if parent.exists()).is_dir():
            raise InputError(f"--out: {folder} cannot be made: a file is in its place")


def _inode(path: Path) -> tuple[int, int] | None:
    found = attempt(path.stat)
    return None if isinstance(found, Exception) else (found.st_dev, found.st_ino)


def check_forms(bundle: Bundle, forms: Sequence[str], flag: str) -> None:
    """Raise InputError for forms that the bundle's judge does not give."""
    for form in forms:
        if form not in forms_of(bundle):
            raise InputError(f"{flag} {form}: a grader's; a model of bundle gives text and json")


def forms_of(bundle: Bundle) -> tuple[str, ...]:
    """The forms in which the bundle's judge tells what it says."""
    return ("text", "json") if isinstance(bundle.judge, ScorerJudge) else tuple(ENDINGS)


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
    grades: Sequence[RecordingGrade | Scored | Exception]
    samples, texts = [h.samples for h in heard], [h.text for h in heard]
    if isinstance(bundle.judge, ScorerJudge):
        one = partial(attempt, score_samples, bundle, bundle.judge)
        grades = list(map(one, samples, texts))
    else:
        grades = grade_recordings(bundle, samples, texts)
    return [attempt(_graded, *pair) for pair in zip(heard, grades, strict=True)]


def _graded(heard: _Heard, tried: RecordingGrade | Scored | Exception) -> Graded:
    if isinstance(tried, InputError):
        raise InputError(f"{heard.path}: {tried}")
    if isinstance(tried, Exception):
        raise tried
    return heard.samples, replace(tried, warnings=(*heard.warnings, *tried.warnings))


def write_form(
    form: str, samples: np.ndarray, grade: RecordingGrade | Scored, out: Path | None
) -> None:
    """Write a grade in one form into `out`, or to standard output."""
    if isinstance(grade, Scored):
        _write(scored_json(grade) if form == "json" else as_table(grade), out)
    elif form == "textgrid" and out is not None:
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
