"""Denominator and normalization graphs, and the stage that makes them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_phone_lm import make_phone_lm

from pyscorer.chain.chain_graphs import (
    GraphOptions,
    chain_graphs,
    denominator_fst,
    normalization_fst,
)
from pyscorer.chain.denominator import (
    DenominatorGraph,
    denominator_forward_backward,
    initial_probabilities,
)
from pyscorer.chain.fst import Acceptor, read_fst, write_fst
from pyscorer.chain.supervision import Normalization
from pyscorer.chain.tree import ContextTree, monophone_tree, read_tree
from pyscorer.contract.archives import write_archive
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.phones import PHONES
from pyscorer.errors import InputError
from pyscorer.kaldi.tree_file import read_kaldi_tree

TREE = monophone_tree(("<eps>", "SIL", "A", "B"))


def score(graph: Acceptor, pdfs: list[int]) -> float:
    """Log of the summed weight of all paths with these pdfs."""
    probability = np.zeros(graph.num_states)
    probability[graph.start] = 1.0
    for pdf in pdfs:
        arcs = np.flatnonzero(graph.label == pdf + 1)
        probability = np.bincount(
            graph.destination[arcs],
            probability[graph.source[arcs]] * np.exp(graph.weight[arcs]),
            minlength=graph.num_states,
        )
    return float(np.log(probability @ np.exp(graph.final)))


def test_a_path_costs_its_language_model_and_half_a_frame() -> None:
    lm = make_phone_lm([[1, 2, 1], [1, 3]], order=2, no_prune_order=2).acceptor
    graph = denominator_fst(lm, TREE)
    # SIL SIL SIL A SIL: start -> SIL 1, SIL -> A 1/3, A -> SIL 1, SIL -> end 1/3; 5 frames, each
    # with a decision to stay or to leave after it.
    expected = np.log(1 / 9) + 5 * np.log(0.5)
    assert score(graph, [0, 1, 1, 2, 0]) == pytest.approx(expected)
    assert score(graph, [0, 4, 5]) == pytest.approx(np.log(1 / 3) + 3 * np.log(0.5))


def test_every_state_sums_to_one() -> None:
    lm = make_phone_lm([[1, 2, 1, 3, 2], [1, 3], [3, 3, 2]], 3, 2, 4).acceptor
    graph = denominator_fst(lm, TREE)
    total = np.exp(graph.final) + np.bincount(
        graph.source, np.exp(graph.weight), minlength=graph.num_states
    )
    np.testing.assert_allclose(total, 1.0)


def test_the_pdf_depends_on_the_phone_to_the_left() -> None:
    pdf = np.arange(4 * 4 * 2).reshape(4, 4, 2)
    tree = ContextTree(TREE.phones, TREE.root, (), pdf, pdf.size)
    graph = denominator_fst(make_phone_lm([[1, 2, 3]], 2, 2).acceptor, tree)
    pdfs = [pdf[0, 1, 0], pdf[1, 2, 0], pdf[1, 2, 1], pdf[2, 3, 0]]
    assert score(graph, pdfs) == pytest.approx(4 * np.log(0.5))
    assert set(graph.label - 1) == {*pdf[0, 1], *pdf[1, 2], *pdf[2, 3]}


def test_normalization_starts_and_ends_anywhere() -> None:
    graph = denominator_fst(make_phone_lm([[1, 2]], 2, 2).acceptor, TREE)
    initial = initial_probabilities(graph)
    normalization = normalization_fst(graph)
    # States: start, in SIL, in A. The self-loop of A can only begin in A.
    assert score(normalization, [3]) == pytest.approx(np.log(initial[2] * 0.5))
    assert score(normalization, [1, 2]) == pytest.approx(np.log(initial[1] * 0.25))
    assert score(normalization, [0]) == pytest.approx(np.log(initial[0]))


def test_phones_without_a_pdf_are_refused() -> None:
    lm = make_phone_lm([[1, 5]], 2, 2).acceptor
    with pytest.raises(InputError, match="phone id 5, but the tree has only 3 phones"):
        denominator_fst(lm, TREE)


def test_the_denominator_is_kaldis_up_to_its_rounding(conformance: Path) -> None:
    """Kaldi rounds arc weights to 0.01 before it minimises; 50 frames add up to at most 0.04."""
    from pyscorer.contract.archives import kaldi_io

    folder = conformance / "d_lfmmi"
    symbols = [line.split()[0] for line in (folder / "phones.txt").read_text().splitlines()]
    tree = read_kaldi_tree(folder / "tree", [s for s in symbols if not s.startswith("#")])
    ours = denominator_fst(read_fst(folder / "phone_lm.fst"), tree)
    graphs = [
        DenominatorGraph.from_acceptor(ours, 248),
        DenominatorGraph.from_fst(folder / "den.fst", 248),
    ]
    outputs = dict(kaldi_io.read_mat_ark(str(folder / "nnet_output.ark")))
    for key in ("070010012-450", "030680009-3", "065040005-96"):
        output = torch.tensor(outputs[key])[None]
        results = [denominator_forward_backward(output, graph, 0.1) for graph in graphs]
        (a, occupation_a, _), (b, occupation_b, _) = results
        assert a.item() == pytest.approx(b.item(), abs=0.04)
        assert occupation_a is not None and occupation_b is not None
        np.testing.assert_allclose(occupation_a, occupation_b, rtol=0, atol=0.01)


def write_corpus(root: Path, utterances: int = 30) -> tuple[Path, Path]:
    """Alignments and 13-dimensional features in which every phone has its own mean."""
    rng = np.random.default_rng(0)
    alignments, features = [], []
    means = {phone: rng.normal(size=13) * 5 for phone in PHONES}
    for index in range(utterances):
        labels = ["SIL", *rng.choice(PHONES[3:9], 8).tolist(), "SIL"]
        lengths = rng.integers(4, 12, len(labels))
        ends = np.cumsum(lengths)
        key = f"utt{index:03d}"
        alignments.append(
            (
                key,
                [
                    Segment(p, int(e - n), int(n))
                    for p, e, n in zip(labels, ends, lengths, strict=True)
                ],
            )
        )
        rows = np.repeat([means[p] for p in labels], lengths, axis=0)
        features.append((key, (rows + rng.normal(size=rows.shape)).astype(np.float32)))
    write_ctm(root / "ali" / "phones.ctm", alignments)
    write_archive(root / "feats" / "feats.scp", features)
    return root / "ali", root / "feats"


OPTIONS = GraphOptions(num_leaves=60, min_leaf_count=10.0, extra_lm_states=50)


def test_the_stage_makes_graphs_that_fit_together(tmp_path: Path) -> None:
    ali, feats = write_corpus(tmp_path)
    chain_graphs(tmp_path / "graphs", OPTIONS, [ali], [feats])
    tree = read_tree(tmp_path / "graphs" / "tree.json")
    assert tree.phones == PHONES and 42 < tree.num_pdfs <= 60
    den = DenominatorGraph.from_fst(tmp_path / "graphs" / "den.fst", tree.num_pdfs)
    assert den.num_states + 1 == read_fst(tmp_path / "graphs" / "normalization.fst").num_states
    Normalization.from_fst(tmp_path / "graphs" / "normalization.fst")
    summary = (tmp_path / "graphs" / "summary.txt").read_text()
    assert f"pdfs: {tree.num_pdfs}\n" in summary and "phone LM perplexity: " in summary


def test_the_same_data_give_the_same_files(tmp_path: Path) -> None:
    ali, feats = write_corpus(tmp_path)
    for name in ("one", "two"):
        chain_graphs(tmp_path / name, OPTIONS, [ali], [feats])
    for file in ("tree.json", "phone_lm.fst", "den.fst", "normalization.fst"):
        assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_no_leaves_means_monophones(tmp_path: Path) -> None:
    ali, feats = write_corpus(tmp_path)
    chain_graphs(tmp_path / "graphs", GraphOptions(num_leaves=0), [ali], [feats])
    assert read_tree(tmp_path / "graphs" / "tree.json").num_pdfs == 2 * (len(PHONES) - 1)


def test_faulty_input_is_named_and_nothing_is_written(tmp_path: Path) -> None:
    ali, feats = write_corpus(tmp_path)
    good = (ali / "phones.ctm").read_text()

    def refused(content: str, fault: str) -> None:
        (ali / "phones.ctm").write_text(content)
        with pytest.raises(InputError, match=fault):
            chain_graphs(tmp_path / "graphs", OPTIONS, [ali], [feats])

    first, *rest = good.splitlines(keepends=True)
    refused("", "no alignments")
    refused("".join([first, *rest[1:]]), r"phones.ctm: utt000: a gap or an empty phone")
    refused(good.replace("SIL", "QQ", 1), "utt000: unknown phone QQ")
    refused(good + "new 1 0.00 0.10 SIL\n", "feats.scp: no utterance new")
    refused("utt000 1 0.00 9.00 SIL\n", r"feats.scp: utt000: \d+ frames of features, 900 of")
    with pytest.raises(InputError, match="1 alignment, but 2 feature directories"):
        chain_graphs(tmp_path / "graphs", OPTIONS, [ali], [feats, feats])
    assert not (tmp_path / "graphs").exists()


def test_an_fst_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    graph = denominator_fst(make_phone_lm([[1, 2], [1, 3]], 2, 2).acceptor, TREE)
    write_fst(tmp_path / "den.fst", graph)
    again = read_fst(tmp_path / "den.fst")
    order = np.argsort(graph.source, kind="stable")
    assert again.start == graph.start
    np.testing.assert_array_equal(again.label, graph.label[order])
    np.testing.assert_array_equal(again.destination, graph.destination[order])
    np.testing.assert_allclose(again.weight, graph.weight[order], rtol=1e-6)
    np.testing.assert_allclose(again.final, graph.final, rtol=1e-6)


def test_a_file_that_is_no_fst_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_fst(tmp_path / "den.fst")
    (tmp_path / "den.fst").write_text("0 1 2")
    with pytest.raises(InputError, match="not an OpenFst"):
        read_fst(tmp_path / "den.fst")
