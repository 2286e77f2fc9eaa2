"""Lattices of the decoder: their best transcripts, when words were said, how sure they are."""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import NamedTuple

import kaldifst
import numpy as np

from pyscorer.contract.ctm import Segment
from pyscorer.contract.phones import PHONE_ID, SILENCE
from pyscorer.lexicon.dictionary import Lexicon


@dataclass(frozen=True)
class Transcript:
    """Words that a lattice has, and the costs of the best path with them."""

    words: tuple[int, ...]
    graph: float
    acoustic: float
    """Scaled."""


@dataclass(frozen=True)
class LatticePath(Transcript):
    """One way through a lattice."""

    labels: tuple[int, ...]
    """Transition-id of each row of scores."""


@dataclass(frozen=True)
class Emission:
    """A word that a lattice writes at a row of scores, and its share of the mass of all paths.

    The row is any of those of the word: the first, or that at which it is the only one left.
    """

    word: int
    row: int
    posterior: float


class Arc(NamedTuple):
    """An arc of a lattice; one object for each of 100,000, hence no dataclass."""

    source: int
    target: int
    label: int
    """Transition-id; 0: no row of scores."""
    word: int
    """0: none."""
    cost: float
    graph: float
    """The part of the cost that is the graph's."""


@dataclass(frozen=True)
class Lattice:
    """What of the decoder's lattice is looked at."""

    arcs: list[Arc]
    """Each after all those that lead to its source; the first leaves the first state."""
    final: dict[int, float]
    """Cost of ending in a state."""


_Costs = dict[int, tuple[float, float]]
"""State -> cost of reaching it, and the part of it that is the graph's."""


def best_transcripts(lattice: Lattice, count: int) -> list[Transcript]:
    """The best `count` transcripts of a lattice, the best first.

    A lattice holds many alignments of one transcript, hundreds of which may be better than the best
    one of the next. So beginnings of transcripts are gone through, not paths: an A* search whose
    estimate of the rest is the cost of the best way to the end.
    """
    arcs, final = lattice.arcs, lattice.final
    if not arcs:
        return []
    leaving: dict[int, list[Arc]] = {}
    for arc in arcs:
        leaving.setdefault(arc.source, []).append(arc)
    order = {state: i for i, state in enumerate([*leaving, *(final.keys() - leaving.keys())])}
    ahead = dict(final)
    for arc in reversed(arcs):
        cost = arc.cost + ahead.get(arc.target, math.inf)
        ahead[arc.source] = min(ahead.get(arc.source, math.inf), cost)
    first = arcs[0].source
    # Estimate of the whole, whether words are missing, the words, and where the last of them may
    # have been written: state -> cost of all and of the graph.
    queue: list[tuple[float, bool, tuple[int, ...], _Costs]]
    queue = [(ahead[first], True, (), {first: (0.0, 0.0)})]
    found: list[Transcript] = []
    while queue and len(found) < count:
        estimate, unfinished, words, costs = heapq.heappop(queue)
        if not unfinished:
            graph = min(costs.values())[1]
            found.append(Transcript(words, graph, estimate - graph))
            continue
        ends, following = _next_words(costs, leaving, order, final)
        if ends:
            heapq.heappush(queue, (min(ends.values())[0], False, words, ends))
        for word, reached in following.items():
            best = min(cost + ahead.get(state, math.inf) for state, (cost, _) in reached.items())
            if math.isfinite(best):
                heapq.heappush(queue, (best, True, (*words, word), reached))
    return found


def _next_words(
    costs: _Costs, leaving: dict[int, list[Arc]], order: dict[int, int], final: dict[int, float]
) -> tuple[_Costs, dict[int, _Costs]]:
    """From states with costs, without a word: ends of the lattice; states behind each next word."""
    ends: _Costs = {}
    following: dict[int, _Costs] = {}
    reached = dict(costs)
    waiting = [(order[state], state) for state in reached if state in order]
    heapq.heapify(waiting)
    while waiting:
        _, state = heapq.heappop(waiting)
        cost, graph = reached[state]
        if state in final:
            ends[state] = cost + final[state], graph + final[state]
        for arc in leaving.get(state, ()):
            there = following.setdefault(arc.word, {}) if arc.word else reached
            after = cost + arc.cost, graph + arc.graph
            if arc.target not in there:
                there[arc.target] = after
                if not arc.word and arc.target in order:
                    heapq.heappush(waiting, (order[arc.target], arc.target))
            elif after < there[arc.target]:
                there[arc.target] = after
    return ends, following


