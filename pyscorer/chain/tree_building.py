"""Grow a left-biphone tree from data: single-Gaussian statistics, questions, greedy splits.

The method of Kaldi's acc-tree-stats, cluster-phones and build-tree (Young, Odell & Woodland,
"Tree-based state tying", HLT 1994), for the chain topology: every phone has its own root, and a
node may ask whether the frame is the phone's first (pdf class) or which phone stands to the left.
"""

import heapq
import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pyscorer.chain.tree import (
    CENTRAL,
    FORWARD,
    LEFT,
    PDF_CLASS,
    SELF_LOOP,
    Branch,
    ContextTree,
    Node,
    Split,
    make_tree,
)
from pyscorer.contract.ctm import Segment

log = logging.getLogger(__name__)

VARIANCE_FLOOR = 0.01


@dataclass(frozen=True)
class TreeStatistics:
    """Frame counts, sums and sums of squares for every (left phone, phone, pdf class)."""

    count: np.ndarray
    """(phones, phones, 2)."""
    moments: np.ndarray
    """(phones, phones, 2, 2 * dim): sums, then sums of squares."""

    def __add__(self, other: "TreeStatistics") -> "TreeStatistics":
        return TreeStatistics(self.count + other.count, self.moments + other.moments)


def empty_statistics(phones: int, dim: int) -> TreeStatistics:
    """Statistics of no data."""
    return TreeStatistics(np.zeros((phones, phones, 2)), np.zeros((phones, phones, 2, 2 * dim)))


def accumulate(
    stats: TreeStatistics,
    features: np.ndarray,
    segments: Sequence[Segment],
    ids: dict[str, int],
    subsampling: int = 3,
) -> None:
    """Add one utterance: every third frame of `features` (10 ms frames x dim), under its phone.

    The first such frame of a phone is of the forward class, the others are of the self-loop class.
    """
    frames = np.arange(0, len(features), subsampling)
    ends = np.array([segment.end for segment in segments])
    phones = np.array([ids[segment.label] for segment in segments])
    lefts = np.concatenate([[0], phones[:-1]])
    place = np.searchsorted(ends, frames, side="right")
    pdf_class = np.where(np.diff(place, prepend=-1) != 0, FORWARD, SELF_LOOP)
    key = (lefts[place], phones[place], pdf_class)
    rows = np.asarray(features[frames], dtype=np.float64)
    np.add.at(stats.count, key, 1.0)
    np.add.at(stats.moments, key, np.concatenate([rows, rows**2], axis=1))


