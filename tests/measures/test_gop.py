"""The stage gop: what it writes, and what it says of bad input."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pyscorer.alignment.features import cmvn_stats
from pyscorer.alignment.gmm_model import initial_gmm
from pyscorer.contract.archives import write_archive
from pyscorer.contract.ctm import Segment, write_ctm
from pyscorer.contract.datadir import DataDir, Utterance, write_data_dir
from pyscorer.contract.phones import PHONE_ID
from pyscorer.contract.pooled import read_columns, read_pooled
from pyscorer.errors import InputError
from pyscorer.measures.gop import GMM_MEASURES, POSTERIOR_MEASURES, gop

PHONES = {
    "u1": [Segment("AH", 0, 3), Segment("AE", 3, 3), Segment("T", 6, 3)],
    "u2": [Segment("SIL", 0, 4), Segment("AH", 4, 6)],
}
WORDS = {"u1": [Segment("A", 0, 3), Segment("AT", 3, 6)], "u2": [Segment("A", 4, 6)]}


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two utterances of 9 and 10 frames (3 and 4 rows of posteriors), and a GMM."""
    rng = np.random.default_rng(0)
    data = DataDir()
    for key, words in {"u1": ("A", "AT"), "u2": ("A",)}.items():
        data.utterances[key] = Utterance(key, f"s-{key}", Path(f"{key}.wav"), words)
    write_data_dir(tmp_path / "data", data)
    write_ctm(tmp_path / "ali/phones.ctm", PHONES.items())
    write_ctm(tmp_path / "ali/words.ctm", WORDS.items())
    posteriors = {key: rng.dirichlet(np.ones(41), size=n) for key, n in {"u1": 3, "u2": 4}.items()}
    write_archive(tmp_path / "deep/post.scp", [(k, np.log(p)) for k, p in posteriors.items()])
    (tmp_path / "deep/frame_shift").write_text("0.03\n")
    mfcc = {key: rng.normal(size=(n, 13)) for key, n in {"u1": 9, "u2": 10}.items()}
    write_archive(tmp_path / "mfcc13/feats.scp", mfcc.items())
    stats = [(f"s-{key}", cmvn_stats(matrix)) for key, matrix in mfcc.items()]
    write_archive(tmp_path / "mfcc13/cmvn.scp", stats)
    initial_gmm(np.zeros(39), np.ones(39)).save(tmp_path / "gmm/final.npz")
    return tmp_path


def run(corpus: Path, **arguments: Path) -> None:
    gop(corpus / "data", corpus / "ali", corpus / "deep", corpus / "gop", **arguments)


def test_a_row_a_phone_and_the_same_values_for_the_scorers(corpus: Path) -> None:
    run(corpus)
    table = pd.read_csv(corpus / "gop/gop.csv")
    assert table.columns.tolist() == ["utterance", "phone_index", "phone", *POSTERIOR_MEASURES]
    assert table[["utterance", "phone_index", "phone"]].values.tolist() == [
        ["u1", 0, "AH"],
        ["u1", 1, "AE"],
        ["u1", 2, "T"],
        ["u2", 0, "AH"],
    ]
    pooled = read_pooled(corpus / "gop", read_columns(corpus / "gop"))
    assert pooled.keys == ["u1", "u2"]
    assert pooled.word_index.tolist() == [0, 1, 1, 0]
    np.testing.assert_allclose(pooled.features[:, :3], table[list(POSTERIOR_MEASURES)], atol=1e-5)


def test_columns_hang_together(corpus: Path) -> None:
    run(corpus)
    names = read_columns(corpus / "gop")
    table = pd.DataFrame(read_pooled(corpus / "gop", names).features, columns=names)
    assert table["lpp_AH"][0] == table["lpp"][0]
    assert table["lpr_AH"][0] == 0
    np.testing.assert_allclose(table["lpr_T"], table["lpp"] - table["lpp_T"], atol=1e-5)
    lpr = table[[name for name in names if name.startswith("lpr_")]]
    np.testing.assert_allclose(table["gop"], lpr.min(axis=1), atol=1e-5)
    assert table["log_duration"][3] == pytest.approx(np.log(6))
    assert table["pause_before"].tolist() == pytest.approx([0, 0, 0, np.log(5)])


def test_measures_of_an_untrained_gmm(corpus: Path) -> None:
    """Its pdfs are all alike: every phone is as good as any other."""
    run(corpus, gmm=corpus / "gmm", feats=corpus / "mfcc13")
    table = pd.read_csv(corpus / "gop/gop.csv")
    assert table.columns.tolist()[-4:] == list(GMM_MEASURES)
    assert table["gmm_gop"].tolist() == pytest.approx([0, 0, 0, 0], abs=1e-5)
    assert table["gmm_lpp"].tolist() == pytest.approx([np.log(3 / 127)] * 4, abs=1e-4)
    assert table["gmm_posterior_gop"].tolist() == pytest.approx([0, 0, 0, 0], abs=1e-5)
    # Three frames are two steps forward; six add three self-loops.
    steps = np.array([np.log(0.25) * 2] * 3 + [np.log(0.25) * 2 + np.log(0.75) * 3])
    expected = (steps - np.log(127)) / [3, 3, 3, 6]
    np.testing.assert_allclose(table["gmm_transition_gop"], expected, atol=1e-4)


