"""What was heard, against what was wanted: the words of a transcript, and phones."""

from dataclasses import dataclass

import kaldialign

from pyscorer.grading.grades import PhoneGrade, RecordingGrade, WordGrade

_NOTHING = "*"
"""No word is this."""


@dataclass(frozen=True)
class Pair:
    """A word of the text and what a recogniser heard in its place; None: nothing, or no word."""

    wanted: str | None
    heard: str | None

    @property
    def same(self) -> bool:
        """Whether they are one word."""
        return self.wanted == self.heard


def pair_words(grade: RecordingGrade) -> tuple[Pair, ...]:
    """Words of the text and of the transcript, aligned by edit distance; none without one."""
    if grade.transcript is None:
        return ()
    wanted, heard = grade.text.lower().split(), grade.transcript.lower().split()
    pairs = kaldialign.align(wanted, heard, _NOTHING)
    return tuple(Pair(*(None if w == _NOTHING else w for w in pair)) for pair in pairs)


def unlike(word: WordGrade) -> bool:
    """Whether other phones of a word were heard than were wanted."""
    return any(phone.said is not None for phone in word.phones)


def heard_phone(phone: PhoneGrade) -> str:
    """The phone that was heard: the wanted one where no other was."""
    return phone.phone if phone.said is None else phone.said
