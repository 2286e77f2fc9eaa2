"""The denominator of LF-MMI: a graph as sparse matrices, and its forward-backward recursion.

The details are those of Kaldi's chain-denominator.cc and chain-den-graph.cc.
"""

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import scipy.sparse
import torch

from pyscorer.chain.fst import Acceptor, read_fst
from pyscorer.errors import InputError

LIMIT = 30.0
"""Outputs are clipped to +- this before exp: the denominator is not computed in log space."""


def initial_probabilities(graph: Acceptor, iterations: int = 100) -> np.ndarray:
    """State probabilities averaged over the first `iterations` steps from the start state.

    Kaldi's DenominatorGraph::SetInitialProbs: a chunk may begin anywhere in an utterance.
    """
    probability = np.exp(graph.weight)
    total = np.exp(graph.final) + np.bincount(graph.source, probability, minlength=graph.num_states)
    if not (total > 0).all():
        raise InputError("denominator graph: a state has neither arcs nor a final weight")
    step = probability / total[graph.source]
    current: np.ndarray = np.zeros(graph.num_states)
    current[graph.start] = 1.0
    average = np.zeros(graph.num_states)
    for _ in range(iterations):
        average += current / iterations
        current = np.bincount(
            graph.destination, current[graph.source] * step, minlength=graph.num_states
        )
        current = current / current.sum()
    return average


@dataclass(frozen=True)
class DenominatorGraph:
    """The denominator graph as sparse matrices, on one device.

    An entry is a pair (state, pdf of an arc into it). With the entries' pdfs fixed, a frame of the
    forward recursion is one product of a sparse entries x states matrix with the states x
    sequences matrix of alphas. States are numbered by falling number of entries, and entry
    `offset[k] + q` is the k-th one of state q, so that summing the entries of a state is adding
    contiguous blocks.
    """

    num_states: int
    num_pdfs: int
    initial: torch.Tensor
    """(states,) probabilities."""
    into: torch.Tensor
    """(entries, states) CSR: transition probabilities."""
    out_of: torch.Tensor
    """(states, entries) CSR: the transpose of `into`."""
    pdf: torch.Tensor
    """(entries,) pdf of each entry."""
    to_pdf: torch.Tensor
    """(pdfs, entries) CSR of ones: sums entries by pdf."""
    blocks: tuple[tuple[int, int], ...]
    """(first entry, number of entries) of each block."""
    workspace: dict[tuple[int, ...], torch.Tensor] = field(
        default_factory=dict, repr=False, compare=False
    )
    """Memory of the forward pass, kept because fresh pages cost more than the arithmetic. One
    thread at a time may use a graph."""

    @classmethod
    def from_fst(cls, path: Path, num_pdfs: int) -> "DenominatorGraph":
        """Read den.fst (label = pdf + 1). Raises InputError if a label is beyond `num_pdfs`."""
        graph = read_fst(path)
        if graph.label.max() > num_pdfs:
            raise InputError(
                f"{path}: label {graph.label.max()} is not a pdf + 1 of a tree with {num_pdfs} pdfs"
            )
        return cls.from_acceptor(graph, num_pdfs)

    @classmethod
    def from_acceptor(
        cls, graph: Acceptor, num_pdfs: int, dtype: torch.dtype = torch.float32
    ) -> "DenominatorGraph":
        """Lay out `graph` (label = pdf + 1) for the forward and backward recursions."""
        pairs, entry_of_arc = np.unique(
            graph.destination * num_pdfs + graph.label - 1, return_inverse=True
        )
        entry_state, entry_pdf = np.divmod(pairs, num_pdfs)
        count = np.bincount(entry_state, minlength=graph.num_states)
        order = np.argsort(-count, kind="stable")
        number = np.empty_like(order)
        number[order] = np.arange(graph.num_states)
        rank = np.arange(len(pairs)) - np.searchsorted(entry_state, entry_state)
        sizes = [int((count > k).sum()) for k in range(int(count.max()))]
        offset = np.concatenate([[0], np.cumsum(sizes)])
        place = offset[rank] + number[entry_state]
        pdf = np.empty(len(pairs), dtype=np.int64)
        pdf[place] = entry_pdf
        rows, columns = place[entry_of_arc], number[graph.source]
        probability = np.exp(graph.weight)
        entries, states = len(pairs), graph.num_states
        return cls(
            num_states=states,
            num_pdfs=num_pdfs,
            initial=torch.tensor(initial_probabilities(graph)[order], dtype=dtype),
            into=_csr(rows, columns, probability, (entries, states), dtype),
            out_of=_csr(columns, rows, probability, (states, entries), dtype),
            pdf=torch.from_numpy(pdf),
            to_pdf=_csr(pdf, np.arange(entries), np.ones(entries), (num_pdfs, entries), dtype),
            blocks=tuple(zip(offset[:-1].tolist(), sizes, strict=True)),
        )

    def to(
        self, device: torch.device | str | None = None, dtype: torch.dtype | None = None
    ) -> "DenominatorGraph":
        """The same graph on another device, or in another precision."""
        return DenominatorGraph(
            self.num_states,
            self.num_pdfs,
            self.initial.to(device=device, dtype=dtype),
            self.into.to(device=device, dtype=dtype),
            self.out_of.to(device=device, dtype=dtype),
            self.pdf.to(device=device),
            self.to_pdf.to(device=device, dtype=dtype),
            self.blocks,
        )