def test_transitions_can_come_from_another_alignment(corpus: Path) -> None:
    run(corpus)
    own = pd.read_csv(corpus / "gop/gop.csv")
    write_ctm(corpus / "train/phones.ctm", [("v", [Segment("AH", 0, 300)])])
    run(corpus, reference=corpus / "train")
    other = pd.read_csv(corpus / "gop/gop.csv")
    assert (own["lpp"] == other["lpp"]).all()
    # Only u2's AH lasts more than one row, so only there does staying count.
    assert (own["transition_gop"] == other["transition_gop"]).tolist() == [True, True, True, False]


def replace_posteriors(corpus: Path, u2: np.ndarray) -> None:
    write_archive(corpus / "deep/post.scp", [("u1", np.full((3, 41), -3.0)), ("u2", u2)])


@pytest.mark.parametrize(
    ("u2", "message"),
    [
        (np.full((9, 41), -3.0), r"utterance u2: post\.scp has 9 frames of 0\.03 s"),
        (np.full((4, 248), -3.0), r"u2: 248 columns, not the 41 phones"),
        (np.full((4, 41), 0.5), "u2: positive values"),
        (np.full((4, 41), np.nan), "u2: NaN or infinity"),
    ],
)
def test_posteriors_that_do_not_fit_are_refused(corpus: Path, u2: np.ndarray, message: str) -> None:
    replace_posteriors(corpus, u2)
    with pytest.raises(InputError, match=message):
        run(corpus)
    assert not (corpus / "gop/phones.scp").exists()
    assert not (corpus / "gop/gop.csv").exists()


@pytest.mark.parametrize(("seconds", "message"), [("0.01", "utterance u1"), ("0", "'0' is not")])
def test_a_wrong_frame_shift_is_refused(corpus: Path, seconds: str, message: str) -> None:
    (corpus / "deep/frame_shift").write_text(seconds)
    with pytest.raises(InputError, match=message):
        run(corpus)


def test_a_phone_outside_the_inventory_is_refused(corpus: Path) -> None:
    write_ctm(corpus / "ali/phones.ctm", (PHONES | {"u2": [Segment("QQ", 4, 6)]}).items())
    with pytest.raises(InputError, match=r"utterance u2: phone QQ at 0\.04 s"):
        run(corpus)


def test_an_utterance_of_silence_alone_is_refused(corpus: Path) -> None:
    write_ctm(corpus / "ali/phones.ctm", (PHONES | {"u2": [Segment("SIL", 0, 10)]}).items())
    with pytest.raises(InputError, match="utterance u2: aligned to silence alone"):
        run(corpus)


def test_an_unaligned_utterance_is_named(corpus: Path) -> None:
    for file in (corpus / "ali/phones.ctm", corpus / "ali/words.ctm"):
        file.write_text("".join(line for line in file.open() if line.startswith("u1")))
    with pytest.raises(InputError, match=r"phones\.ctm: 1 of the 2 .* first u2"):
        run(corpus)


def test_an_utterance_without_posteriors_is_named(corpus: Path) -> None:
    write_archive(corpus / "deep/post.scp", [("u1", np.full((3, 41), -3.0))])
    with pytest.raises(InputError, match=r"post\.scp: 1 of the 2 .* first u2; run export"):
        run(corpus)


def test_the_gmm_needs_features_of_the_same_audio(corpus: Path) -> None:
    with pytest.raises(InputError, match="need both"):
        run(corpus, gmm=corpus / "gmm")
    mfcc = [("u1", np.ones((9, 13))), ("u2", np.ones((30, 13)))]
    write_archive(corpus / "mfcc13/feats.scp", mfcc)
    with pytest.raises(InputError, match=r"utterance u2: feats\.scp has 30 frames"):
        run(corpus, gmm=corpus / "gmm", feats=corpus / "mfcc13")


def test_unknown_words_are_measured_as_spn(corpus: Path) -> None:
    """SPN's own posterior against those of the phones."""
    write_ctm(corpus / "ali/phones.ctm", (PHONES | {"u2": [Segment("SPN", 4, 6)]}).items())
    posteriors = np.full((4, 41), -5.0)
    posteriors[:, PHONE_ID["SPN"] - 1] = -2
    posteriors[:, PHONE_ID["B"] - 1] = -1.5
    replace_posteriors(corpus, posteriors)
    run(corpus)
    row = pd.read_csv(corpus / "gop/gop.csv").iloc[-1]
    assert row[["lpp", "gop"]].tolist() == pytest.approx([-2, -0.5])
