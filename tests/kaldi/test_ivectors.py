"""I-vectors: by hand with an extractor of two Gaussians, and as Kaldi estimated them."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from made_published import LDA, MEANS, SIGMA_INV, VARIANCES, WEIGHTS, M, text, write_extractor

from pyscorer.contract.archives import read_matrices
from pyscorer.errors import InputError
from pyscorer.kaldi.ivector_extractor import read_ivector_extractor
from pyscorer.kaldi.ivectors import (
    IvectorOptions,
    SpeakerState,
    conjugate_gradients,
    ivectors,
    online_ivectors,
    pruned_posteriors,
)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """An extractor's directory, in text."""
    return write_extractor(tmp_path / "ivector")


FEATURES = np.random.default_rng(7).normal(0, 1, (11, 2)).astype(np.float32)


def by_hand(features: np.ndarray, last: int, mean_of_prior_scale: float = 1.0) -> np.ndarray:
    """The i-vector from frames 0..last, solved exactly: no pruning, posterior scale 0.5."""
    quadratic, linear = np.eye(3), np.array([10.0, 0, 0])
    quadratic, linear = quadratic * mean_of_prior_scale, linear * mean_of_prior_scale
    for t in range(last + 1):
        centred = [
            features[s] - features[: s + 1].sum(axis=0) / (s + 1 + 200) for s in (max(t - 1, 0), t)
        ]
        raw = [features[max(t - 1, 0)], features[t]]
        x, y = (LDA[:, :4] @ np.concatenate(f) + LDA[:, 4] for f in (centred, raw))
        logs = np.log(WEIGHTS) - 0.5 * (
            (x - MEANS) ** 2 / VARIANCES + np.log(2 * math.pi * VARIANCES)
        ).sum(axis=1)
        posterior = np.exp(logs) / np.exp(logs).sum()
        for i in range(2):
            linear += 0.5 * posterior[i] * M[i].T @ SIGMA_INV[i] @ y
            quadratic += 0.5 * posterior[i] * M[i].T @ SIGMA_INV[i] @ M[i]
    ivector = np.linalg.solve(quadratic, linear)
    ivector[0] -= 10
    return ivector


def test_one_ivector_a_period_by_hand(made: Path):
    found, _ = online_ivectors(read_ivector_extractor(made), FEATURES)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, [by_hand(FEATURES, t) for t in (0, 4, 8)], rtol=1e-4)


def test_one_ivector_from_all_frames_by_hand(made: Path):
    found, _ = online_ivectors(read_ivector_extractor(made), FEATURES, whole=True)
    np.testing.assert_allclose(found, [by_hand(FEATURES, 10)], rtol=1e-4)


def test_max_count_scales_the_prior_up(made: Path):
    extractor = read_ivector_extractor(made, max_count=2.0)
    found, _ = online_ivectors(extractor, FEATURES, whole=True)
    np.testing.assert_allclose(found, [by_hand(FEATURES, 10, 11 * 0.5 / 2)], rtol=1e-4)
    unreached, _ = online_ivectors(
        read_ivector_extractor(made, max_count=9.0), FEATURES, whole=True
    )
    np.testing.assert_allclose(unreached, [by_hand(FEATURES, 10)], rtol=1e-4)


def test_a_speakers_statistics_are_carried_on(made: Path):
    # Without CMVN and splicing two halves are to the i-vector what the whole is.
    extractor = read_ivector_extractor(made)
    alone = replace(extractor, left_context=0, lda=extractor.lda[:, [2, 3, 4]])
    alone = replace(alone, cmvn=replace(extractor.cmvn, norm_means=False))
    whole, _ = online_ivectors(alone, FEATURES, whole=True)
    _, state = online_ivectors(alone, FEATURES[:6], whole=True)
    again, after = online_ivectors(alone, FEATURES[6:], state, whole=True)
    np.testing.assert_allclose(again, whole, rtol=1e-4)
    assert after.count == pytest.approx(11 * 0.5)
    assert after.cmvn_stats[0, -1] == 11


