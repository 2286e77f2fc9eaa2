"""Word error rate."""

from collections.abc import Sequence
from dataclasses import dataclass

import kaldialign


@dataclass(frozen=True)
class WordErrors:
    """Errors of a transcript against its reference."""

    words: int = 0
    """Of the reference."""
    substitutions: int = 0
    deletions: int = 0
    insertions: int = 0

    @property
    def errors(self) -> int:
        """All errors."""
        return self.substitutions + self.deletions + self.insertions

    @property
    def rate(self) -> float:
        """Errors by reference words; 0 where both are empty."""
        return self.errors / self.words if self.words else float(self.errors > 0)

    def __add__(self, other: "WordErrors") -> "WordErrors":
        return WordErrors(
            self.words + other.words,
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
        )

    def __str__(self) -> str:
        return (
            f"{self.words} words, {self.substitutions} substitutions, {self.deletions} deletions, "
            f"{self.insertions} insertions"
        )

    def row(self) -> list[str]:
        """As cells of wer.csv."""
        counts = [self.words, self.substitutions, self.deletions, self.insertions]
        return [*map(str, counts), f"{self.rate:.4f}"]


def count_errors(reference: Sequence[str], hypothesis: Sequence[str]) -> WordErrors:
    """Errors of the best alignment, as Kaldi's compute-wer counts them."""
    counts = kaldialign.edit_distance(list(reference), list(hypothesis))
    return WordErrors(len(reference), counts["sub"], counts["del"], counts["ins"])


@dataclass(frozen=True)
class Disagreement:
    """How far two recognisers heard the same words."""

    agreement: float
    """Share of the words of the first that the second has, by their best alignment."""
    rate: float
    """Word error rate of the second against the first; may be above 1."""


def disagreement(one: Sequence[str], two: Sequence[str]) -> Disagreement:
    """Compare two transcripts of an utterance, letters whatever their case.

    Two empty ones agree (1 and 0); an empty one and another do not at all (0 and 1).
    """
    first, second = ([word.casefold() for word in words] for words in (one, two))
    errors = count_errors(first, second)
    kept = errors.words - errors.substitutions - errors.deletions
    agreement = kept / errors.words if errors.words else float(not second)
    return Disagreement(agreement, errors.rate)
