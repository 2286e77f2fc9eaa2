"""The two BLSTMs: padding must not be seen, and the order of utterances must not matter."""

import numpy as np
import pytest
import torch

from pyscorer.contract.pooled import PooledSet, make_pooled
from pyscorer.scoring.blstm import BlstmConfig, BlstmScorer, PhoneBatches, Training, fit_blstm

PLAIN = (np.zeros(1, dtype=np.float32), np.ones(1, dtype=np.float32))


def random_set(utterances: int, seed: int = 0) -> PooledSet:
    """Utterances of 1 to 4 words of 1 to 5 phones."""
    rng = np.random.default_rng(seed)
    utterance, word, place = [], [], []
    for u in range(utterances):
        for w in range(rng.integers(1, 5)):
            for p in range(rng.integers(1, 6)):
                utterance.append(u)
                word.append(w)
                place.append(p)
    count = len(utterance)
    return make_pooled(
        [f"u{u}" for u in range(utterances)],
        rng.normal(size=(count, 1)).astype(np.float32),
        np.array(utterance),
        rng.choice(["AA", "B", "SPN", "T"], count).tolist(),
        np.array(word),
        np.array(place),
    )


def by_hand(network: BlstmScorer, pooled: PooledSet, utterance: int) -> float:
    """One utterance, word by word, without padding."""
    rows = np.flatnonzero(np.repeat(np.arange(len(pooled.keys)), pooled.phone_counts) == utterance)
    words = []
    for word in range(pooled.word_counts[utterance]):
        own = rows[pooled.word_index[rows] == word]
        phones = torch.cat(
            [
                torch.from_numpy(pooled.features[own]),
                network.embedding(torch.from_numpy(pooled.phones[own])),
            ],
            dim=1,
        )
        _, (hidden, _) = network.word(phones[None])
        words.append(hidden[:, 0].reshape(-1))
    _, (hidden, _) = network.utterance(torch.stack(words)[None])
    return float(torch.sigmoid(network.mlp(hidden[:, 0].reshape(-1))))


def test_a_batch_gives_each_utterance_what_it_gets_alone() -> None:
    torch.manual_seed(0)
    network, pooled = BlstmScorer(BlstmConfig()).eval(), random_set(7)
    chosen = np.array([5, 0, 3, 6])
    with torch.no_grad():
        together = network(PhoneBatches(pooled, *PLAIN).take(chosen))
        alone = [by_hand(network, pooled, u) for u in chosen]
    np.testing.assert_allclose(together, alone, rtol=1e-5)


def test_it_learns_the_mean_gop_and_the_same_seed_gives_the_same_network() -> None:
    pooled = random_set(120)
    starts = np.cumsum(pooled.phone_counts) - pooled.phone_counts
    means = np.add.reduceat(pooled.features[:, 0], starts) / pooled.phone_counts
    targets = 1 / (1 + np.exp(-2 * means))
    valid = np.arange(120) % 4 == 0

    def scores(seed: int, epochs: int) -> np.ndarray:
        training = Training(epochs, epochs, 16, 2e-2, 0.0)
        fitted = fit_blstm(pooled, PLAIN, targets, valid, config, training, [seed, 0])
        return fitted.predict(pooled, PLAIN)

    config = BlstmConfig(embedding=4, hidden=8)
    assert np.corrcoef(scores(3, 8)[valid], targets[valid])[0, 1] > 0.8
    assert (scores(3, 1) == scores(3, 1)).all()
    assert (scores(4, 1) != scores(3, 1)).any()


def test_the_best_epoch_on_the_held_out_part_is_kept() -> None:
    """Random targets cannot be learned, so the held-out error grows and training stops early."""
    pooled = random_set(60)
    targets = np.random.default_rng(1).uniform(size=60)
    fit = fit_blstm(
        pooled, PLAIN, targets, np.arange(60) < 20, BlstmConfig(), Training(30, 2, 8, 3e-2, 0), [0]
    )
    assert 1 <= fit.epoch < 28


def test_scores_lie_between_0_and_1() -> None:
    pooled = random_set(5)
    with torch.no_grad():
        scores = BlstmScorer(BlstmConfig())(PhoneBatches(pooled, *PLAIN).take(np.arange(5)))
    assert scores.shape == (5,)
    assert float(scores.min()) > 0 and float(scores.max()) < 1 and scores.std() > 0


@pytest.mark.parametrize("hidden", [8, 32])
def test_parameters_by_hand(hidden: int) -> None:
    """LSTM of input D: 4h (D + h + 2) a direction; embedding 40 x 16; MLP 2h x h + h, h + 1."""
    network = BlstmScorer(BlstmConfig(inputs=1, embedding=16, hidden=hidden))
    h = hidden
    first, second = 2 * 4 * h * (17 + h + 2), 2 * 4 * h * (2 * h + h + 2)
    expected = 40 * 16 + first + second + 2 * h * h + h + h + 1
    assert sum(p.numel() for p in network.parameters()) == expected
