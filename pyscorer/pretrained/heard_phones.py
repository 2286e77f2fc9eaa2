"""The stage heard_phones: a recogniser's transcript, phone by phone against the text.

A word that was not heard says little about its phones; "sing" heard for "thing" accuses TH alone.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from pyscorer.contract.files import read_table
from pyscorer.contract.pooled import write_columns
from pyscorer.contract.recording import Recording, pooled_recordings
from pyscorer.contract.tables import read_rows
from pyscorer.errors import InputError
from pyscorer.lexicon.dictionary import Lexicon, read_lexicon
from pyscorer.lexicon.words import guess_pronunciations

HEARD_COLUMNS = ("heard", "likeness", "missing", "inserted_before", "inserted_after")
"""Whether the phone was heard; how like it is what was heard in its place (1 the same, 0 nothing);
whether nothing was; phones heard beside it that the text does not have, at most _MOST_INSERTED."""

_VOWELS = {
    "IY": (2, 0, 0, 0.5), "IH": (2, 0, 0, 0), "EH": (1, 0, 0, 0), "AE": (0, 0, 0, 0),
    "AH": (1, 1, 0, 0), "ER": (1, 1, 0, 2), "AA": (0, 2, 0, 0), "AO": (0, 2, 1, 0),
    "UH": (2, 2, 1, 0), "UW": (2, 2, 1, 0.5), "EY": (1, 0, 0, 1), "AY": (0, 1, 0, 1),
    "AW": (0, 1, 1, 1), "OW": (1, 2, 1, 1), "OY": (1, 2, 1, 1.5),
}  # fmt: skip
"""Height, backness, rounding, and what else tells them apart: length, glide, r."""
_CONSONANTS = {
    "P": (0, 0, 0), "B": (0, 0, 1), "T": (0, 3, 0), "D": (0, 3, 1), "K": (0, 6, 0), "G": (0, 6, 1),
    "F": (1, 1, 0), "V": (1, 1, 1), "TH": (1, 2, 0), "DH": (1, 2, 1), "S": (1, 3, 0),
    "Z": (1, 3, 1), "SH": (1, 4, 0), "ZH": (1, 4, 1), "HH": (1, 7, 0), "CH": (2, 4, 0),
    "JH": (2, 4, 1), "M": (3, 0, 1), "N": (3, 3, 1), "NG": (3, 6, 1), "W": (4, 0, 1),
    "L": (4, 3, 1), "R": (4, 4, 1), "Y": (4, 5, 1),
}  # fmt: skip
"""Manner, place from the lips to the throat, voice."""
_GAP = 0.7
"""Of a phone that has no partner: cheaper than two unlike phones, dearer than two near ones."""
_MOST_INSERTED = 3


@cache
def phone_distance(a: str, b: str) -> float:
    """How unlike two phones are: 0 the same, up to 1; 1.2 for a vowel and a consonant."""
    if a == b:
        return 0.0
    if a in _VOWELS and b in _VOWELS:
        apart = sum(abs(x - y) for x, y in zip(_VOWELS[a], _VOWELS[b], strict=True))
        return min(1.0, 0.25 + 0.15 * apart)
    if a in _CONSONANTS and b in _CONSONANTS:
        (manner, place, voice), other = _CONSONANTS[a], _CONSONANTS[b]
        unlike = 0.35 * (manner != other[0]) + 0.15 * (voice != other[2])
        return min(1.0, 0.2 + unlike + 0.1 * abs(place - other[1]))
    return 1.2


def heard_columns(canonical: Sequence[str], heard: Sequence[str]) -> np.ndarray:
    """HEARD_COLUMNS of the `canonical` phones (phones x 5), aligned with those `heard`.

    Along the cheapest edits; a substitution costs the `phone_distance`, so that a phone's partner
    is a phone like it.
    """
    n, m = len(canonical), len(heard)
    costs = np.zeros((n + 1, m + 1))
    costs[:, 0], costs[0] = _GAP * np.arange(n + 1), _GAP * np.arange(m + 1)
    for i in range(n):
        for j in range(m):
            partners = costs[i, j] + phone_distance(canonical[i], heard[j])
            costs[i + 1, j + 1] = min(partners, costs[i, j + 1] + _GAP, costs[i + 1, j] + _GAP)
    columns, inserted = np.zeros((n, len(HEARD_COLUMNS)), np.float32), np.zeros(n + 1)
    columns[:, 2] = 1
    while n or m:
        apart = phone_distance(canonical[n - 1], heard[m - 1]) if n and m else np.inf
        if n and m and np.isclose(costs[n, m], costs[n - 1, m - 1] + apart):
            n, m = n - 1, m - 1
            columns[n, :3] = canonical[n] == heard[m], max(0.0, 1 - apart), 0
        elif n and np.isclose(costs[n, m], costs[n - 1, m] + _GAP):
            n -= 1
        else:
            m -= 1
            inserted[n] += 1
    columns[:, 3], columns[:, 4] = inserted[:-1], inserted[1:]
    columns[:, 3:] = columns[:, 3:].clip(max=_MOST_INSERTED)
    return columns


@dataclass(frozen=True)
class HeardPhones:
    """A measure: the recogniser's transcript, phone by phone against the text."""

    lexicon: Lexicon
    name: str = "heard"
    columns: tuple[str, ...] = HEARD_COLUMNS

    def __call__(self, recording: Recording) -> np.ndarray:
        """Phones x HEARD_COLUMNS. Raises InputError for a recording without transcript."""
        if recording.transcript is None:
            raise InputError(f"utterance {recording.key}: no transcript, which {self.name} reads")
        own: list[list[str]] = [[] for _ in recording.words]
        for s in recording.segments:
            own[s.word_index].append(s.phone)
        aligned = dict(zip((word.upper() for word in recording.words), own, strict=True))
        heard = transcript_phones(recording.transcript, aligned, self.lexicon)
        return heard_columns([s.phone for s in recording.segments], heard)


