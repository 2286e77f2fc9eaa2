"""Graphs and alignment: with Kaldi's model they are Kaldi's; words are found from the phones."""

import itertools
from pathlib import Path

import kaldi_hmm_gmm as khg
import numpy as np
import pytest
from kaldi_model import read_text_model

from pyscorer.alignment.gmm_model import Gmm, initial_gmm, kaldi_model, topology_text
from pyscorer.alignment.viterbi import (
    GraphCompiler,
    equal_alignment,
    min_frames,
    phone_segments,
    pronunciations,
    viterbi,
    word_segments,
)
from pyscorer.contract.archives import kaldi_io
from pyscorer.contract.ctm import Segment
from pyscorer.contract.datadir import Utterance
from pyscorer.lexicon.dictionary import read_lexicon


@pytest.fixture(scope="module")
def golden(conformance: Path) -> Path:
    return conformance / "b_gmm_ali"


def test_the_topology_is_that_of_the_golden_model(golden: Path) -> None:
    assert topology_text().split() == (golden / "topo").read_text().split()


def test_with_kaldis_model_the_alignment_is_kaldis(golden: Path) -> None:
    model = kaldi_model(read_text_model(golden / "mono.final.mdl.txt.gz"))
    lexicon = read_lexicon(golden / "lexicon_used.txt")
    features = dict(kaldi_io.read_mat_ark(str(golden / "utts5_mfcc39_cmn.ark")))
    likelihoods = dict(kaldi_io.read_mat_ark(str(golden / "utts5_mono_likes.ark")))
    alignments = (golden / "utts5_mono_ali.txt").read_text().splitlines()
    scores = dict(
        line.split() for line in (golden / "utts5_mono_ali_scores.txt").read_text().splitlines()
    )
    texts = dict(
        line.split(maxsplit=1) for line in (golden / "utts5.text").read_text().splitlines()
    )
    assert len(alignments) == 5
    for line in alignments:
        key, *transition_ids = line.split()
        words = [tuple(lexicon[word]) for word in texts[key].split()]
        path = viterbi(model, GraphCompiler(model, words)(words), features[key])
        assert path is not None
        assert path.transition_ids.tolist() == [int(i) for i in transition_ids]
        # Kaldi's tool reports the score at the acoustic scale of 0.1.
        assert path.score * 0.1 == pytest.approx(float(scores[key]), rel=1e-5)
        frame = features[key][100]
        ours = [model.gmm.log_likelihood(pdf, frame) for pdf in range(127)]
        np.testing.assert_allclose(ours, likelihoods[key][100], rtol=1e-5)


@pytest.fixture(scope="module")
def model() -> "khg.TransitionModel":
    return kaldi_model(initial_gmm(np.zeros(2), np.ones(2)))


def random_path(model, words, frames: int, seed: int) -> np.ndarray | None:  # type: ignore[no-untyped-def]
    return equal_alignment(GraphCompiler(model, words)(words), frames, seed)


@pytest.mark.parametrize("seed", range(5))
def test_any_path_is_cut_into_the_phones_of_a_variant(model, seed: int) -> None:  # type: ignore[no-untyped-def]
    words = [(("AH",), ("EY",)), (("K", "AE", "T"),)]
    path = random_path(model, words, 60, seed)
    assert path is not None
    phones = phone_segments(path)
    assert sum(p.length for p in phones) == len(path) == 60
    assert all(a.end == b.start for a, b in itertools.pairwise(phones))
    assert all(p.length >= 3 or p.label == "SIL" for p in phones)
    spoken = [p.label for p in phones if p.label != "SIL"]
    assert spoken in (["AH", "K", "AE", "T"], ["EY", "K", "AE", "T"])
    first, second = word_segments(phones, words, ["A", "CAT"])
    assert (first.label, second.label) == ("A", "CAT")
    assert second.length == sum(p.length for p in phones if p.label in ("K", "AE", "T"))


