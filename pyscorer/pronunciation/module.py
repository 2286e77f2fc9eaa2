"""The scoring module: phones attend within words, words within the utterance, out comes a score.

Lin & Wang, "Deep Feature Transfer Learning for Automatic Pronunciation Assessment", Interspeech
2021, section 2.2 and Table 1.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

EMBEDDED_PHONES = 40
"""Entries of the phone embedding: SPN and the 39 ARPAbet phones, datadir.PHONES[2:]."""


@dataclass(frozen=True)
class ModuleConfig:
    """Shape of the scoring module."""

    inputs: int = 256
    """Columns of a phone's input: deep features, then any extra inputs."""
    dimension: int = 32
    heads: int = 4
    attention: bool = True
    """False: phones and words are averaged without attending to each other (an ablation)."""
    dropout: float = 0.0
    """Probability of dropping an input column of a phone, in training."""


@dataclass(frozen=True)
class Batch:
    """Several utterances, flat over phones.

    With N phones, W words and U utterances in the batch: `features` N x inputs; `phones` N ids from
    0 to EMBEDDED_PHONES - 1; `word_of_phone` N and `place_in_word` N; `utterance_of_word` W and
    `place_in_utterance` W.
    """

    features: Tensor
    phones: Tensor
    word_of_phone: Tensor
    place_in_word: Tensor
    utterance_of_word: Tensor
    place_in_utterance: Tensor


class SelfAttention(nn.Module):
    """Multi-head self-attention with biases among the items of each padded sequence."""

    def __init__(self, dimension: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(dimension, 3 * dimension)
        self.output = nn.Linear(dimension, dimension)
        nn.init.xavier_uniform_(self.project.weight, gain=1 / math.sqrt(2))
        nn.init.zeros_(self.project.bias)

    def forward(self, items: Tensor, present: Tensor) -> Tensor:
        """`items` B x L x dimension, `present` B x L (False: padding) -> B x L x dimension."""
        batch, length, dimension = items.shape
        heads = self.project(items).view(batch, length, 3, self.heads, dimension // self.heads)
        query, key, value = heads.permute(2, 0, 3, 1, 4)
        # For short sequences on a CPU this is faster than PyTorch's fused attention.
        energy = query @ key.transpose(2, 3) / math.sqrt(dimension // self.heads)
        weights = energy.masked_fill(~present[:, None, None, :], -torch.inf).softmax(3)
        mixed = weights @ value
        return self.output(mixed.transpose(1, 2).reshape(batch, length, dimension))


def pad(items: Tensor, sequence: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
    """Put flat `items` (N x D) at [sequence, place]: padded B x L x D and present B x L."""
    shape = (int(sequence.max()) + 1, int(place.max()) + 1)
    padded = items.new_zeros(*shape, items.shape[1]).index_put((sequence, place), items)
    present = torch.zeros(shape, dtype=torch.bool, device=items.device)
    present[sequence, place] = True
    return padded, present


def masked_mean(items: Tensor, present: Tensor) -> Tensor:
    """Mean over the present items of each sequence: B x L x D -> B x D."""
    weights = present.to(items.dtype)
    return torch.einsum("bld,bl->bd", items, weights) / weights.sum(1, keepdim=True)


class ScoringModule(nn.Module):
    """Pooled phone features of an utterance -> its score in 0..1.

    Linear to 32 and LayerNorm; plus a phone embedding; self-attention among the phones of a word
    and LayerNorm; mean, Linear and ReLU; self-attention among the words; mean, Linear and ReLU;
    LayerNorm; Linear to 1 and sigmoid. Each self-attention is added to its input. With 256 inputs
    it has 20,289 parameters; each extra input adds 32.
    """

    def __init__(self, config: ModuleConfig) -> None:
        super().__init__()
        self.config = config
        d = config.dimension
        self.input = nn.Linear(config.inputs, d)
        self.input_norm = nn.LayerNorm(d)
        self.phone_embedding = nn.Embedding(EMBEDDED_PHONES, d)
        if config.attention:
            self.phone_attention = SelfAttention(d, config.heads)
            self.word_attention = SelfAttention(d, config.heads)
        self.phone_norm = nn.LayerNorm(d)
        self.word = nn.Linear(d, d)
        self.utterance = nn.Linear(d, d)
        self.utterance_norm = nn.LayerNorm(d)
        self.score = nn.Linear(d, 1)

    def forward(self, batch: Batch) -> Tensor:
        """Scores in 0..1, one an utterance."""
        features = functional.dropout(batch.features, self.config.dropout, self.training)
        phones = self.input_norm(self.input(features)) + self.phone_embedding(batch.phones)
        padded, present = pad(phones, batch.word_of_phone, batch.place_in_word)
        if self.config.attention:
            padded = padded + self.phone_attention(padded, present)
        words = functional.relu(self.word(masked_mean(self.phone_norm(padded), present)))
        padded, present = pad(words, batch.utterance_of_word, batch.place_in_utterance)
        if self.config.attention:
            padded = padded + self.word_attention(padded, present)
        utterances = functional.relu(self.utterance(masked_mean(padded, present)))
        return torch.sigmoid(self.score(self.utterance_norm(utterances))).squeeze(1)


def count_parameters(module: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
