"""How well a recording fits its text, against other texts and against no text at all.

All is judged by the chain output of the TDNN-F, phone by phone: the likeliest path through the
phones of a text, with or without silence between its words, has the mean log-likelihood of its
frames. How high that is depends on speaker, room and model; so it is held against those of random
words of the lexicon (as many phones) on the same recording, and of the best phone of every frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import torch

from pyscorer.chain.acoustic_model import AcousticModel
from pyscorer.contract.phones import PHONE_ID, PHONES, SILENCE
from pyscorer.contract.segments import PhoneSegment
from pyscorer.lexicon.dictionary import Lexicon

_OTHERS = 30
_SILENCE = PHONE_ID[SILENCE] - 1
_NEVER = -1e9

_MARGIN = 3.0
"""Log-likelihood, of all frames, by which a text must fit better without its last words: more than
any of 150 recordings of new speakers, on which it was chosen, does under its own text."""

Words = list[list[int]]
"""A text: of each word its phones, ids less 1."""


@dataclass(frozen=True)
class Fit:
    """How well a recording fits its text; log-likelihoods are natural, and means over frames."""

    above_others: float
    """Of the text, less the mean of random words: about 0 for a recording of another text."""
    below_free: float
    """Of the text, less that of the best phone of each frame: low where much else is said."""
    first: int
    """Words at the beginning without which the recording fits better: they were not read."""
    last: int
    """Words at the end without which it does."""


def phone_scores(model: AcousticModel, embeddings: np.ndarray) -> np.ndarray:
    """Chain output of each phone, its best pdf's: T' x 256 deep features -> T' x 41.

    Of a network without a chain output: its log-posteriors.
    """
    network = model.network
    judged = network.chain if network.config.chain_output else network.log_posteriors
    with torch.inference_mode():
        pdfs = judged(torch.from_numpy(np.array(embeddings))[None])[0].numpy()
    scores = np.full((len(pdfs), len(PHONES) - 1), pdfs.min(), dtype=np.float64)
    for phone in np.unique(model.pdf_to_phone):
        scores[:, phone - 1] = pdfs[:, model.pdf_to_phone == phone].max(axis=1)
    return scores


def words_of(segments: Sequence[PhoneSegment]) -> Words:
    """The words that aligned phones are of."""
    words: Words = [[] for _ in range(segments[-1].word_index + 1)]
    for segment in segments:
        words[segment.word_index].append(PHONE_ID[segment.phone] - 1)
    return words


def fit(scores: np.ndarray, words: Words, lexicon: Lexicon) -> Fit:
    """The Fit of a recording by its `phone_scores`."""
    count = sum(map(len, words))
    others = [_labels(text) for text in random_texts(lexicon, count, _OTHERS)]
    own, *rest = [float(ends[-2:].max()) for ends in _paths(scores, [_labels(words), *others])]
    frames = len(scores)
    # A longer text may not go into so few frames; if none does, this one hardly went either.
    rest = [other for other in rest if other > _NEVER / 2] or [own]
    return Fit(
        round((own - float(np.mean(rest))) / frames, 3),
        round((own - float(scores.max(axis=1).sum())) / frames, 3),
        _superfluous(scores[::-1], [word[::-1] for word in words[::-1]]),
        _superfluous(scores, words),
    )


def random_texts(lexicon: Lexicon, phones: int, count: int) -> list[Words]:
    """`count` texts of random words, each of about so many phones; always the same."""
    draw = np.random.default_rng(0)
    entries = [[PHONE_ID[p] - 1 for p in lexicon[word][0]] for word in sorted(lexicon)]
    texts: list[Words] = []
    for _ in range(count):
        text: Words = []
        while sum(map(len, text)) < phones:
            text.append(entries[draw.integers(len(entries))])
        texts.append(text)
    return texts


def _labels(words: Words) -> list[int]:
    """The phones of the words, silence before, between and after them."""
    return [_SILENCE, *(label for word in words for label in (*word, _SILENCE))]


def _paths(scores: np.ndarray, texts: Sequence[Sequence[int]]) -> list[np.ndarray]:
    """Log-likelihood of the best path that ends at each label of each text; silence is optional."""
    most = max(map(len, texts))
    labels = np.array([[*text, *[_SILENCE] * (most - len(text))] for text in texts])
    skipped = np.where(labels == _SILENCE, 0.0, _NEVER)[:, 1:-1]
    best = np.full(labels.shape, _NEVER)
    best[:, :2] = scores[0, labels[:, :2]]
    for frame in scores[1:]:
        entered = best.copy()
        np.maximum(entered[:, 1:], best[:, :-1], out=entered[:, 1:])
        np.maximum(entered[:, 2:], best[:, :-2] + skipped, out=entered[:, 2:])
        best = entered + frame[labels]
    return [row[: len(text)] for row, text in zip(best, texts, strict=True)]


def _superfluous(scores: np.ndarray, words: Words) -> int:
    """How many words at the end are better left out; one is kept."""
    (ends,) = _paths(scores, [_labels(words)])
    after = np.array(list(accumulate(len(word) for word in words)))
    # The label of the silence after each word, and the phone before it.
    places = after + np.arange(1, len(words) + 1)
    by_word = np.maximum(ends[places], ends[places - 1])
    best = int(by_word.argmax())
    return len(words) - 1 - best if by_word[best] - by_word[-1] > _MARGIN else 0
