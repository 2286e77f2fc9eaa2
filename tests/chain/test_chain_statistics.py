"""Graphs of sums over parts are those of the whole."""

from pathlib import Path

import numpy as np
import pytest

from pyscorer.chain.chain_graphs import GraphOptions, chain_graphs
from pyscorer.chain.chain_statistics import (
    chain_statistics,
    phone_counts,
    sum_statistics,
    tree_statistics,
)
from pyscorer.chain.phone_lm import PhoneCounts, add_counts
from pyscorer.chain.tree import read_tree
from pyscorer.contract.archives import Matrices, write_archive
from pyscorer.contract.ctm import Segment, read_ctm, write_ctm
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError


def write_dataset(root: Path, name: str, utterances: int, seed: int) -> tuple[Path, Path]:
    """An alignment and features, of phones in a few orders: many histories are as frequent."""
    rng = np.random.default_rng(seed)
    alignments, features = [], []
    for number in range(utterances):
        labels = ["SIL", *rng.choice(PHONES[3:9], rng.integers(2, 9)).tolist(), "SIL"]
        ends = np.cumsum(rng.integers(3, 9, len(labels))).tolist()
        starts = [0, *ends[:-1]]
        key = f"{name}{number:03d}"
        segments = [Segment(p, s, e - s) for p, s, e in zip(labels, starts, ends, strict=True)]
        alignments.append((key, segments))
        features.append((key, rng.normal(size=(ends[-1], 13)).astype(np.float32)))
    write_ctm(root / "ali" / name / "phones.ctm", alignments)
    write_archive(root / "feats" / name / "feats.scp", features)
    return root / "ali" / name, root / "feats" / name


def in_parts(root: Path, ali: Path, feats: Path, parts: int, order: int = 4) -> list[Path]:
    """What chain_statistics writes of every so manieth utterance."""
    made, matrices = [], Matrices(feats / "feats.scp")
    for part in range(parts):
        name = f"{ali.name}@{part + 1}of{parts}"
        own = [pair for i, pair in enumerate(read_ctm(ali / "phones.ctm")) if i % parts == part]
        write_ctm(root / "parts" / name / "phones.ctm", own)
        write_archive(root / "parts" / name / "feats.scp", ((k, matrices[k]) for k, _ in own))
        made.append(root / "statistics" / name)
        chain_statistics(root / "parts" / name, root / "parts" / name, made[-1], order)
    return made


def test_counts_are_exact_and_sums_are_but_for_rounding(tmp_path: Path) -> None:
    ali, feats = write_dataset(tmp_path, "train", 40, 1)
    summed = sum_statistics(in_parts(tmp_path, ali, feats, 3), 4)
    tree, phones = tree_statistics([ali], [feats]), phone_counts([ali], 4)
    assert summed.phones == phones
    assert list(summed.phones.counts) == list(phones.counts)  # which decides among equals
    np.testing.assert_array_equal(summed.tree.count, tree.count)
    np.testing.assert_allclose(summed.tree.moments, tree.moments, rtol=1e-12, atol=1e-9)


def test_graphs_of_parts_are_those_of_the_whole(tmp_path: Path) -> None:
    # The second dataset's keys come before the first's, which must not matter.
    corpora = [write_dataset(tmp_path, "train", 40, 1), write_dataset(tmp_path, "more", 20, 2)]
    options = GraphOptions(num_leaves=60, min_leaf_count=10.0, extra_lm_states=20)
    ali, feats = zip(*corpora, strict=True)
    chain_graphs(tmp_path / "whole", options, ali, feats)
    parts = [part for number, c in zip((3, 2), corpora, strict=True)
             for part in in_parts(tmp_path, *c, number)]  # fmt: skip
    chain_graphs(tmp_path / "summed", options, statistics=tuple(parts))
    whole, summed = (tmp_path / name for name in ("whole", "summed"))
    assert (whole / "phone_lm.fst").read_bytes() == (summed / "phone_lm.fst").read_bytes()
    # Where two questions say the same of all that was seen, rounding chooses, and numbers leaves.
    seen = tree_statistics(ali, feats).count > 0
    one, other = (read_tree(folder / "tree.json") for folder in (whole, summed))
    assert one.num_pdfs == other.num_pdfs and one.questions == other.questions
    assert partition(one.pdf[seen]) == partition(other.pdf[seen])


def partition(leaves: np.ndarray) -> list[int]:
    """Leaves, numbered as they come."""
    numbers: dict[int, int] = {}
    return [numbers.setdefault(leaf, len(numbers)) for leaf in leaves.tolist()]


def test_places_of_histories_are_those_of_the_first_utterance() -> None:
    one, two = PhoneCounts(3), PhoneCounts(3)
    one.add("b", [1, 2])
    two.add("a", [2])
    two.add("c", [1, 2])
    total = add_counts([(0, one), (0, two)])
    assert total.first == {(0,): ("a", 0), (0, 2): ("a", 1), (0, 1): ("b", 1), (1, 2): ("b", 2)}
    assert total.counts == {(0,): {1: 2, 2: 1}, (0, 2): {0: 1}, (0, 1): {2: 2}, (1, 2): {0: 2}}


def test_statistics_that_do_not_fit_are_named(tmp_path: Path) -> None:
    ali, feats = write_dataset(tmp_path, "train", 6, 1)
    (part, _) = in_parts(tmp_path, ali, feats, 2, order=3)
    with pytest.raises(InputError, match=r"train@1of2/statistics.npz: of ngram_order 3, not 4"):
        chain_graphs(tmp_path / "graphs", GraphOptions(), statistics=(part,))
    np.savez(part / "statistics.npz", order=np.array(4))
    with pytest.raises(InputError, match=r"not of the stage chain_statistics"):
        chain_graphs(tmp_path / "graphs", GraphOptions(), statistics=(part,))
    with pytest.raises(InputError, match="ali and feats, or statistics"):
        chain_graphs(tmp_path / "graphs", GraphOptions(), (ali,), (feats,), (part,))