def test_frames_after_the_last_period_are_not_carried_on(made: Path):
    _, state = online_ivectors(read_ivector_extractor(made), FEATURES)
    assert state.count == pytest.approx(9 * 0.5)  # up to frame 8
    assert state.cmvn_stats[0, -1] == 11


def test_what_is_remembered_of_a_speaker_is_limited():
    state = SpeakerState(np.full((2, 3), 400.0), 40.0, np.ones(2), np.ones(3))
    limited = state.limited(frames=100, posterior_scale=0.1)
    assert limited.cmvn_stats.max() == 100
    assert (limited.count, limited.linear[0], limited.quadratic[0]) == (10, 0.25, 0.25)
    same = state.limited(frames=1000, posterior_scale=0.1)
    assert (same.count, same.cmvn_stats.max()) == (40, 400)


def test_the_speakers_mean_changes_the_next_utterance(made: Path):
    extractor = read_ivector_extractor(made)
    _, state = online_ivectors(extractor, FEATURES + 3)
    first, _ = online_ivectors(extractor, FEATURES)
    second, _ = online_ivectors(extractor, FEATURES, state)
    assert np.abs(first - second).max() > 0.1


def test_posteriors_are_pruned_as_kaldi_prunes_them():
    logs = np.log(np.array([[0.5, 0.3, 0.012, 0.19], [0.97, 0.01, 0.01, 0.01]], dtype=np.float32))
    frame, gaussian, posterior = pruned_posteriors(logs, 3, 0.025)
    assert frame.tolist() == [0, 0, 0, 1]
    assert gaussian.tolist() == [0, 1, 3, 0]
    np.testing.assert_allclose(posterior, [0.5 / 0.99, 0.3 / 0.99, 0.19 / 0.99, 1], rtol=1e-5)
    frame, gaussian, _ = pruned_posteriors(logs, 2, 0.0)
    assert frame.tolist() == [0, 0, 1, 1]
    assert gaussian[:2].tolist() == [0, 1]


def test_the_second_pruning_is_by_what_is_left():
    # .026 is above .025 of the likeliest, but not of the sum
    logs = np.log(np.array([[1, 0.9, 0.026]], dtype=np.float32))
    _, gaussian, _ = pruned_posteriors(logs, 3, 0.025)
    assert gaussian.tolist() == [0, 1]


