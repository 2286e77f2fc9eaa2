"""GOP (2BLSTM + MLP): one BLSTM over the phones of a word, one over words, an MLP on top."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from pyscorer.contract.large import pieces
from pyscorer.contract.pooled import PHONE_NAMES, PooledSet
from pyscorer.scoring.fit import Best, cosine, fit, shuffled


@dataclass(frozen=True)
class BlstmConfig:
    """Shape of the network."""

    inputs: int = 1
    """Columns of GOP of a phone."""
    embedding: int = 16
    """Dimension of the phone embedding."""
    hidden: int = 32
    """Units of each direction of each BLSTM, and of the MLP's hidden layer."""
    dropout: float = 0.0
    """Of the MLP's input, in training."""


@dataclass(frozen=True)
class PhoneBatch:
    """Utterances padded: phones within words, words within utterances.

    With W words and U utterances: `gop` W x L x inputs, `phones` W x L, `word_lengths` W (phones);
    `words` U x M (indices into W), `utterance_lengths` U (words).
    """

    gop: Tensor
    phones: Tensor
    word_lengths: Tensor
    words: Tensor
    utterance_lengths: Tensor


class PhoneBatches:
    """Makes batches of any utterances of a PooledSet, normalised as they are taken."""

    def __init__(self, pooled: PooledSet, mean: np.ndarray, deviation: np.ndarray) -> None:
        self._features, self._normal = pooled.features, (mean, deviation)
        self.phones = torch.from_numpy(pooled.phones)
        first = np.flatnonzero(pooled.phone_index == 0)
        self._word_start = first
        self._word_length = np.diff([*first, len(pooled.phones)])
        self._words = pooled.word_counts
        self._first_word = np.cumsum(pooled.word_counts) - pooled.word_counts

    def take(self, utterances: np.ndarray) -> PhoneBatch:
        """The batch of the utterances at these indices."""
        counts = self._words[utterances]
        places = [
            np.arange(self._first_word[u], self._first_word[u] + n)
            for u, n in zip(utterances, counts, strict=True)
        ]
        words = np.concatenate(places)
        lengths = self._word_length[words]
        within = np.arange(lengths.max())
        rows = self._word_start[words][:, None] + np.minimum(within, lengths[:, None] - 1)
        index = torch.from_numpy(rows)
        mean, deviation = self._normal
        ends = np.cumsum(counts)
        among = np.minimum(np.arange(counts.max()), counts[:, None] - 1)
        return PhoneBatch(
            torch.from_numpy((self._features[rows] - mean) / deviation),
            self.phones[index],
            torch.from_numpy(lengths),
            torch.from_numpy((ends - counts)[:, None] + among),
            torch.from_numpy(counts),
        )


def last_hidden(lstm: nn.LSTM, items: Tensor, lengths: Tensor) -> Tensor:
    """Last hidden units of both directions: B x L x D and lengths B -> B x 2 hidden."""
    packed = pack_padded_sequence(items, lengths, batch_first=True, enforce_sorted=False)
    _, (hidden, _) = lstm(packed)
    return torch.cat([hidden[0], hidden[1]], dim=1)


class BlstmScorer(nn.Module):
    """Phone GOP and phone embedding of an utterance -> its score in 0..1.

    The baseline "GOP (2BLSTM + MLP)" of Lin & Wang, Interspeech 2021: the first BLSTM
    reads GOP and embedding of the phones of a word, its last hidden units in both directions stand
    for the word and feed the second BLSTM, whose last hidden units feed an MLP with a sigmoid.
    """

    def __init__(self, config: BlstmConfig) -> None:
        super().__init__()
        h = config.hidden
        self.embedding = nn.Embedding(len(PHONE_NAMES), config.embedding)
        self.word = nn.LSTM(
            config.inputs + config.embedding, h, batch_first=True, bidirectional=True
        )
        self.utterance = nn.LSTM(2 * h, h, batch_first=True, bidirectional=True)
        self.mlp = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(2 * h, h), nn.ReLU(), nn.Linear(h, 1)
        )

    def forward(self, batch: PhoneBatch) -> Tensor:
        """Scores in 0..1, one an utterance."""
        phones = torch.cat([batch.gop, self.embedding(batch.phones)], dim=2)
        words = last_hidden(self.word, phones, batch.word_lengths)
        utterances = last_hidden(self.utterance, words[batch.words], batch.utterance_lengths)
        return torch.sigmoid(self.mlp(utterances)).squeeze(1)


@dataclass(frozen=True)
class Training:
    """How the network is trained."""

    epochs: int
    patience: int
    batch_size: int
    learning_rate: float
    weight_decay: float


@dataclass(frozen=True)
class FittedBlstm:
    """A trained network."""

    config: BlstmConfig
    state: dict[str, Tensor]
    epoch: int
    """The epoch that was best on the held-out speakers."""

    def predict(self, pooled: PooledSet, normal: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
        """Scores 0..1 of every utterance; `normal` is the mean and deviation of the columns."""
        network = BlstmScorer(self.config)
        network.load_state_dict(self.state)
        return _predict(network, PhoneBatches(pooled, *normal), np.arange(len(pooled.keys)))


def _predict(network: BlstmScorer, batches: PhoneBatches, utterances: np.ndarray) -> np.ndarray:
    network.eval()
    with torch.no_grad():
        some = pieces(len(utterances), 256)
        return np.concatenate([network(batches.take(utterances[p])).numpy() for p in some])


def fit_blstm(
    pooled: PooledSet,
    normal: tuple[np.ndarray, np.ndarray],
    targets: np.ndarray,
    valid: np.ndarray,
    config: BlstmConfig,
    training: Training,
    seed: list[int],
) -> FittedBlstm:
    """Train on the utterances outside the mask `valid`, keep the best epoch on `valid`.

    `targets` are scores in 0..1; loss: mean squared error; AdamW with a cosine schedule.
    """
    shuffle = np.random.default_rng(seed)
    torch.manual_seed(int(shuffle.integers(2**31)))
    network, batches = BlstmScorer(config), PhoneBatches(pooled, *normal)
    train, held_out = np.flatnonzero(~valid), np.flatnonzero(valid)
    count = -(-len(train) // training.batch_size)
    optimiser = torch.optim.AdamW(
        network.parameters(),
        lr=training.learning_rate,
        weight_decay=training.weight_decay,
        fused=True,
    )
    wanted = torch.from_numpy(targets.astype(np.float32))

    def loss(chosen: np.ndarray) -> Tensor:
        return nn.functional.mse_loss(network(batches.take(chosen)), wanted[chosen])

    steps = cosine(optimiser, training.epochs * count, clip=1.0)
    best = Best([network], training.patience)
    for epoch in fit(network, steps, training.epochs, shuffled(shuffle, train, count), loss):
        error = (_predict(network, batches, held_out) - targets[held_out]) ** 2
        if best.stop(epoch.number, float(np.mean(error))):
            break
    return FittedBlstm(config, best.states[0], best.epoch)
