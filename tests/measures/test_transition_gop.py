"""GOP with transition probabilities from pdf posteriors, on hand-computed cases."""

from pathlib import Path

import numpy as np
import pytest

from pyscorer.chain.acoustic_model import AcousticModel, save_model
from pyscorer.chain.tdnnf import Tdnnf, TdnnfConfig
from pyscorer.chain.tree import FORWARD, SELF_LOOP, monophone_tree, write_tree
from pyscorer.contract.archives import write_archive
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.files import write_table
from pyscorer.contract.phones import PHONES
from pyscorer.contract.pooled import read_pooled
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError
from pyscorer.measures.transition_gop import (
    TRANSITION_COLUMNS,
    pdf_log_posteriors,
    state_path,
    transition_columns,
    transition_gop,
)

TREE = monophone_tree(PHONES)


def pdf(phone: str, pdf_class: int) -> int:
    return int(TREE.pdf[0, PHONES.index(phone), pdf_class])


def test_first_frame_forward_then_self_loop() -> None:
    # 10 ms frames 0..6 hold the output frames 0, 1, 2; 7..8 hold none; 9..11 hold 3.
    segments = [
        PhoneSegment(0, 0, "AH", 0, 7, 0, 0),
        PhoneSegment(0, 1, "T", 7, 2, 0, 0),
        PhoneSegment(0, 2, "B", 9, 3, 0, 0),
    ]
    rows, pdfs, lengths = state_path(segments, TREE, 4)
    # The middle of 7..8 is 7.5: nearest to output frame 2 or 3.
    assert rows.tolist() in ([0, 1, 2, 2, 3], [0, 1, 2, 3, 3])
    assert lengths.tolist() == [3, 1, 1]
    stay = pdf("AH", SELF_LOOP)
    assert pdfs.tolist() == [pdf("AH", FORWARD), stay, stay, pdf("T", FORWARD), pdf("B", FORWARD)]


def test_formula_by_hand() -> None:
    segments = [PhoneSegment(0, 0, "AH", 0, 6, 0, 0)]
    posteriors = np.full((2, TREE.num_pdfs), -9.0)
    posteriors[0, pdf("AH", FORWARD)], posteriors[1, pdf("AH", SELF_LOOP)] = -1.0, -2.0
    log_stay = np.full(41, np.log(0.7))
    found = transition_columns(posteriors, segments, TREE, log_stay)
    by_hand = (-1 - 2 + np.log(0.7) + np.log(TREE.num_pdfs)) / 2
    assert found.tolist() == [pytest.approx([by_hand, -1.5])]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    config = TdnnfConfig(
        num_pdfs=TREE.num_pdfs,
        dim=16,
        bottleneck=4,
        time_strides=(1, 3),
        embedding_dim=8,
        prefinal_dim=16,
        prefinal_bottleneck=8,
    )
    owner = np.repeat(np.arange(1, len(PHONES)), 2).astype(np.int32)
    save_model(tmp_path / "final.pt", AcousticModel(Tdnnf(config).eval(), owner))
    write_tree(tmp_path / "tree.json", TREE)
    rng = np.random.default_rng(0)
    write_archive(tmp_path / "mfcc40/feats.scp", [("u1", rng.normal(size=(30, 40)))])
    write_table(tmp_path / "data/text", {"u1": "AT"})
    phones = [Segment("SIL", 0, 6), Segment("AE", 6, 12), Segment("T", 18, 12)]
    write_ctm(tmp_path / "ali/phones.ctm", [("u1", phones)])
    write_ctm(tmp_path / "ali/words.ctm", [("u1", [Segment("AT", 6, 24)])])
    return tmp_path


def run(corpus: Path, **changed: Path) -> None:
    paths = {"data": "data", "ali": "ali", "model": "final.pt", "tree": "tree.json"}
    paths |= {"feats": "mfcc40", "out": "out"}
    arguments = {name: corpus / path for name, path in paths.items()} | changed
    transition_gop(**arguments, jobs=1)


def test_an_untrained_network_finds_all_pdfs_alike(corpus: Path) -> None:
    run(corpus)
    pooled = read_pooled(corpus / "out", list(TRANSITION_COLUMNS))
    assert pooled.features[:, 1].tolist() == pytest.approx([-np.log(TREE.num_pdfs)] * 2, abs=1e-4)
    # 12 frames of 10 ms are 4 output frames; p(s) = 1 / states at the inner three cancels them.
    stay = np.log1p(-2.0 / 6.0)
    expected = (-np.log(TREE.num_pdfs) + 3 * stay) / 4
    assert pooled.features[:, 0].tolist() == pytest.approx([expected] * 2, abs=1e-4)


def test_posteriors_are_normalised_and_one_every_30_ms(corpus: Path) -> None:
    from pyscorer.chain.acoustic_model import load_model

    rng = np.random.default_rng(1)
    values = pdf_log_posteriors(load_model(corpus / "final.pt"), rng.normal(size=(31, 40)))
    assert values.shape == (11, TREE.num_pdfs)
    np.testing.assert_allclose(np.exp(values).sum(axis=1), 1, rtol=1e-5)


def test_features_of_other_audio_and_another_tree_are_refused(corpus: Path) -> None:
    write_archive(corpus / "long/feats.scp", [("u1", np.ones((90, 40)))])
    with pytest.raises(InputError, match="utterance u1"):
        run(corpus, feats=corpus / "long")
    write_archive(corpus / "other/feats.scp", [("u2", np.ones((30, 40)))])
    with pytest.raises(InputError, match=r"1 of the 1 .* first u1; run features"):
        run(corpus, feats=corpus / "other")
    write_tree(corpus / "small.json", monophone_tree(PHONES[:5]))
    with pytest.raises(InputError, match="not of the same training"):
        run(corpus, tree=corpus / "small.json")