def log_likelihood(count: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """Log-likelihood of data under its own diagonal Gaussian, variances floored at 0.01.

    `count` (...), `moments` (..., 2 * dim). The constant count * dim * log(2 pi) is left out, as it
    cancels in every split.
    """
    dim = moments.shape[-1] // 2
    safe = np.maximum(count, 1e-10)[..., None]
    mean = moments[..., :dim] / safe
    variance = moments[..., dim:] / safe - mean**2
    floored = np.maximum(variance, VARIANCE_FLOOR)
    return -0.5 * count * (np.log(floored) + np.maximum(variance, 0) / floored).sum(-1)


def cluster_questions(stats: TreeStatistics, phones: Sequence[int]) -> tuple[tuple[int, ...], ...]:
    """Sets of acoustically similar phones: all nodes of a bottom-up clustering, singletons too.

    Each step joins the two sets whose union loses the least likelihood (Kaldi's cluster-phones
    splits from the top instead). Phones without data take no part.
    """
    count, moments = stats.count.sum((0, 2)), stats.moments.sum((0, 2))
    sets: list[tuple[tuple[int, ...], float, np.ndarray]] = [
        ((phone,), count[phone], moments[phone]) for phone in phones if count[phone] > 0
    ]
    questions: list[tuple[int, ...]] = [members for members, _, _ in sets]
    while len(sets) > 2:
        counts, sums = np.array([c for _, c, _ in sets]), np.array([m for _, _, m in sets])
        own = log_likelihood(counts, sums)
        joint = log_likelihood(counts[:, None] + counts, sums[:, None] + sums)
        loss = own[:, None] + own - joint
        loss[np.tril_indices(len(sets))] = np.inf
        a, b = np.unravel_index(np.argmin(loss), loss.shape)
        merged = tuple(sorted(sets[a][0] + sets[b][0]))
        questions.append(merged)
        union = (merged, counts[a] + counts[b], sums[a] + sums[b])
        sets = [s for i, s in enumerate(sets) if i not in (a, b)] + [union]
    return tuple(questions)


@dataclass
class _Leaf:
    """A node in the making: a phone in some contexts; `split` is set once it is no leaf."""

    phone: int
    lefts: np.ndarray
    """Bool, one entry a left phone."""
    classes: tuple[int, ...]
    pdf: int = -1
    split: "_Division | None" = None


@dataclass(frozen=True)
class _Question:
    """What a leaf can be split by, and the likelihood that it gains."""

    gain: float
    key: int
    values: frozenset[int]
    """Answered yes."""


@dataclass(frozen=True)
class _Offer:
    leaf: _Leaf
    question: _Question


@dataclass(frozen=True)
class _Division:
    question: _Question
    yes: _Leaf
    no: _Leaf


def _best_split(
    leaf: _Leaf,
    stats: TreeStatistics,
    questions: Sequence[tuple[int, ...]],
    asked: np.ndarray,
    min_count: float,
) -> _Question | None:
    """The question that gains most likelihood."""
    lefts, classes = np.flatnonzero(leaf.lefts), list(leaf.classes)
    count = stats.count[lefts][:, leaf.phone][:, classes]
    moments = stats.moments[lefts][:, leaf.phone][:, classes]
    whole = log_likelihood(count.sum(), moments.sum((0, 1)))
    best: _Question | None = None
    if len(classes) == 2:
        counts, sums = count.sum(0), moments.sum(0)
        gain = float(log_likelihood(counts, sums).sum() - whole)
        if counts.min() >= min_count:
            best = _Question(gain, PDF_CLASS, frozenset({FORWARD}))
    if len(asked):
        inside = asked[:, lefts].astype(np.float64)
        by_left, sums_by_left = count.sum(1), moments.sum(1)
        yes_count, yes = inside @ by_left, inside @ sums_by_left
        no_count, no = by_left.sum() - yes_count, sums_by_left.sum(0) - yes
        gains = log_likelihood(yes_count, yes) + log_likelihood(no_count, no) - whole
        gains[(yes_count < min_count) | (no_count < min_count)] = -np.inf
        top = int(np.argmax(gains))
        if np.isfinite(gains[top]) and (best is None or gains[top] > best.gain):
            best = _Question(float(gains[top]), LEFT, frozenset(questions[top]))
    return best if best is not None and best.gain > 0 else None


def _divide(leaf: _Leaf, question: _Question, new_pdf: int) -> tuple[_Leaf, _Leaf]:
    """Split `leaf`; "yes" keeps its pdf, "no" gets `new_pdf`."""
    if question.key == PDF_CLASS:
        yes = _Leaf(leaf.phone, leaf.lefts, (FORWARD,), leaf.pdf)
        no = _Leaf(leaf.phone, leaf.lefts, (SELF_LOOP,), new_pdf)
    else:
        inside = np.isin(np.arange(len(leaf.lefts)), list(question.values))
        yes = _Leaf(leaf.phone, leaf.lefts & inside, leaf.classes, leaf.pdf)
        no = _Leaf(leaf.phone, leaf.lefts & ~inside, leaf.classes, new_pdf)
    leaf.split = _Division(question, yes, no)
    return yes, no


def build_tree(
    stats: TreeStatistics,
    phones: Sequence[str],
    num_leaves: int = 250,
    min_count: float = 50.0,
    context_free: Sequence[int] = (),
) -> ContextTree:
    """Grow a left-biphone tree of at most `num_leaves` pdfs by the greediest splits first.

    `phones` are the symbols by id, `<eps>` first. A split leaves at least `min_count` frames (of
    30 ms) on both sides. Phones in `context_free` (silence) are split by pdf class only. Growth
    stops early when no split is left that gains likelihood: the log says so.
    """
    questions = cluster_questions(stats, range(1, len(phones)))
    asked = np.array([np.isin(np.arange(len(phones)), question) for question in questions])
    anything = np.ones(len(phones), dtype=bool)
    roots = [
        _Leaf(phone, anything, (FORWARD, SELF_LOOP), phone - 1) for phone in range(1, len(phones))
    ]
    leaves = len(roots)
    queue: list[tuple[float, int, _Offer]] = []
    offered = 0

    def offer(leaf: _Leaf) -> None:
        nonlocal offered
        about = asked[:0] if leaf.phone in context_free else asked
        found = _best_split(leaf, stats, questions, about, min_count)
        if found is not None:
            offered += 1  # breaks ties, so that leaves are never compared
            heapq.heappush(queue, (-found.gain, offered, _Offer(leaf, found)))

    for root in roots:
        offer(root)
    while leaves < num_leaves and queue:
        _, _, best = heapq.heappop(queue)
        for child in _divide(best.leaf, best.question, leaves):
            offer(child)
        leaves += 1
    if leaves < num_leaves:
        log.warning(
            "context tree: %d leaves instead of %d: no further split has %.0f frames on both sides",
            leaves,
            num_leaves,
            min_count,
        )
    children: list[Node | None] = [None, *(_as_node(root) for root in roots)]
    return make_tree(phones, Branch(CENTRAL, tuple(children)), questions)


def _as_node(leaf: _Leaf) -> Node:
    if leaf.split is None:
        return leaf.pdf
    asked, yes, no = leaf.split.question, leaf.split.yes, leaf.split.no
    return Split(asked.key, asked.values, _as_node(yes), _as_node(no))
