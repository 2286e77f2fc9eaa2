"""Estimation of the GMM: held against sums by hand and against kaldi-hmm-gmm's own accumulators."""

from dataclasses import replace

import kaldi_hmm_gmm as khg
import numpy as np
import pytest

from pyscorer.alignment.gmm_estimation import (
    accumulate,
    component_log_likelihoods,
    estimate,
    pdf_occupancy,
    split,
    split_targets,
)
from pyscorer.alignment.gmm_model import Gmm, initial_gmm, kaldi_model, transition_tables


@pytest.fixture
def model() -> Gmm:
    """Dimension 2; 127 pdfs of 1 to 3 Gaussians."""
    rng = np.random.default_rng(0)
    start = initial_gmm(np.zeros(2), np.ones(2))
    counts = np.arange(127) % 3 + 1
    pdf = np.repeat(np.arange(127), counts)
    return Gmm(
        1 / counts[pdf],
        rng.normal(0, 2, (len(pdf), 2)),
        rng.uniform(0.5, 2, (len(pdf), 2)),
        pdf,
        start.log_probs,
    )


@pytest.fixture
def frames() -> tuple[np.ndarray, np.ndarray]:
    """Features, and transition-ids of which the higher half does not occur."""
    rng = np.random.default_rng(1)
    return rng.normal(0, 2, (4000, 2)).astype(np.float32), rng.integers(1, 140, 4000)


def test_log_likelihood_of_a_gaussian_by_hand() -> None:
    # weight 1/2, mean (1, 0), variances (4, 1), at (3, 1): the exponent is -(4/4 + 1/1) / 2 = -1.
    value = component_log_likelihoods(
        np.array([[3.0, 1.0]]), np.array([0.5]), np.array([[1.0, 0.0]]), np.array([[4.0, 1.0]])
    )
    expected = np.log(0.5) - np.log(2 * np.pi) - 0.5 * np.log(4) - 1
    np.testing.assert_allclose(value, [[expected]])