def test_one_phone_twice_in_a_row_is_two_segments(model) -> None:  # type: ignore[no-untyped-def]
    words = [(("S",),), (("S",),)]
    for seed in range(5):
        path = random_path(model, words, 12, seed)
        if path is not None:
            assert [p.label for p in phone_segments(path) if p.label == "S"] == ["S", "S"]


def test_fewer_frames_than_the_phones_need_have_no_path(model) -> None:  # type: ignore[no-untyped-def]
    words = [(("K", "AE", "T"), ("K", "T"))]
    assert min_frames(words) == 6
    graph = GraphCompiler(model, words)(words)
    assert viterbi(model, graph, np.zeros((5, 2), dtype=np.float32)) is None
    assert viterbi(model, graph, np.zeros((6, 2), dtype=np.float32)) is not None


def test_the_beam_widens_until_a_path_is_found() -> None:
    # All phones are at 0 but the last ones at 50, which costs 50 ** 2 / 2 * 0.1 a frame.
    start = initial_gmm(np.zeros(1), np.ones(1))
    means = start.means.copy()
    means[start.pdf >= 5 + 5 + 3 * 19] = 50.0
    shifted = kaldi_model(Gmm(start.weights, means, start.variances, start.pdf, start.log_probs))
    words = [(("AA", "Z"),)]
    graph = GraphCompiler(shifted, words)(words)
    features = np.zeros((20, 1), dtype=np.float32)
    assert viterbi(shifted, graph, features, widen=False) is None
    path = viterbi(shifted, graph, features)
    assert path is not None and path.beam > 40
    assert [p.label for p in phone_segments(path.transition_ids) if p.label != "SIL"] == ["AA", "Z"]


def segments(text: str) -> list[Segment]:
    """One segment of 5 frames a symbol."""
    return [Segment(label, 5 * i, 5) for i, label in enumerate(text.split())]


def test_words_are_found_between_pauses() -> None:
    words = [(("DH", "AH"), ("DH", "IY")), (("K", "AE", "T"),)]
    found = word_segments(segments("SIL DH IY SIL K AE T SIL"), words, ["THE", "CAT"])
    assert found == [Segment("THE", 5, 10), Segment("CAT", 20, 15)]


def test_a_shorter_variant_is_taken_where_the_longer_one_leaves_too_little() -> None:
    words = [(("AH", "N"), ("AH",)), (("N", "OW"),)]
    assert word_segments(segments("AH N OW"), words, ["AN", "NO"]) == [
        Segment("AN", 0, 5),
        Segment("NO", 5, 10),
    ]
    assert word_segments(segments("AH N N OW"), words, ["AN", "NO"])[0] == Segment("AN", 0, 10)


def test_a_word_does_not_reach_over_a_pause() -> None:
    words = [(("AH", "N"), ("AH",)), (("N", "OW"), ("OW",))]
    found = word_segments(segments("AH SIL N OW"), words, ["AN", "NO"])
    assert found == [Segment("AN", 0, 5), Segment("NO", 10, 10)]


def test_phones_of_other_words_are_refused() -> None:
    with pytest.raises(ValueError, match="SIL K AE is no pronunciation of CAT"):
        word_segments(segments("SIL K AE"), [(("K", "AE", "T"),)], ["CAT"])


def utterance(canonical: tuple[tuple[str, ...], ...] | None) -> Utterance:
    return Utterance("u1", "s1", Path("u1.wav"), ("A", "ZYX"), canonical)


def test_pronunciations_come_from_the_lexicon_or_the_canonical_phones() -> None:
    lexicon = {"A": [("AH",), ("EY",)]}
    variants = [(("AH",), ("EY",)), (("SPN",),)], ["ZYX"]
    assert pronunciations(utterance(None), lexicon, canonical=False) == variants
    assert pronunciations(utterance(None), lexicon, canonical=True) == variants
    canonical = utterance((("EY",), ("Z", "IH", "K", "S")))
    assert pronunciations(canonical, lexicon, canonical=False) == variants
    words = [(("EY",),), (("Z", "IH", "K", "S"),)]
    assert pronunciations(canonical, lexicon, canonical=True) == (words, [])
