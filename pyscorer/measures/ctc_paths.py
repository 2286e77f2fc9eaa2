"""Probabilities of phone sequences by CTC: a canonical one, and each with one phone changed.

Nothing here knows where the posteriors come from. `y` is T x symbols, log-posteriors with the blank
as column 0. A `Unit` says how phones are written in symbols; where a phone, or several together,
can be written in more than one way, all ways count.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyscorer.parallel import chunks

BLANK = 0
_MOST_NUMBERS = 1_000_000
"""In one matrix of what stands in the place of a phone: long recordings take it bit by bit."""
OTHER = "other"
"""What stands in the place of a phone for all symbols that are none."""


@dataclass(frozen=True)
class Unit:
    """One way to write phones: one phone as a rule, several where one symbol stands for them."""

    phones: tuple[str, ...]
    symbols: tuple[int, ...]


@dataclass(frozen=True)
class Alternatives:
    """Log-probabilities, given the recording, of what may have been said; L is the sequence."""

    canonical: float
    """Of L."""
    substituted: np.ndarray
    """L x names: of L with that phone in the place of each; of the canonical phone itself -inf.
    What L may be written as as well counts as L."""
    deleted: np.ndarray
    """Of L without each."""
    frames: np.ndarray
    """Of each phone, the expected number of frames that emit it, given L."""


def log_sum(values: np.ndarray, axis: int) -> np.ndarray:
    """log sum exp along an axis; -inf where all are."""
    peak = values.max(axis=axis, keepdims=True)
    peak = np.where(np.isfinite(peak), peak, 0.0)
    with np.errstate(divide="ignore"):
        total = np.log(np.exp(values - peak).sum(axis=axis, keepdims=True)) + peak
    return np.asarray(total.squeeze(axis))


@dataclass(frozen=True)
class _Arc:
    """Symbols between two of the boundaries 0, ..., L of the phones."""

    begin: int
    end: int
    symbols: tuple[int, ...]
    place: int = 0
    """Of a changed phone: which, and the column of what stands for it."""
    name: int = 0


def _canonical_arcs(phones: Sequence[str], units: Sequence[Unit]) -> list[_Arc]:
    """How the phones are written. A phone that is written in no way may be anything."""
    arcs = []
    for begin, phone in enumerate(phones):
        own = [
            _Arc(begin, begin + len(u.phones), u.symbols)
            for u in units
            if u.phones == tuple(phones[begin : begin + len(u.phones)])
        ]
        if not any(unit.phones == (phone,) for unit in units):
            own += [_Arc(begin, begin + 1, u.symbols) for u in units if len(u.phones) == 1]
        arcs += own
    return arcs


def _changed_arcs(
    phones: Sequence[str], units: Sequence[Unit], names: Sequence[str], canonical: Sequence[_Arc]
) -> list[_Arc]:
    """How the phones are written with one of them changed, and cannot be written as they are."""
    column, arcs = {name: i for i, name in enumerate(names)}, []
    as_they_are = {(arc.begin, arc.symbols) for arc in canonical}
    for unit in units:
        size = len(unit.phones)
        for begin in range(len(phones) - size + 1):
            wrong = [i for i in range(size) if unit.phones[i] != phones[begin + i]]
            if len(wrong) == 1 and (begin, unit.symbols) not in as_they_are:
                name = column.get(unit.phones[wrong[0]])
                if name is not None:
                    arcs.append(_Arc(begin, begin + size, unit.symbols, begin + wrong[0], name))
    return arcs


@dataclass(frozen=True)
class _Lattice:
    """The states of CTC for a sequence: a blank a boundary, then what the arcs are made of."""

    symbols: np.ndarray
    """What each state emits."""
    before: np.ndarray
    """States x predecessors; the number of states stands for none."""
    after: np.ndarray
    starts: np.ndarray
    """Whether a path may begin in it."""
    ends: np.ndarray
    first: tuple[tuple[int, ...], ...]
    """Of each boundary, the first labels of the arcs that begin there."""
    last: tuple[tuple[int, ...], ...]
    """Of each boundary, the last labels of the arcs that end there."""

    def entries(self, boundary: int, symbol: int) -> list[int]:
        """States from which a path at a boundary goes on to a label: no label twice in a row."""
        return [boundary, *(s for s in self.last[boundary] if self.symbols[s] != symbol)]

    def exits(self, boundary: int, symbol: int) -> list[int]:
        """States to which a path goes on at a boundary after a label."""
        return [boundary, *(s for s in self.first[boundary] if self.symbols[s] != symbol)]


def _lattice(length: int, arcs: Sequence[_Arc]) -> _Lattice:
    symbols = [BLANK] * (length + 1)
    first: list[list[int]] = [[] for _ in range(length + 1)]
    last: list[list[int]] = [[] for _ in range(length + 1)]
    edges: list[tuple[int, int]] = []
    for arc in arcs:
        for at, symbol in enumerate(arc.symbols):
            if at == 0:
                first[arc.begin].append(len(symbols))
            else:
                previous, gap = len(symbols) - 1, len(symbols)
                symbols.append(BLANK)
                edges += [(previous, gap), (gap, gap + 1)]
                if symbols[previous] != symbol:
                    edges.append((previous, gap + 1))
            symbols.append(symbol)
        last[arc.end].append(len(symbols) - 1)
    for boundary in range(length + 1):
        edges += [(label, boundary) for label in last[boundary]]
        edges += [(boundary, label) for label in first[boundary]]
        edges += [
            (a, b) for a in last[boundary] for b in first[boundary] if symbols[a] != symbols[b]
        ]
    count = len(symbols)
    edges += [(state, state) for state in range(count)]
    before: list[list[int]] = [[] for _ in range(count)]
    after: list[list[int]] = [[] for _ in range(count)]
    for a, b in edges:
        before[b].append(a)
        after[a].append(b)
    starts, ends = np.zeros(count, bool), np.zeros(count, bool)
    starts[[0, *first[0]]] = ends[[length, *last[length]]] = True
    return _Lattice(
        *(np.array(symbols), _table(before, count), _table(after, count), starts, ends),
        *(tuple(map(tuple, first)), tuple(map(tuple, last))),
    )


def _table(rows: Sequence[Sequence[int]], none: int) -> np.ndarray:
    """Lists of states as a matrix; shorter ones are filled with `none`."""
    table = np.full((len(rows), max(map(len, rows))), none)
    for row, own in zip(table, rows, strict=True):
        row[: len(own)] = own
    return table


def _forward_backward(lattice: _Lattice, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Graves et al. 2006, equations 6 and 10, in logarithms: T x (states + 1) each.

    alpha[t] has the emission at t, beta[t] those after t alone; the last column is -inf.
    """
    emitted = y[:, lattice.symbols]
    alpha, beta = np.full((2, len(y), len(lattice.symbols) + 1), -np.inf)
    alpha[0, :-1] = np.where(lattice.starts, emitted[0], -np.inf)
    for t in range(1, len(y)):
        alpha[t, :-1] = log_sum(alpha[t - 1][lattice.before], 1) + emitted[t]
    beta[-1, :-1] = np.where(lattice.ends, 0.0, -np.inf)
    coming = np.full(len(lattice.symbols) + 1, -np.inf)
    for t in range(len(y) - 2, -1, -1):
        coming[:-1] = beta[t + 1, :-1] + emitted[t + 1]
        beta[t, :-1] = log_sum(coming[lattice.after], 1)
    return alpha, beta


