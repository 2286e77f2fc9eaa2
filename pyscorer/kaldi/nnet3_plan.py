"""Which times of which node a network has to compute for the times that are asked of it.

Source: Kaldi's nnet3/nnet-computation-graph.cc (what is computable, and what is needed of it).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pyscorer.errors import InputError
from pyscorer.kaldi.nnet3_components import Runnable
from pyscorer.kaldi.nnet3_graph import Node, Term


@dataclass(frozen=True)
class Take:
    """Rows of a matrix: a slice, or numbers of rows, of which -1 are rows of zeros."""

    rows: slice | Tensor
    count: int
    with_zeros: bool = False

    def __call__(self, matrix: Tensor) -> Tensor:
        """The rows of `matrix`."""
        if isinstance(self.rows, slice):
            taken = matrix[self.rows]
            return taken if len(taken) == self.count else taken.expand(self.count, -1)
        if self.with_zeros:
            matrix = torch.cat([matrix, matrix.new_zeros(1, matrix.shape[1])])
        return matrix[self.rows]


def take(rows: np.ndarray) -> Take:
    """Of `rows`, numbers of rows or -1; without copying where they are evenly spaced."""
    if (rows < 0).any():
        return Take(torch.from_numpy(rows), len(rows), True)
    steps = np.diff(rows)
    if not steps.any():
        return Take(slice(int(rows[0]), int(rows[0]) + 1), len(rows))
    if steps[0] > 0 and (steps == steps[0]).all():
        return Take(slice(int(rows[0]), int(rows[-1]) + 1, int(steps[0])), len(rows))
    return Take(torch.from_numpy(rows), len(rows))


@dataclass(frozen=True)
class Step:
    """How one node is computed: rows of what it reads, and of its input at each offset."""

    node: Node
    rows: int
    """Times that its input is put together for."""
    terms: tuple[tuple[Take | None, ...], ...]
    """Per part and term; None for a Const."""
    at: Mapping[int, Take]
    """Per offset of its component."""
    last_of: tuple[str, ...]
    """Nodes that nothing reads afterwards."""


@dataclass(frozen=True)
class Plan:
    """What to compute, in order."""

    inputs: Mapping[str, Take]
    """Of what is given of an input, the rows that are needed."""
    steps: Sequence[Step]
    outputs: Mapping[str, Take]
    """Of what is computed of a node, the rows that were asked for."""


class Window:
    """Times from `low` on, a mask of them for each node."""

    def __init__(
        self,
        nodes: Mapping[str, Node],
        components: Mapping[str, Runnable],
        given: Mapping[str, np.ndarray],
        times: np.ndarray,
    ) -> None:
        """`given` are the times of the inputs, `times` those that anyone will ask for."""
        self.nodes, self.components = nodes, components
        terms = [t for node in nodes.values() for part in node.source for t in part]
        reach = sum(max(map(abs, c.offsets)) for c in components.values())
        reach += sum(
            abs(number) for term in terms for what, number in term.steps if what != "replace"
        )
        fixed = [number for term in terms for what, number in term.steps if what == "replace"]
        everything = np.concatenate([times, *given.values(), np.array(fixed, dtype=np.int64)])
        self.low = int(everything.min()) - reach
        self.all = np.arange(self.low, int(everything.max()) + reach + 1)
        self.defined: dict[str, np.ndarray] = {}
        self.input_defined: dict[str, np.ndarray] = {}
        for name, node in nodes.items():
            if node.kind == "input":
                self.defined[name] = np.isin(self.all, given.get(name, ()))
                continue
            mask = np.ones(len(self.all), dtype=bool)
            for term in (t for part in node.source for t in part if t.node and not t.optional):
                mask &= self.known(self.defined[str(term.node)], term.times(self.all))
            self.input_defined[name] = mask
            if node.kind == "component":
                around = components[node.component].required
                mask = np.logical_and.reduce([self.known(mask, self.all + o) for o in around])
            self.defined[name] = mask

    def known(self, mask: np.ndarray, times: np.ndarray) -> np.ndarray:
        """`mask` at `times`; False beyond the window."""
        place = times - self.low
        inside = (place >= 0) & (place < len(mask))
        return inside & mask[np.clip(place, 0, len(mask) - 1)]

    def plan(self, outputs: Sequence[str], times: np.ndarray) -> Plan:
        """Compute `outputs` at `times`. Raises InputError if the inputs do not reach so far."""
        needed = {name: np.zeros(len(self.all), dtype=bool) for name in self.nodes}
        for name in outputs:
            if not self.known(self.defined[name], times).all():
                raise InputError(f"node {name}: it needs frames that the input does not have")
            needed[name][times - self.low] = True
        asked: dict[str, np.ndarray] = {}
        for name in reversed(list(self.nodes)):
            node = self.nodes[name]
            if node.kind == "input" or not needed[name].any():
                continue
            rows = self.all[needed[name]]
            if node.kind == "component":
                around = [rows + o for o in self.components[node.component].offsets]
                rows = np.unique(np.concatenate(around))
                rows = rows[self.known(self.input_defined[name], rows)]
            asked[name] = rows
            for term in (t for part in node.source for t in part if t.node):
                at = term.times(rows)
                at = at[self.known(self.defined[str(term.node)], at)]
                needed[str(term.node)][at - self.low] = True
        return self._laid_out(outputs, times, needed, asked)

    def _laid_out(
        self,
        outputs: Sequence[str],
        times: np.ndarray,
        needed: Mapping[str, np.ndarray],
        asked: Mapping[str, np.ndarray],
    ) -> Plan:
        def rows_of(mask: np.ndarray, times: np.ndarray) -> Take:
            number = np.where(self.known(mask, times), np.cumsum(mask)[times - self.low] - 1, -1)
            return take(number)

        def term_rows(term: Term, times: np.ndarray) -> Take | None:
            return None if term.node is None else rows_of(needed[term.node], term.times(times))

        last: dict[str, str] = {}
        for name in reversed(list(asked)):  # `asked` is filled from the outputs on
            last |= dict.fromkeys(self.nodes[name].sources(), name)
        steps = []
        for name in (n for n in self.nodes if n in asked):
            node, rows = self.nodes[name], asked[name]
            terms = tuple(tuple(term_rows(t, rows) for t in part) for part in node.source)
            at = {}
            if node.kind == "component":
                here = np.isin(self.all, rows)
                out = self.all[needed[name]]
                at = {o: rows_of(here, out + o) for o in self.components[node.component].offsets}
            free = tuple(s for s, reader in last.items() if reader == name and s not in outputs)
            steps.append(Step(node, len(rows), terms, at, free))
        inputs = {
            name: take(np.cumsum(self.defined[name])[needed[name]] - 1)
            for name, node in self.nodes.items()
            if node.kind == "input" and needed[name].any()
        }
        return Plan(inputs, steps, {name: rows_of(needed[name], times) for name in outputs})
