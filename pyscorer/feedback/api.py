"""pyscorer in two lines: `import pyscorer; pyscorer.score("me.wav", "the text")`."""

import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from pyscorer.errors import InputError
from pyscorer.feedback.answer_types import Answer
from pyscorer.feedback.bundle import Bundle, GraderJudge, load_bundle
from pyscorer.feedback.default_bundle import chosen_model
from pyscorer.feedback.forms import as_json
from pyscorer.feedback.page import as_page
from pyscorer.feedback.score import grade_file
from pyscorer.grading.grades import RecordingGrade


@dataclass(frozen=True)
class Scorer:
    """A grader that is loaded once, for as many recordings as there are."""

    bundle: Bundle

    @classmethod
    def load(cls, model: str | os.PathLike[str] | None = None) -> "Scorer":
        """Read a directory of `bundle_grader`, without one the best that comes with the package.

        Raises InputError if there is none, a part is missing or damaged, or it is no grader's.
        """
        chosen = chosen_model(None if model is None else Path(model))
        bundle = load_bundle(chosen)
        if not isinstance(bundle.judge, GraderJudge):
            raise InputError(f"{chosen}: no grader's; give a directory of bundle_grader")
        return cls(bundle)

    def score(self, wav: str | os.PathLike[str], text: str) -> Answer:
        """What `pyscorer score --format json` says of a recording of `text` read aloud.

        `wav` is any audio that libsndfile reads, at most 30 s of it. Raises InputError for a
        recording or a text that cannot be scored; the message says why.
        """
        return cast(Answer, json.loads(as_json(self.grade(wav, text)[1])))

    def page(self, wav: str | os.PathLike[str], text: str) -> str:
        """What `pyscorer score --format html` writes: one HTML page with all in it."""
        samples, grade = self.grade(wav, text)
        return as_page(grade, samples)

    def grade(self, wav: str | os.PathLike[str], text: str) -> tuple[np.ndarray, RecordingGrade]:
        """Samples at 16 kHz, and what every form is made of."""
        samples, grade = grade_file(self.bundle, Path(wav), text)
        assert isinstance(grade, RecordingGrade)  # as the bundle is a grader's
        return samples, grade


@functools.lru_cache(maxsize=2)
def _scorer(model: str | None) -> Scorer:
    return Scorer.load(model)


def score(
    wav: str | os.PathLike[str], text: str, model: str | os.PathLike[str] | None = None
) -> Answer:
    """`Scorer.score` by the default model, or by `model`; it is loaded once and kept."""
    return _scorer(None if model is None else os.fspath(model)).score(wav, text)
