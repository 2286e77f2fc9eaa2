"""How far two alignments of the same utterances are apart."""

import gzip
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.contract.ctm import Segment, read_ctm
from pyscorer.contract.phones import SILENCE

WordPhones = list[list[Segment]]
"""The phones of each word of an utterance, silence left out."""


@dataclass(frozen=True)
class BoundaryDifferences:
    """Phone starts of one alignment minus those of a reference, over words of equal phones."""

    frames: np.ndarray
    """(phones,) int: difference of the starts in frames of 10 ms."""
    words: int
    """Words in both."""
    words_agreeing: int
    """Words whose phones are the same in both; only they are compared."""

    @property
    def median(self) -> float:
        """Median absolute difference in milliseconds."""
        return float(np.median(np.abs(self.frames))) * 10

    def within(self, milliseconds: float) -> float:
        """Share of phone starts that differ by at most `milliseconds`."""
        return float((np.abs(self.frames) * 10 <= milliseconds).mean())

    def __str__(self) -> str:
        shares = ", ".join(f"{self.within(limit):.1%} within {limit} ms" for limit in (10, 20, 30))
        return (
            f"{len(self.frames)} phone starts: median {self.median:.0f} ms, mean "
            f"{np.abs(self.frames).mean() * 10:.1f} ms, {shares}; {self.words_agreeing} of "
            f"{self.words} words have the same phones"
        )


def read_word_phones(directory: Path) -> Iterator[tuple[str, WordPhones]]:
    """Yield (utterance, phones of each word) from the phones.ctm and words.ctm of `align`."""
    words_of = dict(read_ctm(directory / "words.ctm"))
    for key, phones in read_ctm(directory / "phones.ctm"):
        yield (
            key,
            [
                [p for p in phones if word.start <= p.start < word.end and p.label != SILENCE]
                for word in words_of[key]
            ],
        )


def read_kaldi_table(path: Path) -> dict[str, WordPhones]:
    """Read gzipped lines `utterance phone start length wordindex word` (word index -1: silence)."""
    table: dict[str, WordPhones] = {}
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for line in stream:
            key, phone, start, length, index, _ = line.split()
            words = table.setdefault(key, [])
            if int(index) >= 0:
                while len(words) <= int(index):
                    words.append([])
                words[int(index)].append(Segment(phone, int(start), int(length)))
    return table


def boundary_differences(
    ours: Mapping[str, Sequence[Sequence[Segment]]],
    reference: Mapping[str, Sequence[Sequence[Segment]]],
) -> BoundaryDifferences:
    """Compare the phone starts of the utterances that are in both."""
    frames: list[int] = []
    words = agreeing = 0
    for key in ours.keys() & reference.keys():
        for mine, other in zip(ours[key], reference[key], strict=True):
            words += 1
            if [p.label for p in mine] == [p.label for p in other]:
                agreeing += 1
                frames += [a.start - b.start for a, b in zip(mine, other, strict=True)]
    return BoundaryDifferences(np.array(frames, dtype=int), words, agreeing)
