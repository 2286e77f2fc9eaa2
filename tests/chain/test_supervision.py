"""Numerator graphs: which pdf sequences a chunk of an alignment allows, and with what weight."""

import gzip
import itertools
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from made_phone_lm import make_phone_lm

from pyscorer.chain.chain_graphs import denominator_fst, normalization_fst
from pyscorer.chain.fst import Acceptor
from pyscorer.chain.lfmmi import DenominatorGraph, lfmmi_loss
from pyscorer.chain.supervision import (
    Normalization,
    NumeratorGraph,
    batch_numerators,
    normalize,
    supervise,
)
from pyscorer.chain.tree import ContextTree, monophone_tree
from pyscorer.contract.ctm import Segment
from pyscorer.errors import InputError
from pyscorer.kaldi.tree_file import read_kaldi_tree

PHONES = ("<eps>", "SIL", "A", "B")
TREE = monophone_tree(PHONES)
"""Pdfs: SIL 0 then 1, A 2 then 3, B 4 then 5 (forward, self-loop)."""


def segments_of(*phones: tuple[str, int]) -> list[Segment]:
    ends = np.cumsum([length for _, length in phones])
    return [
        Segment(label, int(end) - length, length)
        for (label, length), end in zip(phones, ends, strict=True)
    ]


def paths(graph: NumeratorGraph) -> dict[tuple[int, ...], float]:
    """Every pdf sequence of the graph and its log-weight; each may stand there only once."""
    found: dict[tuple[int, ...], float] = {}

    def walk(state: int, frame: int, pdfs: tuple[int, ...], weight: float) -> None:
        if frame == graph.frames:
            assert np.isfinite(graph.final[state]), "a path ends in a state that is not final"
            assert pdfs not in found, f"{pdfs} is counted twice"
            found[pdfs] = weight + graph.final[state]
            return
        arcs = np.flatnonzero((graph.source == state) & (graph.frame == frame))
        assert len(arcs), "a path ends too early"
        for arc in arcs:
            walk(
                graph.destination[arc],
                frame + 1,
                (*pdfs, int(graph.pdf[arc])),
                weight + graph.weight[arc],
            )

    walk(0, 0, (), 0.0)
    return found


def allowed(
    segments: list[Segment], offset: int, tolerance: tuple[int, int], tree: ContextTree
) -> set[tuple[int, ...]]:
    """All pdf sequences of the whole utterance on the grid offset + 3 k, by trying everything."""
    length = len(range(offset, segments[-1].end, 3))
    sequences = set()
    for durations in itertools.product(range(1, length + 1), repeat=len(segments)):
        if sum(durations) != length:
            continue
        pdfs: list[int] = []
        left, fits = 0, True
        for segment, duration in zip(segments, durations, strict=True):
            first, last = (offset + 3 * k for k in (len(pdfs), len(pdfs) + duration - 1))
            fits &= first >= segment.start - tolerance[0] and last < segment.end + tolerance[1]
            phone = PHONES.index(segment.label)
            forward, loop = tree.pdf[left, phone]
            pdfs += [forward] + [loop] * (duration - 1)
            left = phone
        if fits:
            sequences.add(tuple(int(pdf) for pdf in pdfs))
    return sequences


def test_without_tolerance_there_is_one_path() -> None:
    # Frames 0 3 6 9 12 15: SIL SIL A A A B.
    segments = segments_of(("SIL", 6), ("A", 8), ("B", 4))
    graph = supervise(segments, 0, 6, TREE, 0, 0)
    assert paths(graph) == {(0, 1, 2, 3, 3, 4): 0.0}


def test_a_tolerance_of_three_frames_moves_a_boundary_by_one_output_frame() -> None:
    segments = segments_of(("SIL", 9), ("A", 9))
    graph = supervise(segments, 0, 6, TREE, 3, 3)
    assert set(paths(graph)) == {
        (0, 1, 1, 2, 3, 3),
        (0, 1, 2, 3, 3, 3),
        (0, 1, 1, 1, 2, 3),
    }


def test_a_chunk_may_begin_within_a_phone() -> None:
    segments = segments_of(("SIL", 9), ("A", 9))
    assert set(paths(supervise(segments, 6, 3, TREE, 0, 0))) == {(1, 2, 3)}
    assert set(paths(supervise(segments, 9, 3, TREE, 0, 0))) == {(2, 3, 3)}
    assert set(paths(supervise(segments, 12, 2, TREE, 0, 0))) == {(3, 3)}


alignments = st.lists(
    st.tuples(st.sampled_from(PHONES[1:]), st.integers(3, 9)), min_size=1, max_size=4
)


