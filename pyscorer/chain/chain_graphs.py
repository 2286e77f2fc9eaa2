"""The graphs of LF-MMI training: context tree, phone LM, denominator and normalization graph."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pyscorer.chain.chain_statistics import phone_counts, sum_statistics, tree_statistics
from pyscorer.chain.denominator import initial_probabilities
from pyscorer.chain.fst import Acceptor, write_fst
from pyscorer.chain.phone_lm import phone_lm
from pyscorer.chain.tree import FORWARD, SELF_LOOP, ContextTree, monophone_tree, write_tree
from pyscorer.chain.tree_building import TreeStatistics, build_tree
from pyscorer.contract.files import atomic_directory, atomic_open
from pyscorer.contract.phones import PHONE_ID, PHONES, SILENCE, UNKNOWN_PHONE
from pyscorer.errors import InputError
from pyscorer.options import option

log = logging.getLogger(__name__)

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


@dataclass(frozen=True)
class GraphOptions:
    """How large the context tree and the phone LM are."""

    num_leaves: int = option(250, "pdfs of the left-biphone tree; 0: monophone, 2 a phone", ge=0)
    min_leaf_count: float = option(50.0, "least number of 30 ms frames of a leaf", ge=0)
    ngram_order: int = option(4, "order of the phone LM", ge=2)
    no_prune_order: int = option(3, "histories of this order are kept whatever they cost", ge=0)
    extra_lm_states: int = option(2000, "LM states beyond those; fewer make training faster", ge=0)


def _grown_tree(stats: TreeStatistics, options: GraphOptions) -> ContextTree:
    silences = [PHONE_ID[SILENCE], PHONE_ID[UNKNOWN_PHONE]]
    return build_tree(stats, PHONES, options.num_leaves, options.min_leaf_count, silences)


def write_graphs(out: Path, tree: ContextTree, lm: Acceptor, denominator: Acceptor) -> None:
    """Write tree.json, phone_lm.fst, den.fst and normalization.fst into the directory `out`."""
    write_tree(out / "tree.json", tree)
    write_fst(out / "phone_lm.fst", lm)
    write_fst(out / "den.fst", denominator)
    write_fst(out / "normalization.fst", normalization_fst(denominator))


def chain_graphs(
    out: Path,
    options: GraphOptions = GraphOptions(),
    ali: tuple[Path, ...] = (),
    feats: tuple[Path, ...] = (),
    statistics: tuple[Path, ...] = (),
) -> None:
    """Make the context tree, phone LM, denominator and normalization graph of chain training.

    `ali` are directories with phones.ctm, `feats` as many directories with feats.scp (raw MFCC of
    either kind) of the same utterances; in their place may stand those that the stage
    chain_statistics made of them (`statistics`), whose sums are taken in the order given. Include
    everything that is trained on or validated on: the phone LM has no smoothing. Writes
    `out/tree.json`, `phone_lm.fst`, `den.fst`, `normalization.fst` (label = pdf + 1) and
    `summary.txt`.

    Raises InputError for alignments with gaps or unknown phones, and for features that are missing
    or of another length.
    """
    if bool(statistics) == any((ali, feats)):
        raise InputError("give ali and feats, or statistics in their place")
    if len(ali) != len(feats):
        raise InputError(
            f"chain_graphs: {len(ali)} alignment, but {len(feats)} feature directories"
        )
    stats: TreeStatistics | None = None
    if statistics:
        summed = sum_statistics(statistics, options.ngram_order)
        stats, counts = summed.tree, summed.phones
    else:
        if options.num_leaves:
            stats = tree_statistics(ali, feats)
        counts = phone_counts(ali, options.ngram_order)
    tree = _grown_tree(stats, options) if stats and options.num_leaves else monophone_tree(PHONES)
    lm = phone_lm(counts, options.no_prune_order, options.extra_lm_states)
    denominator = denominator_fst(lm.acceptor, tree)
    unseen = tree.num_pdfs - len(np.unique(denominator.label))
    summary = {
        "pdfs": tree.num_pdfs,
        "pdfs not in the denominator graph": unseen,
        "phone LM states": lm.acceptor.num_states,
        "phone LM arcs": len(lm.acceptor.label),
        "phone LM perplexity": f"{lm.perplexity:.4f}",
        "denominator states": denominator.num_states,
        "denominator arcs": len(denominator.label),
    }
    with atomic_directory(out) as part:
        write_graphs(part, tree, lm.acceptor, denominator)
        with atomic_open(part / "summary.txt") as stream:
            for name, value in summary.items():
                stream.write(f"{name}: {value}\n")
                log.info("%s: %s", name, value)
