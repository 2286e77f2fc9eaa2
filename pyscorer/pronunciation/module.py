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
"""Entries of the phone embedding: SPN and the 39 ARPAbet phones, phones.PHONES[2:]."""


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
    """Probability of dropping an input column of an utterance, in training."""
    kept_inputs: int = 0
    """Last columns, the extra inputs, that are never dropped: each of them matters."""
    nonlinear_input: bool = False
    """A ReLU after the first transformation, as printed: "non-linear transformation"."""
    residual: bool = True
    """Each self-attention is added to its input; the paper prints no such connection."""


@dataclass(frozen=True)
class Batch:
    """Several utterances, flat: N phones, W words, U utterances, each in order.

    The attention masks are kept sparse, as the pairs that they let through: pairs cost a tenth of
    padding every word to the longest.
    """

    features: Tensor
    """N x inputs; with `frame_phone`, those of R frames: R x inputs."""
    phones: Tensor
    """N ids from 0 to EMBEDDED_PHONES - 1."""
    word_of_phone: Tensor
    """N, ascending."""
    phone_pairs: Tensor
    """2 x P: every phone with every phone of its word, itself included."""
    utterance_of_word: Tensor
    """W, ascending."""
    word_pairs: Tensor
    """2 x Q: every word with every word of its utterance."""
    frame_phone: Tensor | None = None
    """R: the phone that each frame is of. None: features are means over phones."""
    frame_weight: Tensor | None = None
    """R: the share of its phone that each frame covers; they sum to 1 over a phone."""


class SelfAttention(nn.Module):
    """Multi-head self-attention with biases, among the items that `pairs` lets see each other."""

    def __init__(self, dimension: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.project = nn.Linear(dimension, 3 * dimension)
        self.output = nn.Linear(dimension, dimension)
        nn.init.xavier_uniform_(self.project.weight, gain=1 / math.sqrt(2))
        nn.init.zeros_(self.project.bias)

    def forward(self, items: Tensor, pairs: Tensor) -> Tensor:
        """`items` N x dimension, `pairs` 2 x P (who looks, at whom) -> N x dimension."""
        number, dimension = items.shape
        size = dimension // self.heads
        query, key, value = self.project(items).view(number, 3, self.heads, size).unbind(1)
        looking, seen = pairs
        energy = (query[looking] * key[seen]).sum(2) / math.sqrt(size)
        # softmax over the items seen
        rows = looking.unsqueeze(1).expand(-1, self.heads)
        top = energy.new_full((number, self.heads), -torch.inf)
        top = top.scatter_reduce(0, rows, energy.detach(), "amax")
        weight = (energy - top[looking]).exp()
        total = weight.new_zeros(number, self.heads).index_add(0, looking, weight)
        mixed = value.new_zeros(number, self.heads, size)
        mixed = mixed.index_add(0, looking, weight.unsqueeze(2) * value[seen])
        return self.output((mixed / total.unsqueeze(2)).reshape(number, dimension))


def group_mean(items: Tensor, group: Tensor) -> Tensor:
    """Mean of the `items` (N x D) of each group: groups x D. `group` is ascending from 0."""
    sizes = torch.bincount(group)
    total = items.new_zeros(len(sizes), items.shape[1]).index_add(0, group, items)
    return total / sizes.unsqueeze(1)


class ScoringModule(nn.Module):
    """Pooled phone features of an utterance, or its frames -> its score in 0..1.

    Linear to 32 (and ReLU, with `nonlinear_input`) and LayerNorm; of frames, the mean over each
    phone; plus a phone embedding; self-attention among the phones of a word and LayerNorm; mean,
    Linear and ReLU; self-attention among the words; mean, Linear and ReLU; LayerNorm; Linear to 1
    and sigmoid. With `residual` each self-attention is added to its input. With 256 inputs it has
    20,289 parameters, whatever the switches; each extra input adds 32.
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
        phones = self._phones(batch) + self.phone_embedding(batch.phones)
        if self.config.attention:
            phones = self._attend(self.phone_attention, phones, batch.phone_pairs)
        words = group_mean(self.phone_norm(phones), batch.word_of_phone)
        words = functional.relu(self.word(words))
        if self.config.attention:
            words = self._attend(self.word_attention, words, batch.word_pairs)
        utterances = functional.relu(self.utterance(group_mean(words, batch.utterance_of_word)))
        return torch.sigmoid(self.score(self.utterance_norm(utterances))).squeeze(1)

    def _phones(self, batch: Batch) -> Tensor:
        """Acoustic representation of each phone: N x dimension."""
        features = batch.features
        if self.training and self.config.dropout:
            number = int(batch.utterance_of_word[-1]) + 1
            kept = features.new_ones(number, features.shape[1])
            dropped = features.shape[1] - self.config.kept_inputs
            kept[:, :dropped] = functional.dropout(kept[:, :dropped], self.config.dropout)
            utterance = batch.utterance_of_word[batch.word_of_phone]
            if batch.frame_phone is not None:
                utterance = utterance[batch.frame_phone]
            features = features * kept[utterance]
        items = self.input(features)
        if self.config.nonlinear_input:
            items = functional.relu(items)
        items = self.input_norm(items)
        if batch.frame_phone is None or batch.frame_weight is None:
            return items
        phones = items.new_zeros(len(batch.phones), items.shape[1])
        return phones.index_add(0, batch.frame_phone, batch.frame_weight[:, None] * items)

    def _attend(self, attention: SelfAttention, items: Tensor, pairs: Tensor) -> Tensor:
        seen: Tensor = attention(items, pairs)
        return items + seen if self.config.residual else seen


def count_parameters(module: nn.Module) -> int:
    """Number of trained parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
