"""The systems of Tables 1 to 3: what each is made of, its choice on validation, its scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pyscorer.proficiency.combine import normalise_outputs, other_rows, remember
from pyscorer.proficiency.pairs import PairTable
from pyscorer.proficiency.selection import Choice, Validation, choose, choose_scores
from pyscorer.proficiency.task import Rule

VOTE = "FBK baseline (majority vote)"
GRAMMAR = "grammar match"
STRENGTHS = (1.0, 2.0, 4.0, 8.0)
"""How many labels of equal pairs a model's word may weigh."""
STRENGTH_GROSS = (2.0,)
"""The weight of wrong meanings while the strength is chosen."""


@dataclass(frozen=True)
class System:
    """One row of a table: its choice on validation rows, its scores of test rows (seeds x rows)."""

    base: str
    table: int
    members: tuple[str, ...]
    choice: Choice
    validation: NDArray
    test: NDArray
    memory: float | None = None
    """How many labels of equal pairs its word weighs, where it also remembers known pairs."""
    posteriors: NDArray | None = None
    """Of test rows: seeds x rows x classes, where it has any."""


def build_system(
    base: str,
    number: int,
    members: Sequence[str],
    outputs: tuple[NDArray, NDArray],
    validation: Validation,
    memory: float | None = None,
) -> System:
    """outputs: seeds x training rows x classes, out of fold, and seeds x test rows x classes."""
    choice = choose(outputs[0], validation)
    rule = Rule(validation.classes, choice.gross)
    oof, test = rule.score(outputs[0]), rule.score(outputs[1])
    return System(base, number, tuple(members), choice, oof, test, memory, outputs[1])


def of_rows(table: PairTable, oof: NDArray, final: NDArray) -> tuple[NDArray, NDArray]:
    """Of training rows what is said out of fold, of test rows what all say."""
    return oof[:, table.train_rows], final[:, table.test_rows]


def with_memory(
    base: str,
    number: int,
    members: Sequence[str],
    table: PairTable,
    oof: NDArray,
    validation: Validation,
) -> list[System]:
    """A system that also weighs the labels that equal pairs received in training.

    Validation rows see the labels that other speakers' rows of their pair received; the strength
    of the model's word is chosen on them. For a test row the model's word on a known pair comes
    from members that never saw the pair, so that its labels are not counted twice.
    None where items are rows, no two of which are equal.
    """
    if table.by == "row":
        return []
    known = normalise_outputs(oof)
    others, counts = other_rows(table), table.counts[table.test_rows]

    def remembered(strength: float) -> NDArray:
        return np.stack([remember(o[table.train_rows], others, strength) for o in known])

    values = {a: choose(remembered(a), validation, STRENGTH_GROSS).value for a in STRENGTHS}
    strength = max(STRENGTHS, key=lambda a: values[a])
    test = np.stack([remember(o[table.test_rows], counts, strength) for o in known])
    outputs = (remembered(strength), test)
    return [build_system(base, number, members, outputs, validation, strength)]


def majority_vote(systems: Sequence[System], validation: Validation) -> System:
    """The FBK baseline: each network decides with its own threshold, the majority rules.

    The score is the share of networks that accept; ties are broken by how far the mean score lies
    above the mean threshold, squeezed below the weight of a vote.
    """
    parts: dict[str, list[NDArray]] = {"validation": [], "test": []}
    for system in systems:
        for part, scores in (("validation", system.validation), ("test", system.test)):
            above = scores - np.array(system.choice.thresholds)[:, None]
            parts[part].append((above >= 0) + 0.5 * np.tanh(above) / len(systems))
    voted, test = (np.mean(parts[part], axis=0) for part in ("validation", "test"))
    members = tuple(m for s in systems for m in s.members)
    return System(VOTE, 1, members, choose_scores(voted, validation), voted, test)


def grammar_matches(table: PairTable, grammar: Mapping[str, Any]) -> NDArray[np.bool_]:
    """Whether the grammar accepts each item."""
    return np.array(
        [
            p in grammar and r in grammar[p].responses
            for p, r in zip(table.prompts, table.responses, strict=True)
        ]
    )


def grammar_match(
    table: PairTable, matches: NDArray[np.bool_], seeds: int, validation: Validation
) -> System:
    """The system that accepts what the grammar has."""
    found = matches.astype(float)
    trained, test = (np.tile(found[r], (seeds, 1)) for r in (table.train_rows, table.test_rows))
    return System(GRAMMAR, 1, (), choose_scores(trained, validation), trained, test)