def _csr(
    rows: np.ndarray,
    columns: np.ndarray,
    values: np.ndarray,
    shape: tuple[int, int],
    dtype: torch.dtype,
) -> torch.Tensor:
    matrix = scipy.sparse.csr_matrix((values, (rows, columns)), shape)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr),
            torch.from_numpy(matrix.indices),
            torch.tensor(matrix.data, dtype=dtype),
            shape,
            check_invariants=True,
        )


def _workspace(graph: DenominatorGraph, shape: tuple[int, ...]) -> torch.Tensor:
    if shape not in graph.workspace:
        graph.workspace.clear()
        graph.workspace[shape] = graph.initial.new_zeros(shape)
    return graph.workspace[shape]


def _multiply(matrix: torch.Tensor, dense: torch.Tensor, out: torch.Tensor) -> None:
    """out = matrix @ dense; `torch.mm` into `out` would clear and copy it first."""
    torch.addmm(out, matrix, dense, beta=0, out=out)


def _sum_blocks(graph: DenominatorGraph, entries: torch.Tensor, states: torch.Tensor) -> None:
    """states[q] = sum of the entries of state q, in place."""
    if graph.blocks[0][1] < graph.num_states:
        states[graph.blocks[0][1] :] = 0  # states that no arc enters
    for block, (first, size) in enumerate(graph.blocks):
        part = entries[first : first + size]
        if block == 0:
            states[:size] = part
        else:
            states[:size] += part


def _spread_blocks(graph: DenominatorGraph, states: torch.Tensor, entries: torch.Tensor) -> None:
    """entries[e] = value of the state of entry e, in place."""
    for first, size in graph.blocks:
        entries[first : first + size] = states[:size]


@torch.no_grad()
def denominator_forward_backward(
    output: torch.Tensor, graph: DenominatorGraph, leaky: float, derivatives: bool = True
) -> tuple[torch.Tensor, torch.Tensor | None, torch.Tensor]:
    """Denominator log-probabilities of `output` (B, T, pdfs), and occupation probabilities.

    Returns (log-probabilities (B,), occupation (B, T, pdfs) or None, ok (B,) bool). The alphas are
    scaled to sum to one at every frame, outputs are clipped to +-30, and `leaky` is the leaky-HMM
    coefficient: at every frame a state may be left for any state q at cost leaky * initial[q].
    """
    sequences, frames, _ = output.shape
    # (T, pdfs, B): the sparse products want sequences as columns.
    likelihood = output.clamp(-LIMIT, LIMIT).exp().permute(1, 2, 0).contiguous()
    states, entries = graph.num_states, len(graph.pdf)
    new = output.new_empty
    alpha = graph.initial[:, None].expand(states, sequences).clone()
    total = alpha.sum(0)
    totals = [total]
    leak = leaky * graph.initial[:, None]
    alpha.addcmul_(leak, total)
    scaled, emission = output.new_zeros((entries, sequences)), new((entries, sequences))
    visited = _workspace(graph, (frames, entries, sequences)) if derivatives else None
    for t in range(frames):
        arrived = scaled if visited is None else visited[t]
        _multiply(graph.into, alpha, arrived)
        torch.index_select(likelihood[t] / total, 0, graph.pdf, out=emission)
        arrived *= emission
        _sum_blocks(graph, arrived, alpha)
        total = alpha.sum(0)
        totals.append(total)
        alpha.addcmul_(leak, total)
    last = alpha.sum(0)
    log_probability = last.log() + torch.stack(totals[:-1]).double().log().sum(0)
    if visited is None:
        return log_probability, None, log_probability.isfinite()
    occupation = output.new_zeros((frames, graph.num_pdfs, sequences))
    beta = (1.0 / last).expand(states, sequences).clone()
    beta += leaky * (graph.initial @ beta)
    ahead = new((entries, sequences))
    for t in reversed(range(frames)):
        _spread_blocks(graph, beta, ahead)
        torch.index_select(likelihood[t] / totals[t], 0, graph.pdf, out=emission)
        emission *= ahead
        _multiply(graph.to_pdf, ahead.mul_(visited[t]), occupation[t])
        _multiply(graph.out_of, emission, beta)
        beta += leaky * (graph.initial @ beta)
    # Each frame's occupation sums to one; Kaldi checks the first, where errors have added up.
    ok = log_probability.isfinite() & ((occupation.sum(1) - 1.0).abs().amax(0) < 0.1)
    return log_probability, occupation.permute(2, 0, 1), ok
