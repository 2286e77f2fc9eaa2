"""Kaldi's HMM topology and transition model: read, written, and made from a context tree.

Sources: Kaldi's hmm/hmm-topology.cc, hmm/transition-model.cc.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from pyscorer.chain.tree import FORWARD, MOST_PDFS, SELF_LOOP, ContextTree
from pyscorer.errors import InputError
from pyscorer.kaldi.stream import KaldiReader, KaldiWriter

NO_PDF = -1
"""Pdf class of a state that emits nothing."""


@dataclass(frozen=True)
class HmmState:
    """One state: pdf classes of its forward arcs and its self-loop, (destination, probability)."""

    forward: int
    self_loop: int
    transitions: tuple[tuple[int, float], ...]


@dataclass(frozen=True)
class Topology:
    """Which HMM each phone has."""

    phones: tuple[int, ...]
    entry_of_phone: tuple[int, ...]
    """Index into `entries` by phone id, -1 where there is no such phone."""
    entries: tuple[tuple[HmmState, ...], ...]

    @property
    def is_hmm(self) -> bool:
        """Whether self-loops share the pdf of their state, as in all but chain models."""
        return all(s.forward == s.self_loop for entry in self.entries for s in entry)

    def states(self, phone: int) -> tuple[HmmState, ...]:
        """The HMM of a phone."""
        return self.entries[self.entry_of_phone[phone]]


@dataclass(frozen=True)
class TransitionModel:
    """Topology, the pdfs of every HMM state in context, and transition probabilities.

    `tuples` is n x 4: phone, HMM state, forward pdf, self-loop pdf; `log_probs` is indexed by
    transition id.
    """

    tuples: np.ndarray
    log_probs: np.ndarray
    topology: Topology

    @property
    def num_pdfs(self) -> int:
        """The largest pdf, and one."""
        return int(self.tuples[:, 2:].max()) + 1

    @cached_property
    def transition_table(self) -> np.ndarray:
        """(transition-ids + 1) x 3: row of `tuples`, destination state, pdf. Row 0 is unused."""
        rows = [(-1, -1, -1)]
        for index, (phone, state, forward, self_loop) in enumerate(self.tuples.tolist()):
            for destination, _ in self.topology.states(phone)[state].transitions:
                rows.append((index, destination, self_loop if destination == state else forward))
        return np.array(rows, dtype=np.int64)

    def transition_ids(self, phone: int, state: int, forward: int, self_loop: int) -> list[int]:
        """Ids of the transitions out of a state in context, in the order of the topology."""
        wanted = np.flatnonzero((self.tuples == (phone, state, forward, self_loop)).all(axis=1))
        if len(wanted) != 1:
            raise InputError(
                f"the transition model has no phone {phone}, state {state} with pdfs "
                f"{forward} and {self_loop}: it was made with another tree"
            )
        ids = np.flatnonzero(self.transition_table[:, 0] == wanted[0])
        return [int(i) for i in ids]


def chain_topology(phones: Sequence[int]) -> Topology:
    """Kaldi's chain topology: one frame in the forward pdf, then any number in the self-loop's."""
    states = (
        HmmState(FORWARD, SELF_LOOP, ((0, 0.5), (1, 0.5))),
        HmmState(NO_PDF, NO_PDF, ()),
    )
    entry_of_phone = [-1] * (max(phones) + 1)
    for phone in phones:
        entry_of_phone[phone] = 0
    return Topology(tuple(phones), tuple(entry_of_phone), (states,))


def chain_transition_model(tree: ContextTree) -> TransitionModel:
    """The transition model that nnet3-am-init writes for a chain system with this tree."""
    pairs = set()
    for phone in range(1, len(tree.phones)):
        for forward, self_loop in tree.pdf[:, phone].tolist():
            if min(forward, self_loop) < 0:
                raise InputError(f"the tree has no pdf for phone {tree.phones[phone]}")
            pairs.add((phone, 0, forward, self_loop))
    tuples = np.array(sorted(pairs), dtype=np.int64)
    log_probs = np.full(2 * len(tuples) + 1, math.log(0.5), dtype=np.float32)
    log_probs[0] = 0
    return TransitionModel(tuples, log_probs, chain_topology(range(1, len(tree.phones))))


def read_topology(reader: KaldiReader) -> Topology:
    """Read `<Topology> ... </Topology>`."""
    reader.where = "the topology"
    reader.expect("<Topology>")
    topology = _binary_topology(reader) if reader.binary else _text_topology(reader)
    reader.expect("</Topology>")
    for phone in topology.phones:
        known = 0 < phone < len(topology.entry_of_phone)
        if not known or not 0 <= topology.entry_of_phone[phone] < len(topology.entries):
            raise reader.fail(f"phone {phone} has no HMM")
    for entry in topology.entries:
        if any(not 0 <= to < len(entry) for state in entry for to, _ in state.transitions):
            raise reader.fail("a transition to a state that is not there")
    return topology


def _binary_topology(reader: KaldiReader) -> Topology:
    phones, entry_of_phone = reader.integers(), reader.integers()
    count = reader.integer()
    hmm = count != -1  # -1 announces the extended format with a self-loop pdf class
    if not hmm:
        count = reader.integer()
    entries = []
    for _ in range(count):
        states = []
        for _ in range(reader.integer()):
            forward = reader.integer()
            self_loop = forward if hmm else reader.integer()
            arcs = [(reader.integer(), reader.float()) for _ in range(reader.integer())]
            states.append(HmmState(forward, self_loop, tuple(arcs)))
        entries.append(tuple(states))
    return Topology(tuple(phones), tuple(entry_of_phone), tuple(entries))


def _text_topology(reader: KaldiReader) -> Topology:
    owner: dict[int, int] = {}
    entries: list[tuple[HmmState, ...]] = []
    while reader.peek() == "<TopologyEntry>":
        reader.token()
        reader.expect("<ForPhones>")
        while reader.peek() != "</ForPhones>":
            phone = reader.integer()
            if not 0 < phone < MOST_PDFS:
                raise reader.fail(f"phone {phone}")
            owner[phone] = len(entries)
        reader.token()
        states: list[HmmState] = []
        while reader.peek() == "<State>":
            reader.token()
            states.append(_text_state(reader, len(states)))
        reader.expect("</TopologyEntry>")
        entries.append(tuple(states))
    if not owner:
        raise reader.fail("no phones")
    entry_of_phone = [owner.get(phone, -1) for phone in range(max(owner) + 1)]
    return Topology(tuple(sorted(owner)), tuple(entry_of_phone), tuple(entries))


def _text_state(reader: KaldiReader, number: int) -> HmmState:
    if reader.integer() != number:
        raise reader.fail(f"state {number} is missing or out of order")
    forward = self_loop = NO_PDF
    transitions = []
    while (token := reader.token()) != "</State>":
        if token == "<PdfClass>":
            forward = self_loop = reader.integer()
        elif token == "<ForwardPdfClass>":
            forward = reader.integer()
        elif token == "<SelfLoopPdfClass>":
            self_loop = reader.integer()
        elif token == "<Transition>":
            transitions.append((reader.integer(), reader.float()))
        else:
            raise reader.fail(f"expected <Transition> or </State>, found {token[:40]}")
    return HmmState(forward, self_loop, tuple(transitions))


def write_topology(writer: KaldiWriter, topology: Topology) -> None:
    """Write `<Topology> ... </Topology>`."""
    writer.token("<Topology>")
    writer.integers(topology.phones)
    writer.integers(topology.entry_of_phone)
    hmm = topology.is_hmm
    if not hmm:
        writer.integer(-1)
    writer.integer(len(topology.entries))
    for entry in topology.entries:
        writer.integer(len(entry))
        for state in entry:
            writer.integer(state.forward)
            if not hmm:
                writer.integer(state.self_loop)
            writer.integer(len(state.transitions))
            for destination, probability in state.transitions:
                writer.integer(destination)
                writer.float(probability)
    writer.token("</Topology>")


def read_transition_model(reader: KaldiReader) -> TransitionModel:
    """Read `<TransitionModel> ... </TransitionModel>`; errors name what is wrong with it."""
    reader.where = "the transition model"
    reader.expect("<TransitionModel>")
    topology = read_topology(reader)
    reader.where = "the transition model"
    form = reader.token()
    columns = {"<Tuples>": 4, "<Triples>": 3}.get(form)
    if columns is None:
        raise reader.fail(f"expected <Tuples> or <Triples>, found {form[:40]}")
    rows = [[reader.integer() for _ in range(columns)] for _ in range(reader.integer())]
    tuples = np.array(rows, dtype=np.int64).reshape(-1, columns)
    if columns == 3:  # both pdfs of a state are the same
        tuples = np.concatenate([tuples, tuples[:, 2:]], axis=1)
    reader.expect(form.replace("<", "</"))
    reader.expect("<LogProbs>")
    log_probs = reader.value("vector")
    reader.expect("</LogProbs>")
    reader.expect("</TransitionModel>")
    model = TransitionModel(tuples, log_probs, topology)
    _check(reader, model)
    return model


def _check(reader: KaldiReader, model: TransitionModel) -> None:
    phones = set(model.topology.phones)
    for phone, state, *pdfs in model.tuples.tolist():
        if not all(0 <= pdf < MOST_PDFS for pdf in pdfs):
            raise reader.fail(f"phone {phone}, state {state} has pdfs {pdfs}")
        if phone not in phones or not 0 <= state < len(model.topology.states(phone)):
            raise reader.fail(f"phone {phone}, state {state} is not in the topology")
    if not len(model.tuples):
        raise reader.fail("no phones")
    if not np.isfinite(model.log_probs).all():
        raise reader.fail("a transition probability that is no number")
    if len(model.log_probs) != len(model.transition_table):
        raise reader.fail(
            f"{len(model.log_probs) - 1} probabilities for "
            f"{len(model.transition_table) - 1} transitions"
        )


def write_transition_model(writer: KaldiWriter, model: TransitionModel) -> None:
    """Write `<TransitionModel> ... </TransitionModel>`."""
    writer.token("<TransitionModel>")
    write_topology(writer, model.topology)
    hmm = model.topology.is_hmm
    form = "Triples" if hmm else "Tuples"
    writer.token(f"<{form}>")
    writer.integer(len(model.tuples))
    for row in model.tuples[:, : 3 if hmm else 4].tolist():
        for value in row:
            writer.integer(value)
    writer.token(f"</{form}>")
    writer.token("<LogProbs>")
    writer.value("vector", np.asarray(model.log_probs))
    writer.token("</LogProbs>")
    writer.token("</TransitionModel>")
