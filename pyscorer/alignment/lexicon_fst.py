"""L: the words of a lexicon as Kaldi's graphs take them."""

import math
from collections.abc import Iterable, Sequence

import kaldifst

SILENCE_PROBABILITY = 0.5
"""Of a pause at the start, at the end and between words."""


def lexicon_fst(
    spoken: Iterable[tuple[int, Sequence[int]]], pause: Sequence[int]
) -> kaldifst.StdVectorFst:
    """Phones in, words out, with optional silence (Kaldi's make_lexicon_fst.py --sil-prob=0.5).

    `spoken` are a word's label and the ids of its phones, for every way to speak one; `pause` are
    those of silence. Each ends with its disambiguation symbol, if it has one. State 0 starts, state
    1 stands between words, state 2 is about to pause.
    """
    fst = kaldifst.StdVectorFst()
    start, loop, pausing = (fst.add_state() for _ in range(3))
    fst.start = start
    fst.set_final(loop, 0)
    no_cost, pause_cost = -math.log(1 - SILENCE_PROBABILITY), -math.log(SILENCE_PROBABILITY)

    def add_path(state: int, output: int, phones: Sequence[int], ends: dict[int, float]) -> None:
        *others, last = phones
        for phone in others:
            following = fst.add_state()
            fst.add_arc(state, kaldifst.StdArc(phone, output, 0, following))
            state, output = following, 0
        for end, cost in ends.items():
            fst.add_arc(state, kaldifst.StdArc(last, output, cost, end))

    either = {loop: no_cost, pausing: pause_cost}
    add_path(start, 0, [0], either)
    add_path(pausing, 0, pause, {loop: 0})
    for word, phones in spoken:
        add_path(loop, word, phones, either)
    return fst
