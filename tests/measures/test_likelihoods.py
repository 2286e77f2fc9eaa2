"""The classic GOP: Viterbi through phone HMMs, held against enumeration of all paths."""

import itertools
import math

import numpy as np
import pytest

from pyscorer.alignment.gmm_model import Gmm, initial_gmm
from pyscorer.contract.phones import PHONE_ID, PHONES
from pyscorer.contract.segments import PhoneSegment
from pyscorer.measures.likelihoods import (
    PhoneHmms,
    classic_gop,
    path_rows,
    pdf_log_likelihoods,
    pdf_log_posteriors,
    phone_hmms,
    segment_scores,
)

BEE, PEA, SILENCE = (PHONE_ID[p] - 1 for p in ("B", "P", "SIL"))


def segment(phone: str, start: int, length: int) -> PhoneSegment:
    return PhoneSegment(0, 0, phone, start, length, 0, 0)


@pytest.fixture(scope="module")
def model() -> Gmm:
    return initial_gmm(np.zeros(2), np.ones(2))


@pytest.fixture(scope="module")
def hmms(model: Gmm) -> PhoneHmms:
    return phone_hmms(model)


def best_path(likelihoods: np.ndarray, hmms: PhoneHmms, phone: int) -> tuple[float, list[int]]:
    """Every state sequence, one by one."""
    best, states = -math.inf, ()
    count = int((hmms.pdf[phone] >= 0).sum())
    for rest in itertools.product(range(count), repeat=len(likelihoods) - 1):
        path = (0, *rest)
        score = hmms.log_exit[phone, path[-1]]
        score += sum(likelihoods[t, hmms.pdf[phone, s]] for t, s in enumerate(path))
        score += sum(hmms.log_transitions[phone, a, b] for a, b in itertools.pairwise(path))
        if score > best:
            best, states = float(score), path
    return best, [int(hmms.pdf[phone, s]) for s in states]


def test_untrained_hmms_have_the_probabilities_of_the_topology(hmms: PhoneHmms) -> None:
    assert hmms.pdf.shape == (len(PHONES) - 1, 5)
    assert sorted(hmms.pdf[hmms.pdf >= 0]) == list(range(127))
    leaving = np.exp(hmms.log_transitions).sum(axis=2) + np.exp(hmms.log_exit)
    np.testing.assert_allclose(leaving[hmms.pdf >= 0], 1, rtol=1e-6)
    assert np.exp(hmms.log_transitions[BEE, 0, :3]) == pytest.approx([0.75, 0.25, 0])
    assert np.exp(hmms.log_transitions[SILENCE, 0]) == pytest.approx([0.25] * 4 + [0])


def test_segment_scores_are_those_of_the_best_of_all_paths(hmms: PhoneHmms) -> None:
    likelihoods = np.random.default_rng(0).normal(size=(11, 127))
    rows = [segment("B", 0, 5), segment("SPN", 5, 4), segment("P", 9, 3)]
    likelihoods = np.concatenate([likelihoods, likelihoods[:1]])
    found = segment_scores(likelihoods, rows, hmms)
    paths: list[int] = []
    for i, s in enumerate(rows):
        part = likelihoods[s.start : s.start + s.length]
        for phone in (BEE, PEA, SILENCE):
            score, _ = best_path(part, hmms, phone)
            assert found.log_likelihood[i, phone] == pytest.approx(score)
        paths += best_path(part, hmms, PHONE_ID[s.phone] - 1)[1]
    assert found.pdfs.tolist() == paths
    assert found.lengths.tolist() == [5, 4, 3]
    ends = np.cumsum(found.lengths) - 1
    assert (found.log_transitions[ends] == 0).all()
    assert path_rows(rows, 12).tolist() == list(range(12))


def test_a_segment_shorter_than_its_hmm_has_frames_repeated(hmms: PhoneHmms) -> None:
    likelihoods = np.random.default_rng(1).normal(size=(2, 127))
    found = segment_scores(likelihoods, [segment("B", 0, 2)], hmms)
    score, _ = best_path(likelihoods[[0, 0, 1]], hmms, BEE)
    assert found.log_likelihood[0, BEE] == pytest.approx(score)


def test_classic_gop_is_the_log_ratio_a_frame_to_the_best_phone() -> None:
    table = np.full((2, 41), -100.0)
    table[0, [BEE, PEA, SILENCE]] = [-20, -14, -2]
    table[1, PEA] = -30
    value = classic_gop(table, np.array([BEE, PEA]), np.array([3, 5]))
    np.testing.assert_allclose(value, [-2, 0])


def test_likelihood_of_a_mixture_by_hand() -> None:
    """Pdf 0: half N(0, 1) and half N(2, 1); pdf 1: N(0, 4); at x = 1."""
    model = Gmm(
        np.array([0.5, 0.5, 1.0]),
        np.array([[0.0], [2.0], [0.0]]),
        np.array([[1.0], [1.0], [4.0]]),
        np.array([0, 0, 1]),
        np.zeros(1),
    )
    expected = [
        math.exp(-0.5) / math.sqrt(2 * math.pi),
        math.exp(-0.125) / math.sqrt(8 * math.pi),
    ]
    found = pdf_log_likelihoods(model, np.array([[1.0]]))
    np.testing.assert_allclose(np.exp(found), [expected])
    posterior = np.exp(pdf_log_posteriors(found))[0]
    np.testing.assert_allclose(posterior, np.array(expected) / sum(expected))
