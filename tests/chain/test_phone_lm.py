"""The phone LM: equal to chain-est-phone-lm's, and its rules by hand."""

import gzip
from pathlib import Path

import numpy as np
import pytest
from made_phone_lm import make_phone_lm

from pyscorer.chain.fst import Acceptor, read_fst
from pyscorer.errors import InputError


def log_probability(lm: Acceptor, phones: list[int]) -> float:
    state, total = lm.start, 0.0
    for phone in phones:
        (arc,) = np.flatnonzero((lm.source == state) & (lm.label == phone))
        state, total = lm.destination[arc], total + lm.weight[arc]
    return float(total + lm.final[state])


def test_a_bigram_counts() -> None:
    lm = make_phone_lm([[1, 2], [1, 1, 2], [2]], order=2, no_prune_order=2, extra_states=0)
    assert lm.acceptor.num_states == 3  # start, after 1, after 2
    # start: 1 twice, 2 once. After 1: 1 once, 2 twice. After 2: always the end.
    assert log_probability(lm.acceptor, [1, 2]) == pytest.approx(np.log(2 / 3 * 2 / 3))
    assert log_probability(lm.acceptor, [1, 1, 2]) == pytest.approx(np.log(2 / 3 * 1 / 3 * 2 / 3))
    # 9 events: 1,1,2 from start; 1,2,2 after 1; three ends.
    nll = -(4 * np.log(2 / 3) + 2 * np.log(1 / 3)) / 9
    assert lm.perplexity == pytest.approx(np.exp(nll))


def test_a_merged_history_is_gone_for_good() -> None:
    # Trigram histories (1, 2) and (3, 2) say the same of what follows: merging costs nothing.
    sentences = [[1, 2, 4], [3, 2, 4], [1, 5, 6], [3, 5, 7]]
    full = make_phone_lm(sentences, order=3, no_prune_order=2, extra_states=100)
    merged = make_phone_lm(sentences, order=3, no_prune_order=2, extra_states=0)
    assert merged.acceptor.num_states < full.acceptor.num_states
    small = make_phone_lm([[1, 2, 4], [3, 2, 4]], order=3, no_prune_order=2, extra_states=0)
    assert small.perplexity == pytest.approx(
        make_phone_lm([[1, 2, 4], [3, 2, 4]], order=3, no_prune_order=2).perplexity
    )


def test_every_state_sums_to_one_and_every_sentence_has_a_path() -> None:
    rng = np.random.default_rng(0)
    sentences = [rng.integers(1, 6, rng.integers(1, 9)).tolist() for _ in range(200)]
    lm = make_phone_lm(sentences, order=4, no_prune_order=3, extra_states=20).acceptor
    total = np.exp(lm.final) + np.bincount(lm.source, np.exp(lm.weight), minlength=lm.num_states)
    np.testing.assert_allclose(total, 1.0)
    assert all(np.isfinite(log_probability(lm, sentence)) for sentence in sentences)


def test_more_states_fit_the_data_better() -> None:
    rng = np.random.default_rng(1)
    sentences = [rng.integers(1, 6, 12).tolist() for _ in range(100)]
    perplexities = [make_phone_lm(sentences, extra_states=n).perplexity for n in (0, 20, 80)]
    assert perplexities == sorted(perplexities, reverse=True)
    assert perplexities[0] > perplexities[2]


def test_what_cannot_be_estimated_is_refused() -> None:
    with pytest.raises(InputError, match="no phones"):
        make_phone_lm([])
    with pytest.raises(InputError, match="no phones"):
        make_phone_lm([[]])
    with pytest.raises(InputError, match="no_prune_order"):
        make_phone_lm([[1]], order=2, no_prune_order=3)


def test_the_model_is_kaldis_arc_for_arc(conformance: Path) -> None:
    folder = conformance / "d_lfmmi"
    with gzip.open(folder / "phone_seqs_train.txt.gz", "rt") as stream:
        sentences = [[int(phone) for phone in line.split()[1:]] for line in stream]
    lm = make_phone_lm(sentences, order=4, no_prune_order=3, extra_states=2000).acceptor
    golden = read_fst(folder / "phone_lm.fst")
    assert lm.start == golden.start
    for column in ("source", "destination", "label"):
        np.testing.assert_array_equal(getattr(lm, column), getattr(golden, column))
    np.testing.assert_allclose(lm.weight, golden.weight, atol=1e-6)
    np.testing.assert_allclose(lm.final, golden.final, atol=1e-6)
