"""The node graph of an nnet3 network: nodes, what each takes as input, and in which order they go.

Source: Kaldi's nnet3/nnet-descriptor.h (the grammar of descriptors), nnet3/nnet-nnet.cc.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import numpy as np

from pyscorer.contract.files import shown
from pyscorer.errors import InputError

Step = tuple[str, int]
"""`offset` by, `round` down to a multiple of, or `replace` with, a number of frames."""


@dataclass(frozen=True)
class Term:
    """A node at another time, scaled. Without a node: `scale` itself, `dim` times (Const)."""

    node: str | None
    scale: float = 1.0
    steps: tuple[Step, ...] = ()
    """From time to time of the node, first to last."""
    optional: bool = False
    """IfDefined: zero at times that the node cannot be computed for."""
    dim: int = 0

    def times(self, times: np.ndarray) -> np.ndarray:
        """Times of the node for `times`."""
        for what, number in self.steps:
            if what == "offset":
                times = times + number
            elif what == "round":
                times = times // number * number
            else:
                times = np.full_like(times, number)
        return times


Descriptor = tuple[tuple[Term, ...], ...]
"""Appended parts, of which each is a sum of terms."""


@dataclass(frozen=True)
class Node:
    """One node. Of a dim-range-node `columns` are what is taken of its only term."""

    name: str
    kind: str
    """input, component, dim-range or output."""
    source: Descriptor = ()
    component: str = ""
    dim: int = 0
    """Of an input."""
    columns: tuple[int, int] = (0, 0)

    def sources(self) -> set[str]:
        """The nodes that it reads."""
        return {term.node for part in self.source for term in part if term.node is not None}


def parse_graph(path: Path, config: Iterable[str]) -> dict[str, Node]:
    """The nodes of a network by name, each after those that it reads.

    Raises InputError naming the node (or the line) that has an unknown kind or descriptor, reads
    a node that is not there, or is part of a recurrence.
    """
    nodes: dict[str, Node] = {}
    for line in config:
        node = _node(path, line)
        if node is not None:
            if node.name in nodes:
                raise InputError(f"{path}: node {node.name}: there are two of that name")
            nodes[node.name] = node
    for node in nodes.values():
        if unknown := sorted(node.sources() - nodes.keys()):
            raise InputError(f"{path}: node {node.name}: there is no node {shown(unknown[0])}")
    try:
        order = list(
            TopologicalSorter({n.name: sorted(n.sources()) for n in nodes.values()}).static_order()
        )
    except CycleError as error:
        raise InputError(
            f"{path}: node {error.args[1][0]}: it depends on itself by way of "
            f"{', '.join(error.args[1][1:-1]) or 'nothing else'}: recurrent networks are not run"
        ) from None
    return {name: nodes[name] for name in order}


_KINDS: Mapping[str, tuple[str, ...]] = {
    "input-node": ("name", "dim"),
    "component-node": ("name", "component", "input"),
    "dim-range-node": ("name", "input-node", "dim", "dim-offset"),
    "output-node": ("name", "input"),
}


def _node(path: Path, line: str) -> Node | None:
    kind, _, rest = line.strip().partition(" ")
    if not kind or kind == "component":
        return None
    fields = dict(re.findall(r"([\w-]+)=(.*?)(?=\s+[\w-]+=|$)", rest))
    if kind not in _KINDS or not set(_KINDS[kind]) <= fields.keys():
        raise InputError(f"{path}: the network has a line that is not known: {shown(line)}")
    name = fields["name"]
    with_numbers = {key: fields[key] for key in ("dim", "dim-offset") if key in _KINDS[kind]}
    if not all(value.isdecimal() for value in with_numbers.values()):
        raise InputError(f"{path}: node {name}: a dimension that is no number: {shown(line)}")
    if kind == "input-node":
        return Node(name, "input", dim=int(fields["dim"]))
    if kind == "dim-range-node":
        first = int(fields["dim-offset"])
        source = ((Term(fields["input-node"]),),)
        return Node(name, "dim-range", source, columns=(first, first + int(fields["dim"])))
    try:
        descriptor = parse_descriptor(fields["input"])
    except ValueError as error:
        raise InputError(f"{path}: node {name}: input {shown(fields['input'])}: {error}") from None
    if kind == "output-node":
        return Node(name, "output", descriptor)
    return Node(name, "component", descriptor, fields["component"])


def parse_descriptor(text: str) -> Descriptor:
    """What a node takes as input: `Append(Offset(a, -1), Sum(a, Scale(0.5, b)))` and the like.

    Raises ValueError saying what is not known.
    """
    tokens = re.findall(r"[(),]|[^\s(),]+", text)[::-1]
    descriptor = _parsed(tokens)
    if tokens:
        raise ValueError(f"{' '.join(tokens[::-1])[:40]!r} is left over")
    return descriptor


def _parsed(tokens: list[str]) -> Descriptor:
    name = _next(tokens)
    if name in "(),":
        raise ValueError(f"a node or a function is expected where {name!r} stands")
    if not tokens or tokens[-1] != "(":
        return ((Term(name),),)
    tokens.pop()
    if name not in _FUNCTIONS:
        raise ValueError(f"{name}() is not run: only {', '.join(_FUNCTIONS)} are")
    arguments: list[Descriptor | str] = []
    separator = ","
    while separator == ",":
        number = re.fullmatch(r"-?[\d.]+(e-?\d+)?", tokens[-1]) if tokens else None
        word = name == "ReplaceIndex" and len(arguments) == 1
        arguments.append(_next(tokens) if number or word else _parsed(tokens))
        separator = _next(tokens)
    if separator != ")":
        raise ValueError(f"',' or ')' is expected where {separator!r} stands")
    return _applied(name, arguments)


def _next(tokens: list[str]) -> str:
    if not tokens:
        raise ValueError("it ends in the middle")
    return tokens.pop()


_FUNCTIONS = {
    "Append": "*",
    "Sum": "*",
    "Offset": "dn",
    "ReplaceIndex": "dnn",
    "Round": "dn",
    "Scale": "nd",
    "Const": "nn",
    "IfDefined": "d",
}
"""Functions, and their arguments: d a descriptor, n a number (or word)."""


def _applied(name: str, arguments: list[Descriptor | str]) -> Descriptor:
    wanted = _FUNCTIONS[name]
    form = "".join("n" if isinstance(a, str) else "d" for a in arguments)
    if name == "Offset" and form == "dnn" and arguments[2] == "0":
        form = form[:2]  # an offset of x, which is always 0
    if form != (wanted if wanted != "*" else "d" * len(arguments)):
        raise ValueError(f"{name} with arguments that it does not take")
    descriptors = [a for a in arguments if not isinstance(a, str)]
    numbers = [a for a in arguments if isinstance(a, str)]
    if name == "Append":
        return tuple(part for descriptor in descriptors for part in descriptor)
    if name == "Sum":
        if len({len(descriptor) for descriptor in descriptors}) > 1:
            raise ValueError("a Sum of Appends of different numbers of parts")
        return tuple(
            tuple(t for part in parts for t in part) for parts in zip(*descriptors, strict=True)
        )
    if name == "Const":
        return ((Term(None, float(numbers[0]), dim=int(numbers[1])),),)
    if name == "ReplaceIndex" and numbers[0] != "t":
        raise ValueError(f"ReplaceIndex of {numbers[0]}: only t is known")
    if name == "IfDefined" and any(
        len(part) > 1 or part[0].node is None for part in descriptors[0]
    ):
        raise ValueError("IfDefined of a Sum or Const")
    if name == "Round" and int(numbers[0]) < 1:
        raise ValueError(f"Round to {numbers[0]} frames")

    def changed(term: Term) -> Term:
        if name == "Scale":
            return replace(term, scale=float(numbers[0]) * term.scale)
        if name == "IfDefined":
            return replace(term, optional=True)
        what = {"Offset": "offset", "Round": "round", "ReplaceIndex": "replace"}[name]
        return replace(
            term, steps=((what, int(numbers[-1 if what == "replace" else 0])), *term.steps)
        )

    return tuple(tuple(changed(term) for term in part) for part in descriptors[0])
