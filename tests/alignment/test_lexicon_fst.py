import math

import kaldifst

from pyscorer.alignment.lexicon_fst import lexicon_fst

HALF = math.log(2)
START, BETWEEN, PAUSING = 0, 1, 2


def arcs(fst: kaldifst.StdVectorFst) -> list[tuple[int, int, int, int, float]]:
    """From, to, phone, word, cost."""
    return [
        (state, arc.nextstate, arc.ilabel, arc.olabel, round(arc.weight.value, 5))
        for state in range(fst.num_states)
        for arc in kaldifst.ArcIterator(fst, state)
    ]


def test_a_word_may_have_a_pause_before_and_after():
    fst = lexicon_fst([(5, [11, 12, 13]), (6, [11])], [1])
    half = round(HALF, 5)
    assert arcs(fst) == [
        (START, BETWEEN, 0, 0, half),
        (START, PAUSING, 0, 0, half),
        (BETWEEN, 3, 11, 5, 0),
        (BETWEEN, BETWEEN, 11, 6, half),
        (BETWEEN, PAUSING, 11, 6, half),
        (PAUSING, BETWEEN, 1, 0, 0),
        (3, 4, 12, 0, 0),
        (4, BETWEEN, 13, 0, half),
        (4, PAUSING, 13, 0, half),
    ]
    finals = [state for state in range(fst.num_states) if math.isfinite(fst.final(state).value)]
    assert (fst.start, finals) == (START, [BETWEEN])


def test_a_symbol_may_follow_silence():
    fst = lexicon_fst([], [1, 42])
    assert arcs(fst)[2:] == [(PAUSING, 3, 1, 0, 0), (3, BETWEEN, 42, 0, 0)]