def path_of(lattice: kaldifst.Lattice) -> LatticePath:
    """The path that a lattice without branches is."""
    arcs = read_lattice(lattice).arcs
    *_, weight = kaldifst.get_linear_symbol_sequence(lattice)
    words = tuple(arc.word for arc in arcs if arc.word)
    labels = tuple(arc.label for arc in arcs if arc.label)
    return LatticePath(words, weight.value1, weight.value2, labels)


def emissions(lattice: Lattice) -> list[Emission]:
    """Every word of a lattice, by the forward-backward algorithm over its paths.

    The mass of a path is exp of minus its cost: graph and scaled acoustic cost, as in the search.
    """
    arcs, final = lattice.arcs, lattice.final
    if not final:
        return []
    forward = {arcs[0].source if arcs else 0: 0.0}
    rows = {state: 0 for state in forward}
    for arc in arcs:
        reached = forward[arc.source] - arc.cost
        forward[arc.target] = _add(forward.get(arc.target, -math.inf), reached)
        rows[arc.target] = rows[arc.source] + bool(arc.label)
    backward = {state: -cost for state, cost in final.items()}
    found = []
    total = -math.inf
    for state, cost in final.items():
        total = _add(total, forward.get(state, -math.inf) - cost)
    for arc in reversed(arcs):
        after = backward.get(arc.target, -math.inf) - arc.cost
        backward[arc.source] = _add(backward.get(arc.source, -math.inf), after)
        if arc.word:
            row = rows[arc.source] - (0 if arc.label else 1)
            posterior = math.exp(min(0.0, forward[arc.source] + after - total))
            found.append(Emission(arc.word, max(row, 0), posterior))
    return found


def confidences(
    words: Sequence[int], spans: Sequence[Segment], said: Sequence[Emission]
) -> list[float]:
    """For each word of a path, the share of all paths' mass that has this word there.

    `spans` are the words' rows of scores. There: between the middle of the word before it and that
    of the word behind it, which does not ask for the very same alignment, nor for the same place
    within the word at which the graph writes it.
    """
    middles = [span.start + span.length / 2 for span in spans]
    shares = [0.0] * len(words)
    for one in said:
        near = [
            (abs(one.row - middle), i)
            for i, (word, middle) in enumerate(zip(words, middles, strict=True))
            if word == one.word
            and (i == 0 or middles[i - 1] <= one.row)
            and (i + 1 == len(middles) or one.row < middles[i + 1])
        ]
        if near:
            shares[min(near)[1]] += one.posterior
    return [min(1.0, share) for share in shares]


def word_spans(
    words: Sequence[str], labels: Sequence[int], phone_of: np.ndarray, lexicon: Lexicon
) -> list[Segment] | None:
    """When the words of a path were said, in rows of scores.

    `phone_of` is the phone that a transition-id begins, 0 where it goes on in one. The phones of
    the path are those of the words' variants, with or without silence before, between and after
    them; None if they are not.
    """
    phones = phone_of[list(labels)] if len(labels) else np.zeros(0, int)
    starts = np.flatnonzero(phones)
    said = phones[starts].tolist()
    bounds = [*starts.tolist(), len(labels)]
    silence = PHONE_ID[SILENCE]
    variants = [[[PHONE_ID[p] for p in one] for one in lexicon.get(word, [])] for word in words]

    # Places of `said` where each word may begin, and the word before that leads there.
    reached: list[dict[int, tuple[int, int]]] = [{0: (0, 0)}]
    for own in variants:
        following: dict[int, tuple[int, int]] = {}
        for at in reached[-1]:
            for begin in _with_pause(said, at, silence):
                for phones_of_word in own:
                    end = begin + len(phones_of_word)
                    if said[begin:end] == phones_of_word:
                        following.setdefault(end, (at, begin))
        reached.append(following)
    last = next((at for at in reached[-1] if len(said) in _with_pause(said, at, silence)), None)
    if last is None:
        return None
    spans = []
    for word, places in zip(reversed(words), reversed(reached[1:]), strict=True):
        before, begin = places[last]
        spans.append(Segment(word, bounds[begin], bounds[last] - bounds[begin]))
        last = before
    return spans[::-1]


