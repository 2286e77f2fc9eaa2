"""The grader: one hierarchical network for the scores of phones, words and utterances."""

import math
import warnings
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import nn

from pyscorer.contract.pooled import PHONE_NAMES
from pyscorer.contract.scales import SPEECHOCEAN

_PLACES = 4
"""Beginning, middle, end of a word, the only phone of it."""
_MOMENTS = 3
"""Mean, standard deviation and least of predicted scores."""
PREDICTED = 2
"""Targets of an utterance whose mean is its score: the published score and the experts' mean."""
_POSITION = 0.3
"""Height of the sinusoids of position."""


@dataclass(frozen=True)
class GraderConfig:
    """Sizes of a grader."""

    spans: tuple[tuple[str, int], ...]
    """(source, number of columns) of the phones' inputs."""
    words: int
    """Inputs of a word."""
    utterances: int
    """Inputs of an utterance."""
    width: int = 64
    heads: int = 4
    layers: int = 2
    dropout: float = 0.1
    column_dropout: float = 0.1
    """Of the inputs' columns, by utterance."""
    source_dropout: float = 0.1
    """Of whole sources, by utterance."""
    word_aspects: int = len(SPEECHOCEAN.word)
    """Scores of a word."""
    utterance_aspects: int = len(SPEECHOCEAN.utterance)
    """Scores of an utterance."""
    auxiliary: int = 0
    """Targets of each of them beside PREDICTED, learned and never told."""


class Batch(NamedTuple):
    """Utterances side by side: flat phones and words, and where they are when padded."""

    features: torch.Tensor
    """Phones x inputs, normalised."""
    phones: torch.Tensor
    places: torch.Tensor
    words: torch.Tensor
    """Words x inputs."""
    utterances: torch.Tensor
    """Utterances x inputs."""
    word_of_phone: torch.Tensor
    utterance_of_phone: torch.Tensor
    utterance_of_word: torch.Tensor
    phone_slot: torch.Tensor
    """Index of the phone in its utterance."""
    word_slot: torch.Tensor


class Grades(NamedTuple):
    """Scores, standardised."""

    phones: torch.Tensor
    """Phones."""
    words: torch.Tensor
    """Words x aspects."""
    utterances: torch.Tensor
    """Utterances x targets x aspects: the published scores, the experts' means, auxiliary ones."""