@settings(max_examples=60, deadline=None)
@given(
    phones=alignments,
    offset=st.integers(0, 2),
    tolerance=st.tuples(st.integers(0, 6), st.integers(0, 6)),
    biphone=st.booleans(),
)
def test_a_whole_utterance_allows_what_the_alignment_allows(
    phones: list[tuple[str, int]], offset: int, tolerance: tuple[int, int], biphone: bool
) -> None:
    segments = segments_of(*phones)
    tree = every_biphone_its_own() if biphone else TREE
    length = len(range(offset, segments[-1].end, 3))
    expected = allowed(segments, offset, tolerance, tree)
    if expected:
        assert set(paths(supervise(segments, offset, length, tree, *tolerance))) == expected
    else:
        with pytest.raises(InputError, match="do not fit"):
            supervise(segments, offset, length, tree, *tolerance)


def every_biphone_its_own() -> ContextTree:
    size = len(PHONES)
    pdf = np.arange(size * size * 2).reshape(size, size, 2)
    return ContextTree(PHONES, TREE.root, (), pdf, pdf.size)


@settings(max_examples=60, deadline=None)
@given(phones=alignments, data=st.data())
def test_a_chunk_allows_the_pieces_of_what_the_utterance_allows(
    phones: list[tuple[str, int]], data: st.DataObject
) -> None:
    segments = segments_of(*phones)
    offset = data.draw(st.integers(0, 2))
    length = len(range(offset, segments[-1].end, 3))
    frames = data.draw(st.integers(1, length))
    first = data.draw(st.integers(0, length - frames))
    try:
        whole = paths(supervise(segments, offset, length, TREE))
    except InputError:
        return
    chunk = paths(supervise(segments, offset + 3 * first, frames, TREE))
    assert set(chunk) == {path[first : first + frames] for path in whole}


def test_faulty_alignments_and_chunks_are_refused() -> None:
    segments = segments_of(("SIL", 9), ("A", 9))
    with pytest.raises(InputError, match="leaves the utterance"):
        supervise(segments, 9, 4, TREE)
    with pytest.raises(InputError, match="leaves the utterance"):
        supervise(segments, -3, 4, TREE)
    with pytest.raises(InputError, match="without gaps"):
        supervise([segments[0], Segment("A", 10, 8)], 0, 6, TREE)
    with pytest.raises(InputError, match="without gaps"):
        supervise([], 0, 6, TREE)
    with pytest.raises(InputError, match="phone Q is not in the tree"):
        supervise([Segment("Q", 0, 18)], 0, 6, TREE)
    with pytest.raises(InputError, match=r"8 phones do not fit into 3 output frames"):
        supervise(segments_of(*[("A", 1)] * 8), 0, 3, TREE)


SENTENCES = [[1, 2, 3, 1], [1, 3, 2, 2, 1], [1, 2, 1], [3, 1, 2, 3]]


def graphs_of(sentences: list[list[int]], tree: ContextTree) -> tuple[Acceptor, Acceptor]:
    lm = make_phone_lm(sentences, order=3, no_prune_order=2, extra_states=2)
    denominator = denominator_fst(lm.acceptor, tree)
    return denominator, normalization_fst(denominator)


def best_weight(graph: Acceptor, pdfs: tuple[int, ...]) -> float:
    """Best path through an acceptor, by dynamic programming over its arcs."""
    score = np.full(graph.num_states, -np.inf)
    score[graph.start] = 0.0
    for pdf in pdfs:
        following = np.full(graph.num_states, -np.inf)
        arcs = np.flatnonzero(graph.label == pdf + 1)
        np.maximum.at(
            following, graph.destination[arcs], score[graph.source[arcs]] + graph.weight[arcs]
        )
        score = following
    return float((score + graph.final).max())


@pytest.mark.parametrize("start", [0, 4, 9])
@pytest.mark.parametrize("biphone", [False, True])
def test_a_pdf_sequence_gets_the_weight_of_its_best_path(start: int, biphone: bool) -> None:
    tree = every_biphone_its_own() if biphone else TREE
    _, normalization = graphs_of(SENTENCES, tree)
    segments = segments_of(("SIL", 7), ("B", 6), ("A", 8), ("A", 6), ("SIL", 9))
    acceptor = supervise(segments, start, 6, tree)
    (graph,) = normalize([acceptor], Normalization(normalization))
    weights = paths(graph)
    assert set(weights) == {p for p in paths(acceptor) if best_weight(normalization, p) > -np.inf}
    for pdfs, weight in weights.items():
        # Subsets are told apart to 1e-4.
        assert weight == pytest.approx(best_weight(normalization, pdfs), abs=1e-3)


