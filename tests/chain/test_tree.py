"""Context trees: Kaldi's files, our own, and growing one from data."""

import struct
from pathlib import Path

import numpy as np
import pytest

from pyscorer.chain.tree import (
    FORWARD,
    LEFT,
    SELF_LOOP,
    Branch,
    Split,
    make_tree,
    monophone_tree,
    read_tree,
    write_tree,
)
from pyscorer.chain.tree_building import (
    TreeStatistics,
    accumulate,
    build_tree,
    cluster_questions,
    empty_statistics,
    log_likelihood,
)
from pyscorer.contract.ctm import Segment
from pyscorer.errors import InputError
from pyscorer.kaldi.tree_file import read_kaldi_tree, write_kaldi_tree

PHONES = ("<eps>", "SIL", "A", "B", "C", "D")


def test_a_monophone_tree_ignores_the_left_phone() -> None:
    tree = monophone_tree(PHONES)
    assert tree.num_pdfs == 10
    assert (tree.pdf[:, 2] == [2, 3]).all()
    assert (tree.pdf[:, 0] == -1).all()


def test_a_tree_is_read_as_it_was_written(tmp_path: Path) -> None:
    root = Branch(1, (None, 0, Split(LEFT, frozenset({1, 3}), 1, Split(-1, frozenset({0}), 2, 3))))
    tree = make_tree(PHONES, root, [(1, 3), (2,)])
    write_tree(tmp_path / "tree.json", tree)
    again = read_tree(tmp_path / "tree.json")
    assert (again.phones, again.root, again.questions) == (PHONES, root, ((1, 3), (2,)))
    np.testing.assert_array_equal(again.pdf, tree.pdf)
    assert again.num_pdfs == 4
    assert again.pdf[3, 2].tolist() == [1, 1]
    assert again.pdf[0, 2].tolist() == [2, 3]  # 0, the start of an utterance, is in no set


TEXT = "ContextDependency 2 1 ToPdf TE 1 3 ( NULL CE 0 SE 0 [ 1 2 ]\n{ CE 1 CE 2 } \n) \n"


def test_a_small_kaldi_tree(tmp_path: Path) -> None:
    (tmp_path / "tree").write_text(TEXT + "EndContextDependency ")
    tree = read_kaldi_tree(tmp_path / "tree", PHONES[:3])
    assert tree.pdf[:, 1, 0].tolist() == [0, 0, 0]
    assert tree.pdf[:, 2, 0].tolist() == [2, 1, 1]


def test_a_kaldi_monophone_tree_asks_about_the_phone_under_key_0(tmp_path: Path) -> None:
    text = "ContextDependency 1 0 ToPdf TE 0 3 ( NULL CE 0 CE 1 ) \nEndContextDependency "
    (tmp_path / "tree").write_text(text)
    tree = read_kaldi_tree(tmp_path / "tree", PHONES[:3])
    assert (tree.pdf[:, 1] == 0).all() and (tree.pdf[:, 2] == 1).all()


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"ContextDependency 3 1 ToPdf CE 0 EndContextDependency ", "width 3"),
        (TEXT.encode(), "ends in the middle"),
        (TEXT.replace("SE", "XX").encode(), "unknown node XX"),
        (b"\0BContextDependency \x04" + struct.pack("<i", 2), "not a Kaldi tree"),
        (b"Tree ", "expected ContextDependency"),
    ],
)
def test_files_that_are_no_usable_tree(tmp_path: Path, content: bytes, fault: str) -> None:
    (tmp_path / "tree").write_bytes(content)
    with pytest.raises(InputError, match=fault):
        read_kaldi_tree(tmp_path / "tree", PHONES)


def test_a_written_kaldi_tree_is_byte_for_byte_kaldis(tmp_path: Path, conformance: Path) -> None:
    original = conformance / "d_lfmmi" / "tree"
    write_kaldi_tree(tmp_path / "tree", read_kaldi_tree(original, ["<eps>"]))
    assert (tmp_path / "tree").read_bytes() == original.read_bytes()


