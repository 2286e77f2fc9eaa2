"""Whether a recording is of its text."""

import numpy as np
import pytest

from pyscorer.contract.phones import ARPABET, PHONE_ID
from pyscorer.contract.recording import Measured, RecordingView, WordView
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.feedback.grade_recording import learned_rivals, posterior_rivals
from pyscorer.feedback.norms import Norms
from pyscorer.feedback.quality import mismatch
from pyscorer.measures.gop import LPP_COLUMNS
from pyscorer.measures.learned_gop import LEARNED_COLUMNS, gop_columns

NORMS = Norms((6.2, 11.0), (0.0, 0.11), 0.49, likeness=-3.4, prompt=-5.0)
LIKE, UNLIKE = -1.5, -4.5


def view(heard: list[bool], prompt: float) -> RecordingView:
    words = tuple(WordView(-1.0, 1, -1.0, 0.0, h) for h in heard)
    return RecordingView(words, "SOMETHING ELSE", 1 - np.mean(heard), -0.5, prompt)


@pytest.mark.parametrize(
    ("likeness", "heard", "prompt", "warned"),
    [
        (LIKE, [True, True, False, True], -1.0, False),
        (LIKE, [False, False, False, False], -3.0, False),  # a strong accent
        (LIKE, [False, False, False, True], -6.0, True),
        (UNLIKE, [True, True, False, True], -1.0, True),
    ],
)
def test_a_recording_unlike_its_text_is_warned_of(
    likeness: float, heard: list[bool], prompt: float, warned: bool
) -> None:
    warnings = mismatch(NORMS, likeness, view(heard, prompt))
    assert len(warnings) == warned
    if warned:
        assert "does not sound like the text" in warnings[0]
        assert "A recogniser heard “something else”" in warnings[0]


def test_a_recording_of_something_else_is_refused() -> None:
    with pytest.raises(InputError, match=r"not of this text\. A recogniser heard “something else”"):
        mismatch(NORMS, UNLIKE, view([False, False, False, True], -6.0))


def test_without_a_recogniser_the_phones_alone_warn() -> None:
    assert mismatch(NORMS, LIKE, None) == ()
    assert len(mismatch(NORMS, UNLIKE, None)) == 1


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