def test_what_is_forgotten_is_found_again(monkeypatch: pytest.MonkeyPatch) -> None:
    _, graph = graphs_of(SENTENCES, TREE)
    chunks = [supervise(segments_of(("SIL", 7), (p, 9)), s, 4, TREE) for p in "AB" for s in (0, 2)]
    normalization = Normalization(graph)
    expected = [paths(made) for made in normalize(chunks, normalization)]
    monkeypatch.setattr("pyscorer.chain.supervision.MOST_SUBSETS", 1)
    small = Normalization(graph)
    for chunk, weights in zip(chunks, expected, strict=True):
        assert paths(normalize([chunk], small)[0]) == pytest.approx(weights, abs=1e-3)
    assert len(small._subsets) < len(normalization._subsets)


@settings(max_examples=20, deadline=None)
@given(
    which=st.integers(0, len(SENTENCES) - 1),
    lengths=st.lists(st.integers(4, 12), min_size=5, max_size=5),
    scale=st.sampled_from([0.1, 1.0, 10.0]),
    seed=st.integers(0, 100),
)
def test_the_numerator_never_exceeds_the_denominator(
    which: int, lengths: list[int], scale: float, seed: int
) -> None:
    sentence = SENTENCES[which]
    segments = segments_of(*((PHONES[p], n) for p, n in zip(sentence, lengths, strict=False)))
    denominator, normalization = graphs_of(SENTENCES, TREE)
    starts = range(0, segments[-1].end - 14)
    graphs = normalize(
        [supervise(segments, s, 5, TREE) for s in starts], Normalization(normalization)
    )
    if not graphs:
        return
    rng = np.random.default_rng(seed)
    # Beyond 30 the denominator alone clips, as Kaldi's does.
    output = torch.tensor(scale * rng.normal(size=(len(graphs), 5, TREE.num_pdfs))).clamp(-30, 30)
    den = DenominatorGraph.from_acceptor(denominator, TREE.num_pdfs, torch.float64)
    result = lfmmi_loss(output, batch_numerators(graphs), den, leaky=1e-5)
    assert (result.numerator <= result.denominator + 1e-3).all()


def test_phones_that_the_language_model_never_saw_are_refused() -> None:
    _, normalization = graphs_of([[1, 2, 1]], TREE)
    good = supervise(segments_of(("SIL", 9), ("A", 9)), 0, 6, TREE)
    bad = supervise(segments_of(("SIL", 9), ("B", 9)), 0, 6, TREE)
    with pytest.raises(InputError, match="supervision 1: its phone sequence"):
        normalize([good, bad], Normalization(normalization))
    with pytest.raises(InputError, match="utt2, frames 0 to 18: its phone sequence"):
        normalize([good, bad], Normalization(normalization), ["utt1", "utt2, frames 0 to 18"])


def test_a_batch_has_one_length() -> None:
    segments = segments_of(("SIL", 9), ("A", 9))
    graphs = [supervise(segments, 0, frames, TREE) for frames in (5, 6)]
    with pytest.raises(InputError, match=r"\[5, 6\]"):
        batch_numerators(graphs)


def test_a_kaldi_supervision_is_matched(conformance: Path) -> None:
    """An eg whose lattice held one phone sequence, that of the tri3 alignment."""
    folder = conformance / "d_lfmmi"
    symbols = [line.split()[0] for line in (folder / "phones.txt").read_text().splitlines()]
    tree = read_kaldi_tree(folder / "tree", [s for s in symbols if not s.startswith("#")])
    segments = []
    with gzip.open(conformance / "b_gmm_ali" / "tri3_train500.txt.gz", "rt") as stream:
        for line in stream:
            key, phone, start, length, *_ = line.split()
            if key == "020590022":
                segments.append(Segment(phone, int(start), int(length)))
    normalization = Normalization.from_fst(folder / "normalization.fst")
    (graph,) = normalize([supervise(segments, 0, 50, tree)], normalization)
    assert len(graph.frame) == 92  # as in egs16.txt.gz
    from pyscorer.contract.archives import kaldi_io

    outputs = dict(kaldi_io.read_mat_ark(str(folder / "nnet_output.ark")))
    result = lfmmi_loss(
        torch.tensor(outputs["020590022-0"])[None],
        batch_numerators([graph]),
        DenominatorGraph.from_fst(folder / "den.fst", 248),
    )
    golden = (folder / "objf_leaky0.1.txt").read_text().split("020590022-0 ")[1].split()
    # The alignments differ in places; Kaldi's is from a lattice.
    assert result.numerator.item() == pytest.approx(float(golden[2]), abs=0.05)
