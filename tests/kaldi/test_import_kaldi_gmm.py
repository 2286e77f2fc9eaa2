from dataclasses import replace
from pathlib import Path

import kaldi_io
import kaldifst
import numpy as np
import pytest

from pyscorer.alignment.gmm_model import Gmm, kaldi_model, log_probs
from pyscorer.alignment.viterbi import viterbi
from pyscorer.errors import InputError
from pyscorer.kaldi.import_kaldi_gmm import (
    KaldiGraphs,
    import_kaldi_gmm,
    log_likelihoods,
    read_kaldi_gmm,
    read_kaldi_topology,
    topology_text,
)


@pytest.fixture(scope="module")
def golden(conformance: Path) -> Path:
    return conformance / "b_gmm_ali"


@pytest.fixture(scope="module")
def gmm(golden: Path):
    return read_kaldi_gmm(golden / "mono.final.mdl", golden / "mono.tree")


def integers(path: Path) -> dict[str, list[int]]:
    lines = (line.split() for line in path.read_text().splitlines())
    return {key: [int(i) for i in values] for key, *values in lines}


def test_likelihoods_are_those_of_gmm_compute_likes(gmm, golden: Path):
    features = dict(kaldi_io.read_mat_ark(str(golden / "utts5_mfcc39_cmn.ark")))
    expected = dict(kaldi_io.read_mat_ark(str(golden / "utts5_mono_likes.ark")))
    assert len(expected) == 5
    for key, likelihoods in expected.items():
        np.testing.assert_allclose(
            log_likelihoods(gmm.model, features[key]), likelihoods, atol=1e-3, rtol=1e-5
        )


def test_alignments_with_kaldis_lexicon_are_kaldis(gmm, golden: Path):
    features = dict(kaldi_io.read_mat_ark(str(golden / "utts5_mfcc39_cmn.ark")))
    disambiguation = [int(i) for i in (golden / "disambig.int").read_text().split()]
    graphs = KaldiGraphs(gmm, golden / "L.fst", disambiguation)
    scores = (golden / "utts5_mono_ali_scores.txt").read_text().split()
    expected = dict(zip(scores[::2], map(float, scores[1::2]), strict=True))
    words = integers(golden / "utts5.text.int")
    alignments = integers(golden / "utts5_mono_ali.txt")
    assert len(alignments) == 5
    for key, transition_ids in alignments.items():
        path = viterbi(gmm.model, graphs(words[key]), features[key])
        assert path is not None
        assert path.transition_ids.tolist() == transition_ids
        assert path.score * 0.1 == pytest.approx(expected[key], rel=1e-5)


def test_text_and_binary_of_one_model_agree(gmm, golden: Path):
    text = read_kaldi_gmm(golden / "mono.final.mdl.txt.gz", golden / "mono.tree")
    np.testing.assert_array_equal(text.transitions.tuples, gmm.transitions.tuples)
    np.testing.assert_allclose(text.transitions.log_probs, gmm.transitions.log_probs, rtol=1e-5)
    frame = np.zeros((1, 39))
    np.testing.assert_allclose(
        log_likelihoods(text.model, frame), log_likelihoods(gmm.model, frame), rtol=1e-4
    )


def test_the_topology_is_that_of_the_topo_file(gmm, golden: Path, tmp_path: Path):
    topology = read_kaldi_topology(golden / "topo")
    assert topology == gmm.transitions.topology
    (tmp_path / "topo").write_text(topology_text(topology) + "\n")
    assert read_kaldi_topology(tmp_path / "topo") == topology


def test_a_tree_of_another_system_is_refused(golden: Path, conformance: Path):
    with pytest.raises(InputError, match=r"127 pdfs.*tree\b.*248: they do not belong together"):
        read_kaldi_gmm(golden / "mono.final.mdl", conformance / "d_lfmmi" / "tree")


def test_damaged_files_are_named(golden: Path, tmp_path: Path):
    whole, tree = (golden / "mono.final.mdl").read_bytes(), golden / "mono.tree"
    cut = tmp_path / "cut.mdl"
    for size in (30, 4000, len(whole) // 2):
        cut.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"cut\.mdl"):
            read_kaldi_gmm(cut, tree)
    garbled = bytearray(whole)
    at = whole.index(b"<INV_VARS>", len(whole) // 2)
    garbled[at + 1 : at + 4] = b"XXX"
    cut.write_bytes(garbled)
    with pytest.raises(InputError, match=r"cut\.mdl: pdf \d+: expected <INV_VARS>"):
        read_kaldi_gmm(cut, tree)
    (tmp_path / "tree").write_bytes(tree.read_bytes()[:-30])
    with pytest.raises(InputError, match="tree: the file ends in the middle"):
        read_kaldi_gmm(golden / "mono.final.mdl", tmp_path / "tree")
    with pytest.raises(InputError, match="not a binary Kaldi tree"):
        read_kaldi_gmm(golden / "mono.final.mdl", golden / "mono.tree.txt")


def test_a_lexicon_with_phones_that_the_model_lacks(gmm, tmp_path: Path):
    lexicon = kaldifst.compile("0 1 3 7\n1 0 42 0\n0", acceptor=False)
    lexicon.write(str(tmp_path / "L.fst"))
    KaldiGraphs(gmm, tmp_path / "L.fst", [42])
    with pytest.raises(InputError, match=r"L\.fst: phones \[42\] are not in the model"):
        KaldiGraphs(gmm, tmp_path / "L.fst")


def test_monophones_serve_the_stages_of_this_package(gmm, golden: Path, tmp_path: Path):
    import_kaldi_gmm(golden / "mono.final.mdl", golden / "mono.tree", tmp_path)
    model = kaldi_model(Gmm.load(tmp_path / "final.npz"))
    features = dict(kaldi_io.read_mat_ark(str(golden / "utts5_mfcc39_cmn.ark")))
    for key, likelihoods in kaldi_io.read_mat_ark(str(golden / "utts5_mono_likes.ark")):
        np.testing.assert_allclose(
            log_likelihoods(model, features[key]), likelihoods, atol=1e-3, rtol=1e-5
        )
    np.testing.assert_allclose(
        log_probs(model.transitions)[1:], gmm.transitions.log_probs[1:], rtol=1e-6
    )
    assert (tmp_path / "log.csv").read_text() == "iteration,log_likelihood\n"


def test_monophones_of_other_phones_are_refused(golden: Path, tmp_path: Path):
    for name in ("mono.final.mdl", "mono.tree"):
        (tmp_path / name).write_bytes((golden / name).read_bytes())
    phones = (golden / "phones.txt").read_text().replace("AA", "AA0")
    (tmp_path / "phones.txt").write_text(phones)
    with pytest.raises(InputError, match=r"phones\.txt: phones must be: SIL SPN AA"):
        import_kaldi_gmm(tmp_path / "mono.final.mdl", tmp_path / "mono.tree", tmp_path / "out")


def test_pdfs_in_another_order_are_no_monophones(gmm, golden: Path, tmp_path: Path, monkeypatch):
    tuples = gmm.transitions.tuples.copy()
    tuples[7, 2] += 1
    triphones = replace(gmm, transitions=replace(gmm.transitions, tuples=tuples))
    monkeypatch.setattr("pyscorer.kaldi.import_kaldi_gmm.read_kaldi_gmm", lambda *_: triphones)
    with pytest.raises(InputError, match=r"final\.mdl: 127 pdfs: not monophones"):
        import_kaldi_gmm(golden / "mono.final.mdl", golden / "mono.tree", tmp_path)
