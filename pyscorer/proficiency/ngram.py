"""Back-off n-gram language models and the five features that the FBK system takes from each.

Gretter et al. 2019 ("Automatic assessment of spoken language proficiency of non-native children")
and Papi et al. 2020, section 2.1. Absolute discounting with back-off (Ney, Essen & Kneser 1994).
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
FEATURES = ("logprob", "logprob_per_word", "logprob_per_known_word", "oov", "backoffs")
"""What `features` returns, in order; logarithms are natural."""


@dataclass(frozen=True)
class NgramModel:
    """Discounted log-probabilities by n-gram and log back-off weights by history."""

    order: int
    log_probability: dict[tuple[str, ...], float]
    log_backoff: dict[tuple[str, ...], float]
    vocabulary: frozenset[str]


def train_ngram(
    sentences: Iterable[Sequence[str]], order: int, discount: float = 0.5
) -> NgramModel:
    """Estimate a model of `order` on tokenised sentences; start and end marks are added.

    The unknown word is a vocabulary word of its own that gets the mass discounted from unigrams.
    Without sentences every word is unknown. Raises ValueError if order < 1 or discount is not in
    (0, 1).
    """
    if order < 1 or not 0 < discount < 1:
        raise ValueError("order must be at least 1 and the discount between 0 and 1")
    counts: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(order)]
    for sentence, number in Counter(tuple(s) for s in sentences).items():
        marked = (START, *sentence, END)
        for end in range(1, len(marked)):
            for n in range(min(order, end + 1)):
                counts[n][marked[end - n : end + 1]] += number
    vocabulary = frozenset(w for (w,) in counts[0]) | {END}
    log_probability: dict[tuple[str, ...], float] = {}
    log_backoff: dict[tuple[str, ...], float] = {}
    total = sum(counts[0].values())
    for (word,), count in counts[0].items():
        log_probability[(word,)] = math.log((count - discount) / total)
    log_probability[(UNKNOWN,)] = math.log(discount * len(counts[0]) / total) if total else 0.0
    log_probability.setdefault((END,), log_probability[(UNKNOWN,)])
    for n in range(1, order):
        followers: dict[tuple[str, ...], list[tuple[str, int]]] = defaultdict(list)
        for ngram, count in counts[n].items():
            followers[ngram[:-1]].append((ngram[-1], count))
        for history, words in followers.items():
            total = sum(count for _, count in words)
            lower = sum(
                math.exp(_log_probability(log_probability, log_backoff, history[1:], w)[0])
                for w, _ in words
            )
            for word, count in words:
                log_probability[(*history, word)] = math.log((count - discount) / total)
            left = discount * len(words) / total
            # The lower order's mass of the unseen words; it is 0 only by rounding.
            log_backoff[history] = math.log(left / max(1.0 - lower, 1e-9))
    return NgramModel(order, log_probability, log_backoff, vocabulary)


def _log_probability(
    log_probability: dict[tuple[str, ...], float],
    log_backoff: dict[tuple[str, ...], float],
    history: tuple[str, ...],
    word: str,
) -> tuple[float, int]:
    weight, steps = 0.0, 0
    while (*history, word) not in log_probability:
        weight += log_backoff.get(history, 0.0)
        history, steps = history[1:], steps + 1
    return weight + log_probability[(*history, word)], steps


def word_score(model: NgramModel, history: Sequence[str], word: str) -> tuple[float, int]:
    """(log p(word | history), number of back-off steps); unknown words score as `<unk>`."""
    known = model.vocabulary
    word = word if word in known else UNKNOWN
    words = [w if w in known or w == START else UNKNOWN for w in history]
    used = tuple(words[-(model.order - 1) :]) if model.order > 1 else ()
    return _log_probability(model.log_probability, model.log_backoff, used, word)


def features(model: NgramModel, sentence: Sequence[str]) -> list[float]:
    """The five `FEATURES` of one sentence; the end mark counts as a word of every sentence."""
    marked = [START, *sentence, END]
    total = known_total = 0.0
    unknown = steps = 0
    for i in range(1, len(marked)):
        log_probability, backed = word_score(
            model, marked[max(0, i - model.order + 1) : i], marked[i]
        )
        total += log_probability
        steps += backed
        if marked[i] in model.vocabulary:
            known_total += log_probability
        else:
            unknown += 1
    words = len(sentence) + 1
    return [total, total / words, known_total / (words - unknown), float(unknown), float(steps)]