def heard_phones(data: Path, view: Path, pool: Path, out: Path) -> None:
    """Hold what a recogniser heard against the phones of the text.

    `view` is an output of recogniser_view for `data`, `pool` any pooled directory of its phones.
    Writes a pooled directory of HEARD_COLUMNS for the same phones. How the transcript is
    pronounced: `transcript_phones`, by data/lexicon.txt.

    Raises InputError for an utterance that `view` lacks.
    """
    measure, texts = HeardPhones(read_lexicon(data / "lexicon.txt")), read_table(data / "text")
    table = view / "utterances.csv"
    transcripts = {
        row["utterance"]: row["hypothesis"]
        for _, row in read_rows(table, ["utterance", "hypothesis"], ",")
    }

    def rows() -> Iterator[tuple[str, np.ndarray]]:
        for recording in pooled_recordings(pool):
            key = recording.key
            if key not in transcripts:
                raise InputError(f"{view}: utterance {key} is missing; run recogniser_view again")
            words = tuple(texts[key].split())
            yield key, measure(replace(recording, words=words, transcript=transcripts[key]))

    write_columns(pool, out, measure.columns, rows())


def transcript_phones(
    transcript: str, aligned: Mapping[str, Sequence[str]], lexicon: Lexicon
) -> list[str]:
    """The phones of a transcript of a text whose words (capitals) were `aligned` with these phones.

    A word that the text has as well is pronounced as it was aligned there; others are as the
    lexicon has them first, or as their spelling is read. What cannot be read has no phones.
    """
    found: list[str] = []
    for word in transcript.split():
        found += aligned[word] if word in aligned else _pronounced(word, lexicon)
    return found


def _pronounced(word: str, lexicon: Lexicon) -> Sequence[str]:
    for form in (word, word.lower(), word.capitalize()):
        if form in lexicon:
            return lexicon[form][0]
    try:
        return guess_pronunciations(word)[0]
    except InputError:
        return ()
