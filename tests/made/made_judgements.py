"""Judgements made by hand, and recordings that they could be of."""

from pyscorer.contract.classes import ACCEPTED, Classes
from pyscorer.contract.ctm import Segment
from pyscorer.contract.decoded import Alternative, Decoded
from pyscorer.feedback.judge_forms import Judged
from pyscorer.proficiency.edits import Edit
from pyscorer.proficiency.judgement import Judgement, Opinion

LEVELS = Classes("levels", ("A1", "A2", "B1"))
HEARD = Decoded(
    "recording",
    (
        Segment("i", 20, 10, 0.98),
        Segment("want", 30, 25, 0.93),
        Segment("two", 60, 20, 0.41),
        Segment("tickets", 80, 50, None),
    ),
    (Alternative(("i", "want", "two", "tickets"), -1.0), Alternative(("i", "want"), -4.0)),
)


def rejected() -> Judged:
    """A recording in which `two` was said for `three`, and `please` left out."""
    words = "i want two tickets"
    edits = (
        Edit("i", "i"),
        Edit("want", "want"),
        Edit("three", "two"),
        Edit("tickets", "tickets"),
        Edit("please", ""),
    )
    experts = {
        "fbk1": Opinion(0.2, 0.61, (0.2, 0.8)),
        "GRU-DEEP": Opinion(0.7, 0.3, (0.7, 0.3)),
    }
    judgement = Judgement(
        *(ACCEPTED, "Frag: 3 Karten", words, "reject", 0.31, 0.5),
        *(True, edits, (0.31, 0.69), experts, ("The recording is noisy.",)),
    )
    return Judged(judgement, HEARD, 1.6)


def levelled() -> Judged:
    """A typed answer to a prompt that is not known, of three levels."""
    experts = {"fbk1": Opinion(1.7, 0.9, (0.05, 0.2, 0.75))}
    judgement = Judgement(
        *(LEVELS, "Tell me <about> it", "it is nice", "B1", 1.64, None),
        *(False, (), (0.06, 0.24, 0.7), experts, (), (0.5, 1.6)),
    )
    return Judged(judgement)
