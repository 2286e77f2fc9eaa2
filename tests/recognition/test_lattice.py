"""Lattices made by hand: transcripts, confidences, and when words were said."""

import math

import kaldifst
import numpy as np
import pytest

from pyscorer.contract.ctm import Segment
from pyscorer.contract.phones import PHONE_ID
from pyscorer.recognition.lattice import (
    Emission,
    LatticePath,
    best_transcripts,
    confidences,
    emissions,
    path_of,
    read_lattice,
    word_spans,
)

A, B, C, D = 1, 2, 3, 4


def lattice(*arcs: tuple[int, int, int, int, float], final: int) -> kaldifst.Lattice:
    """Arcs (from, to, transition-id, word, probability); half of a cost is the graph's."""
    made = kaldifst.Lattice()
    for _ in range(1 + max(max(arc[:2]) for arc in arcs)):
        made.add_state()
    made.start = 0
    for source, target, label, word, probability in arcs:
        cost = -math.log(probability) / 2
        weight = kaldifst.LatticeWeight(cost, cost)
        made.add_arc(source, kaldifst.LatticeArc(label, word, weight, target))
    made.set_final(final, kaldifst.LatticeWeight(0.0, 0.0))
    return made


@pytest.fixture
def three() -> kaldifst.Lattice:
    """A B with .5, A C with .3 and D B with .2, two rows of scores each."""
    return lattice(
        (0, 1, 7, A, 0.8),
        (0, 2, 7, D, 0.2),
        (1, 3, 7, B, 0.5 / 0.8),
        (1, 3, 7, C, 0.3 / 0.8),
        (2, 3, 7, B, 1.0),
        final=3,
    )


def best_path(made: kaldifst.Lattice) -> LatticePath:
    return path_of(kaldifst.lattice_to_nbest(made, 1.0, 1.0, 1)[0])


def test_a_confidence_is_the_share_of_the_paths_that_have_the_word_there(three):
    path = best_path(three)
    assert (path.words, path.labels) == ((A, B), (7, 7))
    spans = [Segment("A", 0, 1), Segment("B", 1, 1)]
    assert confidences(path.words, spans, emissions(read_lattice(three))) == pytest.approx(
        [0.8, 0.7], abs=1e-4
    )


def test_posteriors_are_those_of_the_paths_summed_whatever_the_mass_is(three):
    found = {(one.word, one.row): 0.0 for one in emissions(read_lattice(three))}
    for one in emissions(read_lattice(three)):
        found[one.word, one.row] += one.posterior
    expected = {(A, 0): 0.8, (D, 0): 0.2, (B, 1): 0.7, (C, 1): 0.3}
    assert found == pytest.approx(expected, abs=1e-4)
    half = lattice((0, 1, 7, A, 0.4), (0, 1, 7, D, 0.1), final=1)
    found = confidences((A,), [Segment("A", 0, 1)], emissions(read_lattice(half)))
    assert found == pytest.approx([0.8], abs=1e-4)


def test_alignments_of_one_transcript_count_together():
    # A is written at row 0, 1 or 2, by three paths; D at 0 by one.
    made = lattice(
        (0, 1, 7, A, 0.3), (1, 2, 7, 0, 1.0), (2, 5, 7, 0, 1.0),
        (0, 3, 7, 0, 0.5), (3, 2, 7, A, 0.5), (3, 4, 7, 0, 0.5), (4, 5, 7, A, 1.0),
        (0, 6, 7, D, 0.2), (6, 2, 7, 0, 1.0),
        final=5,
    )  # fmt: skip
    found = confidences((A,), [Segment("A", 0, 1)], emissions(read_lattice(made)))
    assert found == pytest.approx([0.8], abs=1e-4)
    transcripts = best_transcripts(read_lattice(made), 5)
    assert [t.words for t in transcripts] == [(A,), (D,)]
    # The costs of the best alignment, not of all.
    assert transcripts[0].graph + transcripts[0].acoustic == pytest.approx(-math.log(0.3), abs=1e-4)