def test_json_that_is_no_tree(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_tree(tmp_path / "tree.json")
    (tmp_path / "tree.json").write_text('{"phones": ["<eps>"]}')
    with pytest.raises(InputError, match="not a tree"):
        read_tree(tmp_path / "tree.json")


def test_kaldis_tree_gives_kaldis_pdfs(conformance: Path) -> None:
    folder = conformance / "d_lfmmi"
    symbols = [line.split()[0] for line in (folder / "phones.txt").read_text().splitlines()]
    phones = [symbol for symbol in symbols if not symbol.startswith("#")]
    text, binary = (read_kaldi_tree(folder / name, phones) for name in ("tree.txt", "tree"))
    assert text.root == binary.root
    assert binary.num_pdfs == 248
    lines = (folder / "0.trans_mdl.txt").read_text().split("</Tuples>")[0].splitlines()
    golden = {
        tuple(map(int, line.split()))
        for line in lines
        if len(line.split()) == 4 and line.replace(" ", "").isdigit()
    }
    ours = {
        (phone, 0, *map(int, binary.pdf[left, phone]))
        for left in range(len(phones))
        for phone in range(1, len(phones))
    }
    assert len(golden) == 184
    assert ours == golden


def test_frames_are_counted_under_left_phone_phone_and_class() -> None:
    ids = {phone: index for index, phone in enumerate(PHONES)}
    features = np.arange(12, dtype=np.float32)[:, None]
    stats = empty_statistics(len(PHONES), 1)
    # Of frames 0, 3, 6, 9: SIL has 0 and 3, A has none, B has 6 and 9.
    accumulate(stats, features, [Segment("SIL", 0, 4), Segment("A", 4, 2), Segment("B", 6, 6)], ids)
    assert stats.count.sum() == 4
    assert stats.moments[0, 1, FORWARD].tolist() == [0, 0]
    assert stats.moments[0, 1, SELF_LOOP].tolist() == [3, 9]
    assert stats.moments[2, 3, FORWARD].tolist() == [6, 36]
    assert stats.moments[2, 3, SELF_LOOP].tolist() == [9, 81]


def test_log_likelihood_is_that_of_the_data_under_its_gaussian() -> None:
    data = np.random.default_rng(0).normal(2.0, 3.0, (50, 2))
    mean, variance = data.mean(0), data.var(0)
    direct = -0.5 * (np.log(2 * np.pi * variance) + (data - mean) ** 2 / variance).sum()
    moments = np.concatenate([data.sum(0), (data**2).sum(0)])
    constant = 0.5 * 50 * 2 * np.log(2 * np.pi)
    assert log_likelihood(np.array(50.0), moments) - constant == pytest.approx(direct)


def synthetic(count: float = 100.0) -> TreeStatistics:
    """Phones B and C sound alike; D depends on whether B or C stands to its left."""
    stats = empty_statistics(len(PHONES), 1)
    means = {1: -9.0, 2: 0.0, 3: 5.0, 4: 5.1, 5: 10.0}
    for left in range(1, len(PHONES)):
        for phone, mean in means.items():
            for pdf_class in (FORWARD, SELF_LOOP):
                centre = mean + (3.0 if phone == 5 and left in (3, 4) else 0.0)
                centre += 1.0 if phone == 1 and pdf_class == FORWARD else 0.0
                stats.count[left, phone, pdf_class] = count
                stats.moments[left, phone, pdf_class] = [
                    count * centre,
                    count * (centre**2 + 1.0),
                ]
    return stats


def test_similar_phones_make_a_question() -> None:
    questions = cluster_questions(synthetic(), range(1, len(PHONES)))
    assert questions[: len(PHONES) - 1] == ((1,), (2,), (3,), (4,), (5,))
    assert questions[len(PHONES) - 1] == (3, 4)


def test_the_first_split_is_the_one_that_explains_most() -> None:
    tree = build_tree(synthetic(), PHONES, num_leaves=6)
    assert tree.num_pdfs == 6
    assert tree.pdf[3, 5].tolist() == tree.pdf[4, 5].tolist() != tree.pdf[2, 5].tolist()
    assert (tree.pdf[:, 1:5] == tree.pdf[0, 1:5]).all()


def test_silence_is_split_by_class_only() -> None:
    tree = build_tree(synthetic(), PHONES, num_leaves=7, context_free=[1])
    assert (tree.pdf[:, 1] == tree.pdf[0, 1]).all()
    assert tree.pdf[0, 1, FORWARD] != tree.pdf[0, 1, SELF_LOOP]


def test_splits_with_too_few_frames_are_not_made(caplog: pytest.LogCaptureFixture) -> None:
    tree = build_tree(synthetic(count=10.0), PHONES, num_leaves=250, min_count=1000.0)
    assert tree.num_pdfs == len(PHONES) - 1
    assert "5 leaves instead of 250" in caplog.text


def test_every_context_has_a_pdf_and_every_pdf_a_context() -> None:
    rng = np.random.default_rng(0)
    stats = empty_statistics(len(PHONES), 4)
    for key in np.ndindex(stats.count.shape):
        rows = rng.normal(size=(20, 4)) + rng.normal(size=4)
        if key[1] > 1:  # SIL is never seen
            stats.count[key] = 20
            stats.moments[key] = np.concatenate([rows.sum(0), (rows**2).sum(0)])
    tree = build_tree(stats, PHONES, num_leaves=25, min_count=20.0)
    assert set(tree.pdf[:, 1:].ravel()) == set(range(25))