def _with_pause(said: list[int], at: int, silence: int) -> Iterator[int]:
    yield at
    if at < len(said) and said[at] == silence:
        yield at + 1


def read_lattice(lattice: kaldifst.Lattice) -> Lattice:
    """Read a lattice of kaldi-decoder."""
    lines = lattice.to_str(show_weight_one=True, fst_field_separator=" ").splitlines()
    arcs: dict[int, list[Arc]] = {}
    final = {}
    for fields in map(str.split, lines):
        state = int(fields[0])
        arcs.setdefault(state, [])
        graph, acoustic = map(float, fields[-1].split(","))
        if len(fields) == 2:
            final[state] = graph + acoustic
            continue
        target, label, word = map(int, fields[1:4])
        arcs[state].append(Arc(state, target, label, word, graph + acoustic, graph))
    return Lattice(_in_order(arcs), final)


def read_compact_lattice(lines: Iterable[str]) -> Lattice:
    """Read a compact lattice of Kaldi's, as text: on its arcs words with their transition-ids.

    A word may stand before the rows in which it is said, and a transcript has one path. Acoustic
    costs are taken as they stand. Raises ValueError for what is no such lattice.
    """
    arcs: dict[int, list[Arc]] = {}
    final: dict[int, float] = {}
    inner = count(-1, -1)  # states within an arc, whose transition-ids are arcs of their own here
    for fields in map(str.split, lines):
        source, ends = int(fields[0]), len(fields) < 3
        weight = fields.pop() if len(fields) in (2, 4) else "0,0,"
        costs, ids = weight.rsplit(",", 1)
        graph, acoustic = map(float, costs.split(","))
        labels = [int(label) for label in ids.split("_")] if ids else [0]
        if ends and not ids:
            final[source] = graph + acoustic
            continue
        target, word = (next(inner), 0) if ends else map(int, fields[1:3])
        if ends:
            final[target] = 0.0
        cost = graph + acoustic
        for label, to in zip(labels, [*islice(inner, len(labels) - 1), target], strict=True):
            arcs.setdefault(source, []).append(Arc(source, to, label, word, cost, graph))
            source, word, cost, graph = to, 0, 0.0, 0.0
    return Lattice(_in_order(arcs), final)


def best_path(lattice: Lattice) -> LatticePath | None:
    """The path of a lattice that costs least; None: no path reaches an end."""
    reached: dict[int, tuple[float, Arc | None]] = {}
    for arc in lattice.arcs:
        before = reached.setdefault(arc.source, (0.0, None))[0]
        if arc.target not in reached or before + arc.cost < reached[arc.target][0]:
            reached[arc.target] = before + arc.cost, arc
    ends = {end: reached[end][0] + cost for end, cost in lattice.final.items() if end in reached}
    if not ends:
        return None
    end = state = min(ends, key=lambda one: ends[one])
    path = list[Arc]()
    while (last := reached[state][1]) is not None:
        path.append(last)
        state = last.source
    path.reverse()
    graph = sum((arc.graph for arc in path), lattice.final[end])
    words = tuple(arc.word for arc in path if arc.word)
    labels = tuple(arc.label for arc in path if arc.label)
    return LatticePath(words, graph, ends[end] - graph, labels)


def _in_order(arcs: dict[int, list[Arc]]) -> list[Arc]:
    """Each after all those that lead to its source; `arcs` has the first state first."""
    entering = Counter(arc.target for leaving in arcs.values() for arc in leaving)
    ready = [state for state in list(arcs)[:1] if not entering.get(state)]
    ordered = []
    while ready:
        for arc in arcs.get(ready.pop(), []):
            ordered.append(arc)
            entering[arc.target] -= 1
            if not entering[arc.target]:
                ready.append(arc.target)
    return ordered


def _add(one: float, two: float) -> float:
    """Logarithm of the sum of two numbers given by theirs."""
    high, low = (one, two) if one > two else (two, one)
    return high if low == -math.inf else high + math.log1p(math.exp(low - high))
