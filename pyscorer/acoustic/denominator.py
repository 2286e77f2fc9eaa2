"""The graphs of LF-MMI training: context tree, phone LM, denominator and normalization graph."""

import numpy as np

from pyscorer.acoustic.fst import Acceptor
from pyscorer.acoustic.lfmmi import initial_probabilities
from pyscorer.acoustic.tree import FORWARD, SELF_LOOP, ContextTree
from pyscorer.errors import InputError

STAY = 0.5
"""Self-loop probability of Kaldi's chain topology; leaving has the rest."""


def denominator_fst(lm: Acceptor, tree: ContextTree) -> Acceptor:
    """Phone LM x phonetic context x chain topology, as chain-make-den-fst; label = pdf + 1.

    A phone emits its forward pdf once and then its self-loop pdf any number of times. A state is
    (LM state, last phone, self-loop pdf); with the phone LM's histories of two phones and more
    this has next to no states to spare, so that Kaldi's minimisation (which rounds weights to
    0.01) is left out. Weights are exact.
    """
    leave, stay = np.log(1.0 - STAY), np.log(STAY)
    order = np.argsort(lm.source, kind="stable")
    first = np.searchsorted(lm.source[order], np.arange(lm.num_states + 1))
    phones, ends, weights = (
        column[order].tolist() for column in (lm.label, lm.destination, lm.weight)
    )
    if max(phones) >= len(tree.phones):
        raise InputError(
            f"phone LM: phone id {max(phones)}, but the tree has only {len(tree.phones) - 1} phones"
        )
    pdf = tree.pdf.tolist()
    index = {(lm.start, 0, -1): 0}
    states = list(index)
    arcs: list[tuple[int, int, int, float]] = []
    for number, (history, left, loop) in enumerate(states):  # grows as states are found
        exit_weight = 0.0
        if left:
            arcs.append((number, number, loop + 1, stay))
            exit_weight = leave
        for arc in range(first[history], first[history + 1]):
            phone = phones[arc]
            forward, next_loop = pdf[left][phone][FORWARD], pdf[left][phone][SELF_LOOP]
            if forward < 0 or next_loop < 0:
                raise InputError(f"tree: no pdf for phone {tree.phones[phone]}")
            key = (ends[arc], phone, next_loop)
            if key not in index:
                index[key] = len(states)
                states.append(key)
            arcs.append((number, index[key], forward + 1, weights[arc] + exit_weight))
    final = np.array([lm.final[history] + (leave if left else 0.0) for history, left, _ in states])
    table = np.array(arcs, dtype=np.float64)
    source, destination, label = (table[:, i].astype(np.int64) for i in range(3))
    return Acceptor(0, source, destination, label, table[:, 3], final)


def normalization_fst(denominator: Acceptor) -> Acceptor:
    """The denominator graph made to start in any state by its initial probability, and to end in
    any state for nothing: what numerators are composed with (GetNormalizationFst).

    Of parallel arcs from the new start state the better one is kept, as Kaldi's epsilon removal in
    the tropical semiring does.
    """
    initial = initial_probabilities(denominator)
    if not (initial > 0).all():
        raise InputError("denominator graph: a state cannot be reached within 100 frames")
    start = denominator.num_states
    weight = np.log(initial)[denominator.source] + denominator.weight
    key = denominator.destination * (denominator.label.max() + 1) + denominator.label
    order = np.lexsort((-weight, key))
    best = order[np.concatenate([[True], np.diff(key[order]) != 0])]
    final = np.append(np.zeros(start), np.log(initial.max()))
    return Acceptor(
        start,
        np.concatenate([denominator.source, np.full(len(best), start)]),
        np.concatenate([denominator.destination, denominator.destination[best]]),
        np.concatenate([denominator.label, denominator.label[best]]),
        np.concatenate([denominator.weight, weight[best]]),
        final,
    )