def test_update_equals_kaldis(model: Gmm, frames: tuple[np.ndarray, np.ndarray]) -> None:
    features, transition_ids = frames
    stats = accumulate(model, features, transition_ids)
    updated = estimate(model, stats, min_occupancy=10.0)

    kaldi = kaldi_model(model)
    accumulator = khg.AccumAmDiagGmm()
    accumulator.init(kaldi.gmm, 15)
    pdfs = transition_tables().pdf[transition_ids]
    log_likelihood = sum(
        accumulator.accumulate_for_gmm(kaldi.gmm, x, pdf, 1.0)
        for x, pdf in zip(features, pdfs, strict=True)
    )
    options = khg.MleDiagGmmOptions()
    options.min_gaussian_occupancy = 10.0
    khg.mle_am_diag_gmm_update(options, accumulator, 15, kaldi.gmm)

    assert stats.log_likelihood == pytest.approx(log_likelihood, rel=1e-5)
    assert stats.frames == 4000
    for pdf in range(127):
        own, theirs = updated.pdf == pdf, kaldi.gmm.get_pdf(pdf)
        assert own.sum() == theirs.num_gauss
        np.testing.assert_allclose(updated.means[own], theirs.means, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(updated.variances[own], theirs.vars, rtol=1e-3, atol=1e-4)
        np.testing.assert_allclose(updated.weights[own].sum(), 1)
        if pdf in pdfs:
            np.testing.assert_allclose(updated.weights[own], theirs.weights, rtol=1e-4)


def test_statistics_of_parts_add_up(model: Gmm, frames: tuple[np.ndarray, np.ndarray]) -> None:
    features, ids = frames
    whole = accumulate(model, features, ids)
    parts = accumulate(model, features[:900], ids[:900]) + accumulate(
        model, features[900:], ids[900:]
    )
    for name, value in vars(whole).items():
        np.testing.assert_allclose(getattr(parts, name), value, rtol=1e-9, err_msg=name)


def test_an_update_never_lowers_the_likelihood(
    model: Gmm, frames: tuple[np.ndarray, np.ndarray]
) -> None:
    features, ids = frames
    values = []
    for _ in range(6):
        stats = accumulate(model, features, ids)
        values.append(stats.log_likelihood)
        model = estimate(model, stats, min_occupancy=0.0)
    assert np.all(np.diff(values) > 0)


def test_a_pdf_without_frames_stays_as_it_was(
    model: Gmm, frames: tuple[np.ndarray, np.ndarray]
) -> None:
    stats = accumulate(model, *frames)
    updated = estimate(model, stats)
    assert pdf_occupancy(model, stats)[126] == 0
    np.testing.assert_array_equal(
        updated.means[updated.pdf == 126], model.means[model.pdf == 126][-1:]
    )


def test_transition_probabilities_are_relative_counts() -> None:
    start = initial_gmm(np.zeros(1), np.ones(1))
    tables = transition_tables()
    loop, leave = (
        int(
            np.flatnonzero((tables.phone == 3) & (tables.pdf == 10) & (tables.self_loop == flag))[0]
        )
        for flag in (True, False)
    )
    ids = np.array([loop] * 90 + [leave] * 10)
    updated = estimate(start, accumulate(start, np.zeros((100, 1)), ids))
    np.testing.assert_allclose(np.exp(updated.log_probs[[loop, leave]]), [0.9, 0.1], rtol=1e-5)
    untouched = np.delete(np.arange(1, len(ids)), [loop - 1, leave - 1])
    np.testing.assert_array_equal(updated.log_probs[untouched], start.log_probs[untouched])


def test_split_targets_by_hand() -> None:
    # Power 0.25 of 10,000, 625 and 16 is 10, 5 and 2; a Gaussian more than 10, 5, 3.3 (of the
    # first), 5 ... Seven in all: the first pdf is split at 10, 5 and 3.3, the second at 5; the
    # third has too few frames for two.
    np.testing.assert_array_equal(split_targets(np.array([10000.0, 625.0, 16.0]), 7), [4, 2, 1])
    np.testing.assert_array_equal(split_targets(np.array([50.0, 16.0]), 100), [2, 1])


def test_splitting_keeps_the_mixture_and_is_seeded(model: Gmm) -> None:
    occupancy = np.full(127, 1000.0)
    grown = split(model, occupancy, 500, np.random.default_rng(3))
    assert len(grown.weights) >= 500
    for pdf in (0, 2, 126):
        before, after = model.pdf == pdf, grown.pdf == pdf
        np.testing.assert_allclose(grown.weights[after].sum(), 1)
        np.testing.assert_allclose(
            grown.weights[after] @ grown.means[after],
            model.weights[before] @ model.means[before],
        )
    again = split(model, occupancy, 500, np.random.default_rng(3))
    np.testing.assert_array_equal(grown.means, again.means)
    other = split(model, occupancy, 500, np.random.default_rng(4))
    assert not np.array_equal(grown.means, other.means)


def test_boost_multiplies_the_likelihood_of_silence_alone(model: Gmm) -> None:
    plain, boosted = kaldi_model(model), kaldi_model(model, boost_silence=1.25)
    x = np.zeros(2, dtype=np.float32)
    gain = [
        boosted.gmm.log_likelihood(pdf, x) - plain.gmm.log_likelihood(pdf, x) for pdf in range(127)
    ]
    np.testing.assert_allclose(gain[:5], np.log(1.25), rtol=1e-4)
    np.testing.assert_allclose(gain[5:], 0)


def test_transition_probabilities_reach_kaldis_model() -> None:
    start = initial_gmm(np.zeros(1), np.ones(1))
    changed = start.log_probs.copy()
    changed[100] = np.log(0.6)
    kaldi = kaldi_model(replace(start, log_probs=changed))
    assert kaldi.transitions.__getstate__()[6][100] == pytest.approx(np.log(0.6))