def test_a_word_counts_from_the_middle_of_one_neighbour_to_that_of_the_other():
    words, spans = (A, B, A), [Segment("A", 0, 10), Segment("B", 10, 10), Segment("A", 30, 10)]

    def sure(*said: tuple[int, int, float]) -> list[float]:
        return confidences(words, spans, [Emission(*one) for one in said])

    assert sure((B, 5, 0.5), (B, 34, 0.25), (B, 4, 1.0), (B, 35, 1.0)) == [0, 0.75, 0]
    assert sure((A, 14, 0.5), (A, 15, 0.25)) == [0.5, 0, 0.25]
    assert sure((C, 3, 1.0)) == [0, 0, 0]
    assert sure((A, 3, 0.7), (A, 4, 0.7)) == [1, 0, 0]


def test_a_repeated_word_counts_where_it_is_nearest():
    said = [Emission(A, 8, 0.5), Emission(A, 11, 0.25)]
    assert confidences((A, A), [Segment("A", 0, 10), Segment("A", 10, 10)], said) == [0.5, 0.25]


def test_a_word_written_without_a_row_of_its_own_is_said_before_it():
    made = lattice((0, 1, 7, 0, 1.0), (1, 2, 0, A, 1.0), (2, 3, 7, B, 1.0), final=3)
    assert {(one.word, one.row) for one in emissions(read_lattice(made))} == {(A, 0), (B, 1)}


def test_transcripts_come_in_order_with_the_costs_of_graph_and_sound(three):
    found = best_transcripts(read_lattice(three), 2)
    assert [one.words for one in found] == [(A, B), (A, C)]
    for one, probability in zip(found, (0.5, 0.3), strict=True):
        assert one.graph == pytest.approx(-math.log(probability) / 2, abs=1e-4)
        assert one.acoustic == pytest.approx(-math.log(probability) / 2, abs=1e-4)
    assert [one.words for one in best_transcripts(read_lattice(three), 9)][2:] == [(D, B)]


def test_transcripts_are_those_of_all_paths_drawn():
    rng = np.random.default_rng(0)
    arcs = [
        (state, state + int(step), 7, int(word), float(rng.uniform(0.1, 1)))
        for state in range(8)
        for step in (1, 1, 2)
        for word in rng.integers(0, 4, size=2)
    ]
    made = lattice(*[arc for arc in arcs if arc[1] < 9], final=8)
    drawn: dict[tuple[int, ...], float] = {}
    for path in kaldifst.lattice_to_nbest(made, 1.0, 1.0, 100_000):
        *_, words, weight = kaldifst.get_linear_symbol_sequence(path)
        drawn.setdefault(tuple(words), weight.value1 + weight.value2)
    found = best_transcripts(read_lattice(made), 30)
    assert len({one.words for one in found}) == 30
    costs = [one.graph + one.acoustic for one in found]
    assert costs == pytest.approx(sorted(drawn.values())[:30], abs=1e-3)
    assert costs == pytest.approx([drawn[one.words] for one in found], abs=1e-3)


def test_a_sentence_without_words_is_a_transcript():
    made = lattice((0, 1, 7, 0, 0.9), (0, 1, 7, A, 0.1), final=1)
    assert [one.words for one in best_transcripts(read_lattice(made), 5)] == [(), (A,)]
    assert best_path(made).words == ()


LEXICON = {"SEE": [("S", "IY")], "A": [("AH",), ("EY",)], "SEAT": [("S", "IY", "T")]}
PHONE_OF = np.array([0, *(PHONE_ID[p] for p in ("SIL", "S", "IY", "AH", "EY", "T")), 0])
SIL, S, IY, AH, EY, T, GO_ON = range(1, 8)
"""Transition-ids: the first row of each phone, and any row after it."""


def test_words_are_said_when_their_phones_are():
    rows = [SIL, GO_ON, S, IY, GO_ON, EY, SIL, AH, GO_ON, GO_ON]
    assert word_spans(["SEE", "A", "A"], rows, PHONE_OF, LEXICON) == [
        Segment("SEE", 2, 3), Segment("A", 5, 1), Segment("A", 7, 3),
    ]  # fmt: skip
    assert word_spans([], [SIL, GO_ON], PHONE_OF, LEXICON) == []


def test_phones_of_other_words_have_no_times():
    assert word_spans(["SEE"], [S, IY, T], PHONE_OF, LEXICON) is None
    assert word_spans(["SEE"], [S, SIL, IY], PHONE_OF, LEXICON) is None
    assert word_spans(["NO"], [S, IY], PHONE_OF, LEXICON) is None
