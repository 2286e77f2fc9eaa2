"""Stage `score`: feedback on one new recording."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Literal

import numpy as np

from pyscorer.audio import read_audio
from pyscorer.errors import InputError
from pyscorer.feedback.bundle import GraderBundle, is_grader_bundle, load_grader_bundle
from pyscorer.feedback.forms import as_json, as_text, write_textgrid
from pyscorer.feedback.page import as_page
from pyscorer.feedback.quality import read_recording
from pyscorer.feedback.recording import grade_recording
from pyscorer.files import atomic_open
from pyscorer.grading.grades import RecordingGrade
from pyscorer.pronunciation.bundle import load_bundle
from pyscorer.pronunciation.score import as_table, score_samples

Form = Literal["text", "json", "textgrid", "html"]
ENDINGS = {
    "text": ".txt",
    "json": ".json",
    "textgrid": ".TextGrid",
    "html": ".html",
}


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