def test_conjugate_gradients_stop_after_their_steps():
    random = np.random.default_rng(3)
    root = random.normal(size=(6, 6))
    matrix, vector_ = root @ root.T + np.eye(6), random.normal(size=6)
    exact = np.linalg.solve(matrix, vector_)
    errors = [
        np.linalg.norm(conjugate_gradients(matrix, vector_, np.zeros(6), steps) - exact)
        for steps in (0, 1, 3, 8)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 1e-9 < errors[2]


GOLDEN = [
    ("ivector_online", {}, 0.005),
    ("ivector_online_maxcount3", {"max_count": 3.0}, 1e-4),
    ("ivector_utterance", {}, 0.06),
    ("ivector_utterance_maxcount3", {"max_count": 3.0}, 1e-4),
]


@pytest.mark.parametrize(("name", "changes", "tolerance"), GOLDEN)
def test_kaldis_own_ivectors(conformance: Path, korean: Path, name: str, changes, tolerance: float):
    extractor = read_ivector_extractor(korean / "ivector", **changes)
    assert (extractor.dim, extractor.feature_dim, len(extractor.ubm.gconsts)) == (100, 40, 512)
    expected = dict(read_matrices(conformance / "f_ivector" / f"{name}.ark"))
    for key, features in read_matrices(conformance / "f_ivector" / "mfcc40.ark"):
        found, _ = online_ivectors(extractor, features, whole="utterance" in name)
        np.testing.assert_allclose(found, expected[key], atol=tolerance, rtol=0, err_msg=key)


def written(folder: Path) -> dict[str, np.ndarray]:
    return dict(read_matrices(folder / "ivector.scp"))


def made_data(tmp_path: Path) -> tuple[Path, Path]:
    from pyscorer.contract.archives import write_archive

    items = [("b1", FEATURES), ("a1", FEATURES[:5]), ("b2", FEATURES[3:])]
    write_archive(tmp_path / "feats" / "feats.scp", items)
    data = tmp_path / "data"
    data.mkdir()
    (data / "text").write_text("b1 ONE\na1 TWO\nb2 THREE\n")
    (data / "utt2spk").write_text("b1 b\na1 a\nb2 b\n")
    (data / "wav.scp").write_text("".join(f"{key} {key}.wav\n" for key, _ in items))
    return tmp_path / "feats", data


def test_the_stage_writes_a_matrix_an_utterance(made: Path, tmp_path: Path):
    feats, data = made_data(tmp_path)
    ivectors(made, feats, tmp_path / "one", options=IvectorOptions(jobs=1))
    assert (tmp_path / "one" / "ivector_period").read_text() == "4\n"
    one = written(tmp_path / "one")
    assert {key: len(rows) for key, rows in one.items()} == {"b1": 3, "a1": 2, "b2": 2}
    options = IvectorOptions(mode="utterance", by_speaker=True, jobs=1)
    ivectors(made, feats, tmp_path / "two", data, options)
    two = written(tmp_path / "two")
    assert {len(rows) for rows in two.values()} == {1}
    np.testing.assert_allclose(two["a1"], [by_hand(FEATURES[:5], 4)], rtol=1e-4)
    assert np.abs(two["b2"] - by_hand(FEATURES[3:], 7)).max() > 0.01  # b1 came before it


def test_options_of_the_stage_go_before_the_files(made: Path, tmp_path: Path):
    feats, _ = made_data(tmp_path)
    ivectors(made, feats, tmp_path / "out", options=IvectorOptions(ivector_period=2, jobs=1))
    assert len(written(tmp_path / "out")["b1"]) == 6


def test_by_speaker_needs_the_speakers(made: Path, tmp_path: Path):
    feats, _ = made_data(tmp_path)
    with pytest.raises(InputError, match="data directory"):
        ivectors(made, feats, tmp_path / "out", options=IvectorOptions(by_speaker=True, jobs=1))


def test_features_of_another_dimension_name_the_utterance(made: Path, tmp_path: Path):
    from pyscorer.contract.archives import write_archive

    write_archive(tmp_path / "feats.scp", [("u", np.zeros((5, 13), dtype=np.float32))])
    with pytest.raises(InputError, match=r"feats\.scp: u: features of 5 x 13; .* takes rows of 2"):
        ivectors(made, tmp_path, tmp_path / "out", options=IvectorOptions(jobs=1))


@pytest.mark.parametrize(
    "name",
    ["final.ie", "final.dubm", "final.mat", "global_cmvn.stats", "online_cmvn.conf", "splice_opts"],
)
def test_a_missing_file_is_named(made: Path, name: str):
    (made / name.replace("splice_opts", "splice.conf")).unlink()
    with pytest.raises(InputError, match=f"{name}: no such file: an i-vector extractor needs it"):
        read_ivector_extractor(made)


def test_a_directory_of_kaldis_own(made: Path):
    (made / "splice.conf").unlink()
    (made / "splice_opts").write_text("--left-context=1 --right-context=0\n")
    (made.parent / "conf").mkdir()
    (made / "online_cmvn.conf").rename(made.parent / "conf" / "online_cmvn.conf")
    (made / "ivector_extractor.conf").unlink()
    (made / "online_cmvn_iextractor").touch()
    extractor = read_ivector_extractor(made)
    assert (extractor.left_context, extractor.extraction.ivector_period) == (1, 10)


@pytest.mark.parametrize(
    ("name", "old", "new", "message"),
    [
        ("splice.conf", "--left-context=1", "--left-context=2", r"final\.mat: it takes 5 numbers"),
        ("final.dubm", "<INV_VARS> [\n1.0", "<INV_VARS> [\n-1.0", r"final\.dubm.*not positive"),
        ("final.dubm", "<DiagGMM>", "<FullGMM>", r"final\.dubm.*final\.ubm"),
        ("final.ie", "<w> [ ]", "<w> [ 1 2 ]", r"final\.ie.*depend on the i-vector"),
        ("final.ie", "[ 2.0\n0.5 1.0 ]", "[ 2.0\n0.5 ]", r"final\.ie: <SigmaInv> of Gaussian 0"),
        ("final.ie", "[ 2.0\n0.5 1.0 ]", "[ 2.0 ]", r"final\.ie.*Gaussian 0 has other dimensions"),
        ("final.ie", "<IvectorOffset> 10", "<IvectorOffset> 0", r"final\.ie.*offset of 0"),
        ("final.ie", "<M> 2", "<M> 3", r"final\.ie: <M> of Gaussian 2"),
        ("final.ie", "0.0 1.0 2.0 ]", "nan 1.0 2.0 ]", r"final\.ie: NaN"),
        ("global_cmvn.stats", "100.0\n", "0.0\n", r"global_cmvn\.stats: no CMVN statistics"),
        ("global_cmvn.stats", "0.0 0.0 100.0", "0.0 0.0 0.0 100.0", r"global_cmvn\.stats"),
        ("online_cmvn.conf", "#", "--cmn-window=100 #", r"online_cmvn\.conf: online CMVN"),
        ("online_cmvn.conf", "#", "--skip-dims=0:9 #", "skip-dims beyond 2"),
        ("online_cmvn.conf", "#", "--skip-dims=x #", r"online_cmvn\.conf: --skip-dims must be"),
        ("ivector_extractor.conf", "=4", "=0", r"ivector_extractor\.conf.*--ivector-period"),
        ("ivector_extractor.conf", "--min-post", "--min-mail", r"conf:2: option --min-mail"),
        ("ivector_extractor.conf", "/final.mat", "/other.mat", r"other\.mat: no such file"),
    ],
)
def test_files_that_do_not_fit_are_named(made: Path, name: str, old: str, new: str, message: str):
    content = (made / name).read_text()
    assert old in content
    (made / name).write_text(content.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        read_ivector_extractor(made)


def test_an_extractor_of_another_ubm_is_refused(made: Path):
    inv = text(1 / VARIANCES[:1])
    (made / "final.dubm").write_text(
        f"<DiagGMM> <WEIGHTS> [ 1 ]\n<MEANS_INVVARS> {inv}<INV_VARS> {inv}</DiagGMM> "
    )
    with pytest.raises(
        InputError, match=r"final\.ie: 2 Gaussians of 2 dimensions, where final\.dubm has 1"
    ):
        read_ivector_extractor(made)


def test_files_cut_short_are_refused(made: Path, korean: Path, tmp_path: Path):
    whole = (korean / "ivector" / "final.ie").read_bytes()
    for name in ("final.dubm", "final.mat", "global_cmvn.stats"):
        (made / name).write_bytes((korean / "ivector" / name).read_bytes())
    (made / "splice.conf").write_text("--left-context=3\n--right-context=3\n")
    for size in (1, 17, 60, 10_000, len(whole) // 2, len(whole) - 30):
        (made / "final.ie").write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"final\.ie: .*(ends in the middle|expected)"):
            read_ivector_extractor(made)


def test_features_that_the_extractor_was_not_trained_on(made: Path, tmp_path: Path):
    feats, _ = made_data(tmp_path)
    conf = tmp_path / "mfcc.conf"
    conf.write_text("--use-energy=false\n--num-mel-bins=40\n--num-ceps=40\n--low-freq=40\n")
    with pytest.raises(InputError, match=r"mfcc\.conf:4: the model expects --low-freq=40"):
        ivectors(made, feats, tmp_path / "out", mfcc_conf=conf)
    assert not (tmp_path / "out").exists()