def _hold(entry: np.ndarray, emitted: np.ndarray) -> np.ndarray:
    """States that are entered at t with `entry[t]` and may stay: T x states, emission included."""
    held = entry + emitted
    for t in range(1, len(held)):
        np.logaddexp(entry[t], held[t - 1], out=held[t])
        held[t] += emitted[t]
    return held


def _delayed(held: np.ndarray) -> np.ndarray:
    return np.concatenate([np.full((1, held.shape[1]), -np.inf), held[:-1]])


def alternatives(
    y: np.ndarray, phones: Sequence[str], units: Sequence[Unit], names: Sequence[str]
) -> Alternatives:
    """The sequence `phones`, and what differs from it in one phone.

    The probability of a sequence is the sum over all paths that CTC collapses to it. One forward
    and one backward pass over the sequence serve all places; what stands in the place of a phone is
    entered from the one and left into the other. `names` are the phones that may stand there.
    """
    arcs = _canonical_arcs(phones, units)
    lattice = _lattice(len(phones), arcs)
    alpha, beta = _forward_backward(lattice, y)
    canonical = float(log_sum(alpha[-1, :-1][lattice.ends], 0))
    arrived = _delayed(alpha)  # at t - 1
    leaving = np.full_like(beta, -np.inf)  # at t + 1
    leaving[:-1, :-1] = beta[1:, :-1] + y[1:, lattice.symbols]
    substituted = np.full((len(phones), len(names)), -np.inf)
    changed = _changed_arcs(phones, units, names, arcs)
    for size in sorted({len(arc.symbols) for arc in changed}):
        alike = [arc for arc in changed if len(arc.symbols) == size]
        for own in chunks(alike, max(1, _MOST_NUMBERS // len(y))):
            total = _through(own, lattice, y, arrived, leaving)
            for arc, value in zip(own, total, strict=True):
                at = arc.place, arc.name
                substituted[at] = np.logaddexp(substituted[at], value)
    deleted = np.array([_without(i, lattice, y, alpha, arrived, beta) for i in range(len(phones))])
    with np.errstate(invalid="ignore"):
        gamma = np.nan_to_num(np.exp(alpha + beta - canonical)).sum(axis=0)
    frames = _frames(arcs, gamma, len(phones))
    return Alternatives(canonical, substituted, deleted, frames)


def _through(
    arcs: Sequence[_Arc],
    lattice: _Lattice,
    y: np.ndarray,
    arrived: np.ndarray,
    leaving: np.ndarray,
) -> np.ndarray:
    """Log-probability of all paths by way of each arc, all of as many symbols."""
    entry = _sums(arrived, [lattice.entries(arc.begin, arc.symbols[0]) for arc in arcs])
    entry[0, [arc.begin == 0 for arc in arcs]] = 0.0
    symbols = np.array([arc.symbols for arc in arcs])
    held = _hold(entry, y[:, symbols[:, 0]])
    blank = np.broadcast_to(y[:, [BLANK]], held.shape)
    for k in range(1, symbols.shape[1]):
        gap = _delayed(_hold(_delayed(held), blank))
        direct = np.where(symbols[:, k] != symbols[:, k - 1], _delayed(held), -np.inf)
        held = _hold(np.logaddexp(gap, direct), y[:, symbols[:, k]])
    left = _sums(leaving, [lattice.exits(arc.end, arc.symbols[-1]) for arc in arcs])
    left[-1, [lattice.ends[arc.end] and arc.end + 1 == len(lattice.first) for arc in arcs]] = 0.0
    return log_sum(held + left, 0)


def _sums(values: np.ndarray, states: Sequence[Sequence[int]]) -> np.ndarray:
    """log sum exp of `values` (T x states) over each list of states, of which many are alike."""
    table = _table(states, values.shape[1] - 1)
    unlike, which = np.unique(table, axis=0, return_inverse=True)
    return log_sum(values[:, unlike], 2)[:, which]


def _without(
    place: int,
    lattice: _Lattice,
    y: np.ndarray,
    alpha: np.ndarray,
    arrived: np.ndarray,
    beta: np.ndarray,
) -> float:
    """Log-probability of the sequence without one phone: by the first label after it."""
    parts = [np.array(-np.inf)]
    for label in lattice.first[place + 1]:
        symbol = lattice.symbols[label]
        entry = log_sum(arrived[:, lattice.entries(place, symbol)], 1)
        if place == 0:
            entry[0] = 0.0
        parts.append(log_sum(entry + y[:, symbol] + beta[:, label], 0))
    if place + 2 == len(lattice.first):
        parts.append(log_sum(alpha[-1, [place, *lattice.last[place]]], 0))
    return float(log_sum(np.stack(parts), 0))


def _frames(arcs: Sequence[_Arc], gamma: np.ndarray, length: int) -> np.ndarray:
    """Expected frames of the labels of each phone; those of several phones count for each."""
    found, state = np.zeros(length), length + 1
    for arc in arcs:
        size = 2 * len(arc.symbols) - 1
        found[arc.begin : arc.end] += gamma[state : state + size : 2].sum()
        state += size
    return found
