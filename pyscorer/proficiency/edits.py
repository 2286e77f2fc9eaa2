"""Edit distances between responses, the closest accepted response, and the edits between them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Edit:
    """One step from a reference to a response: what stood there and what was said instead.

    `reference` is empty for an insertion, `response` for a deletion; they are equal for a match.
    """

    reference: str
    response: str


def distance(one: Sequence[str], two: Sequence[str], limit: int | None = None) -> int:
    """Levenshtein distance of two sequences (words of a list, characters of a string).

    With `limit`, anything above it may be reported as limit + 1.
    """
    if limit is not None and abs(len(one) - len(two)) > limit:
        return limit + 1
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        lowest = i
        for j, b in enumerate(two, 1):
            cost = diagonal if a == b else 1 + min(diagonal, row[j], row[j - 1])
            diagonal, row[j] = row[j], cost
            lowest = min(lowest, cost)
        if limit is not None and lowest > limit:
            return limit + 1
    return row[-1]


@dataclass(frozen=True)
class Candidates:
    """Sequences that many responses are compared with, their words as numbers.

    codes: n x longest, padded with -1; lengths: n.
    """

    texts: Sequence[Sequence[str]]
    index: dict[str, int]
    codes: NDArray[np.int64]
    lengths: NDArray[np.int64]


def candidates(texts: Iterable[Sequence[str]]) -> Candidates:
    """Number the words of the texts."""
    known = list(texts)
    index: dict[str, int] = {}
    lengths = np.array([len(t) for t in known], np.int64)
    codes = np.full((len(known), int(lengths.max(initial=0))), -1)
    for row, text in zip(codes, known, strict=True):
        row[: len(text)] = [index.setdefault(w, len(index)) for w in text]
    return Candidates(known, index, codes, lengths)


def distances(response: Sequence[str], others: Candidates) -> NDArray[np.int64]:
    """Levenshtein distances of a response to many sequences, all at once."""
    steps = np.arange(others.codes.shape[1] + 1)
    row = np.tile(steps, (len(others.texts), 1))
    for i, word in enumerate(response, 1):
        new = row + 1
        new[:, 0] = i
        differs = others.codes != others.index.get(word, -2)
        new[:, 1:] = np.minimum(new[:, 1:], row[:, :-1] + differs)
        # Insertions run along the row: the least of new[k] + (j - k) over k <= j.
        row = np.minimum.accumulate(new - steps, axis=1) + steps
    result: NDArray[np.int64] = row[np.arange(len(others.texts)), others.lengths]
    return result


@lru_cache(maxsize=1 << 18)
def word_cost(reference: str, response: str) -> float:
    """Cost of saying `response` for `reference`: 1 + the share of characters that differ.

    It breaks ties between substitutions in favour of words that look alike (night, nights).
    """
    if reference == response:
        return 0.0
    longest = max(len(reference), len(response))
    return 0.5 + distance(reference, response) / longest


def align(reference: Sequence[str], response: Sequence[str]) -> tuple[float, list[Edit]]:
    """The cheapest way from reference to response: (cost, edits in order).

    An insertion or deletion costs 1, a substitution `word_cost` (0.5 to 1.5).
    """
    n, m = len(reference), len(response)
    cost = [[0.0] * (m + 1) for _ in range(n + 1)]
    for i in range(n + 1):
        for j in range(m + 1):
            if i and j:
                cost[i][j] = min(
                    cost[i - 1][j - 1] + word_cost(reference[i - 1], response[j - 1]),
                    cost[i - 1][j] + 1,
                    cost[i][j - 1] + 1,
                )
            else:
                cost[i][j] = float(i + j)
    edits = []
    i, j = n, m
    while i or j:
        if (
            i
            and j
            and cost[i][j] == cost[i - 1][j - 1] + word_cost(reference[i - 1], response[j - 1])
        ):
            i, j = i - 1, j - 1
            edits.append(Edit(reference[i], response[j]))
        elif i and cost[i][j] == cost[i - 1][j] + 1:
            i -= 1
            edits.append(Edit(reference[i], ""))
        else:
            j -= 1
            edits.append(Edit("", response[j]))
    return cost[n][m], edits[::-1]


def closest(
    response: Sequence[str], references: Candidates | Iterable[Sequence[str]] | None
) -> tuple[float, list[Edit]]:
    """(cost, edits) of the reference that is cheapest to turn into `response`.

    Ties go to the shorter, then the alphabetically first reference, so that the order of the
    references does not matter. Without references, everything is an insertion.
    """
    known = references if isinstance(references, Candidates) else candidates(references or ())
    if not known.texts:
        return float(len(response)), [Edit("", w) for w in response]
    far = distances(response, known)
    near = [text for text, d in zip(known.texts, far, strict=True) if d == far.min()]
    found = [(*align(r, response), len(r), tuple(r)) for r in near]
    cost, edits, _, _ = min(found, key=lambda c: (c[0], c[2], c[3]))
    return cost, edits


def marked(edits: Sequence[Edit]) -> str:
    """Edits as text: `i want [-to] {+a} {two>three} tickets`, for explanations."""
    parts = []
    for edit in edits:
        if edit.reference == edit.response:
            parts.append(edit.reference)
        elif not edit.response:
            parts.append(f"[-{edit.reference}]")
        elif not edit.reference:
            parts.append(f"{{+{edit.response}}}")
        else:
            parts.append(f"{{{edit.reference}>{edit.response}}}")
    return " ".join(parts)
