"""Recordings of something else, held against a grader that was trained on a corpus.

The grader is that of PYSCORER_GRADER (a directory of bundle_grader), or of a run of
config/grading.yaml in this repository; without one the tests are skipped.
"""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made_models import speak

from pyscorer.errors import InputError
from pyscorer.feedback.bundle import Bundle, load_bundle
from pyscorer.feedback.grade_recording import grade_recording
from pyscorer.lexicon.espeak import Voice, mnemonics, synthesise

TEXT = "I THINK THE WEATHER IS FINE"
RUNS = Path(__file__).resolve().parents[2] / "results"


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    given = os.environ.get("PYSCORER_GRADER")
    found = [Path(given)] if given else sorted(RUNS.glob("speechocean762/graders/*"))
    if not found:
        pytest.skip("no trained grader: set PYSCORER_GRADER to a directory of bundle_grader")
    loaded = load_bundle(found[0])
    if loaded.recogniser is None:
        pytest.skip(f"{found[0]} has no recogniser")
    return loaded


def music() -> np.ndarray:
    """Four seconds of plucked notes."""
    time = np.arange(8000) / 16000
    notes = [
        sum(np.sin(2 * np.pi * f * h * time) * np.exp(-6 * time) / h for h in (1, 2, 3))
        for f in (262, 330, 392, 523, 392, 330, 262, 196)
    ]
    return (0.2 * np.concatenate(notes)).astype(np.float32)


def another_language() -> np.ndarray:
    """Synthetic German."""
    words = ("IH SH", "M EH SH T AH", "G EH R N AH", "AY N", "B R OW T", "UH N T", "M IH L SH")
    spoken = [mnemonics(word.split(), None) for word in words]
    return synthesise(Voice("en+m3", 50, 1.0), spoken, 130, 40).astype(np.float32)


def wind() -> np.ndarray:
    """Noise that swells as speech does."""
    swell = 1 + np.sin(np.arange(48000) / 3000)
    noise: np.ndarray = 0.05 * np.random.default_rng(0).normal(size=48000) * swell
    return noise.astype(np.float32)


def test_speech_of_the_text_is_graded_without_warning(bundle: Bundle) -> None:
    grade = grade_recording(bundle, speak(TEXT), TEXT)
    assert grade.warnings == ()
    assert grade.aspects["total"].value > 6


@pytest.mark.parametrize(
    "make", [music, another_language, wind, lambda: speak("THE GIRL BOUGHT A PAIR OF SHOES")]
)
def test_what_is_not_the_text_is_refused(bundle: Bundle, make: Callable[[], np.ndarray]) -> None:
    with pytest.raises(InputError, match="not of this text"):
        grade_recording(bundle, make(), TEXT)


def test_telephone_speech_of_the_text_is_graded(bundle: Bundle) -> None:
    narrow = np.repeat(speak(TEXT)[::2], 2)
    assert 4 < grade_recording(bundle, narrow, TEXT).aspects["total"].value <= 10