def _waves(length: int, width: int) -> torch.Tensor:
    """Sinusoids of position: length x width. Vaswani et al. 2017, section 3.5."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angle = torch.arange(length)[:, None] * rate
    return torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1)


def shared_dropout(
    x: torch.Tensor, owner: torch.Tensor, size: int, share: float, training: bool
) -> torch.Tensor:
    """Drop columns of `x`, the same ones in all items of an owner."""
    if not training or share == 0:
        return x
    mask = (torch.rand(size, x.shape[1]) >= share).to(x) / (1 - share)
    return x * mask[owner]


class Layer(nn.Module):
    """Self-attention over the items of each utterance, then a feed-forward network, both added.

    Vaswani et al. 2017, normalised first. Items are flat; only attention sees them padded.
    """

    def __init__(self, config: GraderConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.dropout = config.heads, config.dropout
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(
        self, x: torch.Tensor, owner: torch.Tensor, slot: torch.Tensor, present: torch.Tensor
    ) -> torch.Tensor:
        """`x` is items x width; `owner` and `slot` their places in `present`: owners x longest."""
        size = len(present)
        flat = self.queries_keys_values(self.attention_norm(x))
        padded = flat.new_zeros(*present.shape, flat.shape[1])
        padded = padded.index_put((owner, slot), flat)
        parts = padded.unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        queries, keys, values = parts.unbind(0)
        seen = nn.functional.scaled_dot_product_attention(
            queries, keys, values, attn_mask=present[:, None, None, :]
        )
        seen = seen.transpose(1, 2).flatten(2)[owner, slot]
        x = x + shared_dropout(self.out(seen), owner, size, self.dropout, self.training)
        y = nn.functional.gelu(self.up(self.norm(x)), approximate="tanh")
        return x + shared_dropout(self.down(y), owner, size, self.dropout, self.training)


class Context(nn.Module):
    """Layers of self-attention over the items of each utterance, positions added."""

    def __init__(self, config: GraderConfig, layers: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(layers))

    def forward(self, x: torch.Tensor, owner: torch.Tensor, slot: torch.Tensor) -> torch.Tensor:
        """`x` is items x width; `owner` the utterance and `slot` the place in it of each."""
        rows, columns = int(owner.max()) + 1, int(slot.max()) + 1
        present = torch.zeros(rows, columns, dtype=torch.bool)
        present[owner, slot] = True
        x = x + _POSITION * _waves(columns, x.shape[1])[slot]
        for layer in self.layers:
            x = layer(x, owner, slot, present)
        return x


def _mean(x: torch.Tensor, owner: torch.Tensor, size: int) -> torch.Tensor:
    """Mean of the rows of `x` over each owner: size x columns."""
    sums = x.new_zeros(size, x.shape[1]).index_add(0, owner, x)
    counts = x.new_zeros(size).index_add(0, owner, x.new_ones(len(x)))
    return sums / counts[:, None].clamp(min=1)


def _moments(x: torch.Tensor, owner: torch.Tensor, size: int) -> torch.Tensor:
    """Mean, standard deviation and least of the rows of `x` over each owner: size x 3 columns."""
    mean = _mean(x, owner, size)
    deviation = (_mean((x - mean[owner]) ** 2, owner, size) + 1e-4).sqrt()
    index = owner[:, None].expand_as(x)
    least = x.new_zeros(size, x.shape[1]).scatter_reduce(0, index, x, "amin", include_self=False)
    return torch.cat([mean, deviation, least], dim=1)


class Pooling(nn.Module):
    """Attention pooling: each head weighs the items of an owner."""

    def __init__(self, config: GraderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.weight = nn.Linear(config.width, config.heads)

    def forward(self, x: torch.Tensor, owner: torch.Tensor, size: int) -> torch.Tensor:
        """Items x width -> size x width."""
        weight = self.weight(x).clamp(-10, 10).exp()
        total = weight.new_zeros(size, self.heads).index_add(0, owner, weight)
        share = (weight / total[owner]).repeat_interleave(x.shape[1] // self.heads, dim=1)
        return x.new_zeros(size, x.shape[1]).index_add(0, owner, share * x)


def _head(inputs: int, config: GraderConfig, outputs: int) -> nn.Sequential:
    with warnings.catch_warnings():  # of a level that is not scored: no outputs
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        return nn.Sequential(
            nn.LayerNorm(inputs),
            nn.Dropout(config.dropout),
            nn.Linear(inputs, config.width),
            nn.GELU(),
            nn.Dropout(config.dropout),
            nn.Linear(config.width, outputs),
        )


class Grader(nn.Module):
    """Sources of each phone -> phones in context -> words in context -> utterance.

    Every source has a linear projection of its own; their sum, with embeddings of the phone and of
    its place in the word, and a projection of its word's inputs, is what self-attention over the
    utterance's phones reads. A word is the mean of its phones with its own inputs, and
    self-attention over words; an utterance is phones and words pooled by attention, moments of the
    scores predicted for them, and the utterance's own inputs.
    """

    def __init__(self, config: GraderConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.sources = nn.ModuleList(nn.Linear(columns, width) for _, columns in config.spans)
        self.phone = nn.Embedding(len(PHONE_NAMES), width)
        self.place = nn.Embedding(_PLACES, width)
        self.word_context = nn.Linear(config.words, width)
        self.phones_in_context = Context(config, config.layers)
        self.phone_head = _head(width, config, 1)
        self.word_input = nn.Linear(width + _MOMENTS + config.words, width)
        self.words_in_context = Context(config, 1)
        self.word_head = _head(width, config, config.word_aspects)
        self.phone_pooling, self.word_pooling = Pooling(config), Pooling(config)
        self.utterance_input = nn.Sequential(
            nn.Linear(max(config.utterances, 1), width), nn.GELU(), nn.Dropout(config.dropout)
        )
        moments = _MOMENTS * (1 + config.word_aspects)
        self.targets = PREDICTED + config.auxiliary
        outputs = self.targets * config.utterance_aspects
        self.utterance_head = _head(3 * width + moments, config, outputs)

    def forward(self, batch: Batch) -> Grades:
        """The standardised scores of a batch."""
        utterances, words = len(batch.utterances), len(batch.utterance_of_word)
        x = self.phone(batch.phones) + self.place(batch.places)
        widths = [columns for _, columns in self.config.spans]
        for project, part in zip(self.sources, batch.features.split(widths, dim=1), strict=True):
            x = x + self._dropped(project, part, batch.utterance_of_phone, utterances)
        word_inputs = self._columns_dropped(batch.words)
        x = x + self.word_context(word_inputs)[batch.word_of_phone]
        x = self.phones_in_context(x, batch.utterance_of_phone, batch.phone_slot)
        phone_scores = self.phone_head(x)
        below = _moments(phone_scores, batch.word_of_phone, words)
        w = _mean(x, batch.word_of_phone, words)
        w = w + self.word_input(torch.cat([w, below, word_inputs], dim=1))
        w = self.words_in_context(w, batch.utterance_of_word, batch.word_slot)
        word_scores = self.word_head(w)
        own = self._columns_dropped(batch.utterances)
        if self.config.utterances == 0:
            own = own.new_zeros(utterances, 1)
        u = torch.cat(
            [
                self.phone_pooling(x, batch.utterance_of_phone, utterances),
                self.word_pooling(w, batch.utterance_of_word, utterances),
                self.utterance_input(own),
                _moments(phone_scores, batch.utterance_of_phone, utterances),
                _moments(word_scores, batch.utterance_of_word, utterances),
            ],
            dim=1,
        )
        shape = (self.targets, self.config.utterance_aspects)
        utterance_scores = self.utterance_head(u).unflatten(1, shape)
        return Grades(phone_scores.squeeze(1), word_scores, utterance_scores)

    def _columns_dropped(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(x, self.config.column_dropout, self.training)

    def _dropped(
        self, project: nn.Module, part: torch.Tensor, owner: torch.Tensor, size: int
    ) -> torch.Tensor:
        """A source's projection; in training, columns or all of it are dropped by utterance."""
        part = shared_dropout(part, owner, size, self.config.column_dropout, self.training)
        out: torch.Tensor = project(part)
        if self.training:
            out = out * (torch.rand(size, 1) >= self.config.source_dropout).to(out)[owner]
        return out
