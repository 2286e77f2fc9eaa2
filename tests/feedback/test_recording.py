"""Whether a recording is of its text."""

import numpy as np
import pytest

from pyscorer.contract.phones import ARPABET, PHONE_ID
from pyscorer.contract.recording import Measured, RecordingView, WordView
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.feedback.grade_recording import learned_rivals, posterior_rivals
from pyscorer.feedback.likeness import Fit
from pyscorer.feedback.limits import Limits
from pyscorer.feedback.quality import mismatch
from pyscorer.measures.gop import LPP_COLUMNS
from pyscorer.measures.learned_gop import LEARNED_COLUMNS, gop_columns

LIMITS = Limits(unlike=0.1, beyond=-0.4, refused=(0.04, -0.35))
PROMPT = -5.0
WORDS = ("I", "THINK", "IT", "IS")
GOOD, UNLIKE, OTHER = Fit(0.3, -0.1, 0, 0), Fit(0.07, -0.1, 0, 0), Fit(0.0, -0.5, 0, 0)


def view(heard: list[bool], prompt: float) -> RecordingView:
    words = tuple(WordView(-1.0, 1, -1.0, 0.0, h) for h in heard)
    return RecordingView(words, "SOMETHING ELSE", 1 - np.mean(heard), -0.5, prompt)


@pytest.mark.parametrize(
    ("fit", "heard", "prompt", "warned"),
    [
        (GOOD, [True, True, False, True], -1.0, False),
        (GOOD, [False, False, False, False], -3.0, False),  # a strong accent
        (GOOD, [False, False, False, True], -6.0, True),
        (UNLIKE, [True, True, False, True], -1.0, True),
        (OTHER, [True, True, False, True], -1.0, True),
    ],
)
def test_a_recording_unlike_its_text_is_warned_of(
    fit: Fit, heard: list[bool], prompt: float, warned: bool
) -> None:
    warnings = mismatch(LIMITS, fit, WORDS, view(heard, prompt), PROMPT)
    assert len(warnings) == warned
    if warned:
        assert "does not sound like the text" in warnings[0]
        assert "A recogniser heard “something else”" in warnings[0]


@pytest.mark.parametrize("fit", [UNLIKE, OTHER])
def test_a_recording_of_something_else_is_refused(fit: Fit) -> None:
    with pytest.raises(InputError, match=r"not of this text.* A recogniser heard “something else”"):
        mismatch(LIMITS, fit, WORDS, view([False, False, False, True], -6.0), PROMPT)


def test_without_a_recogniser_the_phones_alone_judge() -> None:
    assert mismatch(LIMITS, GOOD, WORDS) == ()
    assert len(mismatch(LIMITS, UNLIKE, WORDS)) == 1
    with pytest.raises(InputError, match="not of this text: it fits others as well"):
        mismatch(LIMITS, OTHER, WORDS)


def test_what_was_left_out_and_what_was_added_is_named() -> None:
    (warning,) = mismatch(LIMITS, Fit(0.3, -0.1, 0, 2), WORDS)
    assert warning == "The last 2 words (IT IS) do not sound as if read: is the recording whole?"
    (warning,) = mismatch(LIMITS, Fit(0.3, -0.1, 1, 0), WORDS)
    assert "The first word (I) does not sound" in warning
    (warning,) = mismatch(LIMITS, Fit(0.3, -0.5, 0, 0), WORDS)
    assert "Much of the recording is not in the text" in warning


def test_what_was_said_instead_is_the_likeliest_phone_if_it_is_another() -> None:
    phones = ["TH", "S"]
    segments = [PhoneSegment(0, i, p, 10 * i, 10, 0, 0) for i, p in enumerate(phones)]
    log_posteriors = np.log(np.full((2, len(ARPABET)), 0.01))
    log_posteriors[:, ARPABET.index("S")] = np.log(0.5)
    ids = np.array([PHONE_ID[p] for p in phones])
    assert learned_rivals(Measured(LEARNED_COLUMNS, gop_columns(log_posteriors, ids))) == [
        "S",
        None,
    ]
    assert posterior_rivals(Measured(LPP_COLUMNS, log_posteriors), segments) == ["S", None]
