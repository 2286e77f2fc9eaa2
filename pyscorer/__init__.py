"""Kaldi-integrated pipelines that score second-language speech, reproducibly."""

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
__all__ = ["Answer", "InputError", "Scorer", "score"]

if TYPE_CHECKING:
    from pyscorer.errors import InputError
    from pyscorer.feedback.answer_types import Answer
    from pyscorer.feedback.api import Scorer, score

_LAZY = {
    "Answer": "pyscorer.feedback.answer_types",
    "InputError": "pyscorer.errors",
    "Scorer": "pyscorer.feedback.api",
    "score": "pyscorer.feedback.api",
}


def __getattr__(name: str) -> Any:
    # When it is asked for: torch and the rest take seconds, which `pyscorer --help` does without.
    if name not in _LAZY:
        raise AttributeError(f"module 'pyscorer' has no attribute {name!r}")
    from pyscorer.imports import imported

    return getattr(imported(_LAZY[name]), name)
