from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from pyscorer.chain.egs import Aligned, Chunk, EgsSource, prepare
from pyscorer.chain.frame_labels import frame_labels
from pyscorer.chain.tree import FORWARD, SELF_LOOP, Branch, Split, make_tree, write_tree
from pyscorer.contract.archives import write_archive
from pyscorer.contract.ctm import Segment
from pyscorer.errors import InputError

A = Split(0, frozenset({1}), 1, 2)
"""Phone a's forward pdf is 1 after sil and 2 after all else."""
TREE = make_tree(
    ("<eps>", "sil", "a", "b"),
    Branch(1, (None, 0, Branch(-1, (A, 3)), Branch(-1, (4, 5)))),
)
SEGMENTS = (
    Segment("sil", 0, 7),
    Segment("a", 7, 5),
    Segment("b", 12, 3),
    Segment("a", 15, 6),
)


def test_labels_of_an_utterance_by_hand():
    # Output frames 0, 3, 6 are sil's; 9 is the first of a, after sil; 12 b's; 15 and 18 a's.
    assert_array_equal(frame_labels(SEGMENTS, 0, 7, TREE), [0, 0, 0, 1, 4, 2, 3])
    # One frame later: 1, 4 | 7, 10 | 13 | 16, 19.
    assert_array_equal(frame_labels(SEGMENTS, 1, 7, TREE), [0, 0, 1, 3, 4, 2, 3])


def test_a_chunk_has_the_labels_of_the_whole_from_there_on():
    whole = frame_labels(SEGMENTS, 0, 7, TREE)
    for first in range(7):
        assert_array_equal(frame_labels(SEGMENTS, 3 * first, 7 - first, TREE), whole[first:])


def test_a_phone_without_an_output_frame_is_context_all_the_same():
    segments = (Segment("b", 0, 4), Segment("sil", 4, 1), Segment("a", 5, 4))
    assert_array_equal(frame_labels(segments, 0, 3, TREE), [4, 5, 1])


def test_labels_are_those_of_the_phone_that_a_frame_lies_in():
    rng = np.random.default_rng(0)
    for _ in range(50):
        lengths = rng.integers(1, 9, size=12)
        ends = np.cumsum(lengths).tolist()
        phones = rng.integers(1, 4, size=12)
        segments = [
            Segment(TREE.phones[p], end - int(n), int(n))
            for p, end, n in zip(phones, ends, lengths, strict=True)
        ]
        shift = int(rng.integers(3))
        seen: set[int] = set()
        for frame, label in enumerate(frame_labels(segments, shift, (ends[-1] - shift) // 3, TREE)):
            here = next(i for i, s in enumerate(segments) if shift + 3 * frame < s.end)
            left = int(phones[here - 1]) if here else 0
            assert label == TREE.pdf[left, phones[here], SELF_LOOP if here in seen else FORWARD]
            seen.add(here)


def test_a_chunk_that_leaves_the_utterance_and_an_unknown_phone_are_refused():
    with pytest.raises(InputError, match="chunk of 8 output frames at input frame 0 leaves"):
        frame_labels(SEGMENTS, 0, 8, TREE)
    with pytest.raises(InputError, match="phone c is not in the tree"):
        frame_labels((Segment("c", 0, 9),), 0, 3, TREE)


def test_examples_without_numerators_carry_labels_and_need_no_graph(tmp_path: Path):
    write_tree(tmp_path / "tree.json", TREE)
    features = np.random.default_rng(0).normal(size=(21, 4)).astype(np.float32)
    write_archive(tmp_path / "feats.scp", [("u", features)])
    utterance = Aligned("u", "s", tmp_path / "feats.scp", SEGMENTS)
    source = EgsSource.read(tmp_path, [utterance], context=2, numerators=False)
    examples = prepare(source, [Chunk(utterance, 6, 15), Chunk(utterance, -2, 15)])
    assert examples.numerators == []
    assert examples.input_frames == 30
    # The second chunk begins two frames early, so its frames are -2, 1, 4 | 7, 10 of the utterance.
    assert_array_equal(examples.labels, [[0, 1, 4, 2, 3], [0, 0, 0, 1, 3]])
    widened = prepare(source, [Chunk(utterance, 9, 15)])
    assert_array_equal(widened.labels, [[1, 4, 2, 3, 3]])  # frame 21 repeats the last phone
