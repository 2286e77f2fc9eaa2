"""Boosted trees that score phones, words and utterances, beside the network: they err elsewhere."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from pyscorer.contract.labels import Labels, word_starts
from pyscorer.contract.large import filled, taken
from pyscorer.contract.pooled import Selection
from pyscorer.evaluation.metrics import pearson
from pyscorer.grading.grader_inputs import STATES, GraderInputs, place_in_word
from pyscorer.scoring.trees import Trees, boost

_SELDOM = 0.95
"""Share of equal scores from which on the others are detected."""
_OF_UTTERANCES: dict[str, Any] = {"max_iter": 120, "max_leaf_nodes": 8, "min_samples_leaf": 40}
"""There are fewer of them than of words."""
_SHARES = np.linspace(0, 1, 21)
Shares = tuple[tuple[float, ...], tuple[float, ...], tuple[float, ...]]
"""Of the trees in the mean with the network: of the aspects of utterances, of words, of phones."""
NETWORK_ALONE: Shares = ((), (), ())


class TreeInputs(NamedTuple):
    """Rows x inputs of each level."""

    phones: np.ndarray
    """All but deep features, the inputs of the phone's word, the phone, its place in the word."""
    words: np.ndarray
    utterances: np.ndarray
    utterance_of_word: np.ndarray

    def take(self, chosen: Selection, utterances: np.ndarray) -> "TreeInputs":
        """Those of some utterances."""
        return TreeInputs(
            taken(self.phones, chosen.phones),
            taken(self.words, chosen.words),
            self.utterances[utterances],
            chosen.utterance_of_word,
        )

    @property
    def words_in_utterances(self) -> np.ndarray:
        """Of each word also the inputs of its utterance."""

        def of(rows: slice) -> np.ndarray:
            utterances = self.utterances[self.utterance_of_word[rows]]
            return np.concatenate([self.words[rows], utterances], axis=1)

        shape = (len(self.words), self.words.shape[1] + self.utterances.shape[1])
        return filled(shape, self.words.dtype, of)


def tree_inputs(inputs: GraderInputs) -> TreeInputs:
    """What trees read."""
    pooled = inputs.pooled
    of_word = np.diff(np.append(word_starts(pooled), len(pooled.phones)))
    word = np.repeat(np.arange(len(of_word)), of_word)
    places = np.column_stack([pooled.phones, place_in_word(pooled)])
    kept = np.repeat(
        [not name.endswith(STATES) for name, _ in inputs.spans], [w for _, w in inputs.spans]
    )

    def phones(rows: slice) -> np.ndarray:
        blocks = [inputs.phones(rows)[:, kept], inputs.words[word[rows]], places[rows]]
        return np.nan_to_num(np.concatenate(blocks, axis=1, dtype=np.float32))

    shape = (len(word), int(kept.sum()) + inputs.words.shape[1] + places.shape[1])
    return TreeInputs(
        filled(shape, np.dtype(np.float32), phones),
        np.nan_to_num(inputs.words),
        np.nan_to_num(inputs.utterances),
        np.repeat(np.arange(len(pooled.keys)), pooled.word_counts),
    )


@dataclass(frozen=True)
class AspectTrees:
    """Boosted trees of one aspect.

    Where nearly all scores are the highest one, `usual`, they tell how probable it is that a score
    is below, and the score is the expected one: lower ones are `low` on average.
    """

    trees: Trees
    usual: float | None = None
    low: float = 0.0

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Scores of rows x inputs; NaN of what nobody scored."""
        found = self.trees(x)
        return found if self.usual is None else self.usual + (self.low - self.usual) * found

    def content(self) -> dict[str, Any]:
        """As plain values and a tensor."""
        return {"trees": self.trees.as_tensor(), "usual": self.usual, "low": self.low}

    @staticmethod
    def of_content(content: dict[str, Any]) -> "AspectTrees":
        """What `content` gave."""
        trees: torch.Tensor = content["trees"]
        return AspectTrees(Trees.from_tensor(trees), content["usual"], content["low"])


@dataclass(frozen=True)
class GraderTrees:
    """The trees of all levels; of each aspect of words and utterances its own."""

    phones: AspectTrees
    words: tuple[AspectTrees, ...]
    utterances: tuple[AspectTrees, ...]

    def __call__(self, inputs: TreeInputs) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Scores of utterances and words, each rows x aspects, and of phones."""
        of_utterances = [trees(inputs.utterances) for trees in self.utterances]
        of_words = [
            trees(inputs.words if trees.usual is None else inputs.words_in_utterances)
            for trees in self.words
        ]
        return (
            np.array(of_utterances, dtype=float).reshape(-1, len(inputs.utterances)).T,
            np.array(of_words, dtype=float).reshape(-1, len(inputs.words)).T,
            self.phones(inputs.phones),
        )

    def content(self) -> dict[str, Any]:
        """As plain values and tensors."""
        return {
            "phones": self.phones.content(),
            "words": [trees.content() for trees in self.words],
            "utterances": [trees.content() for trees in self.utterances],
        }

    @staticmethod
    def of_content(content: dict[str, Any]) -> "GraderTrees":
        """What `content` gave."""
        words, utterances = (
            tuple(map(AspectTrees.of_content, content[level])) for level in ("words", "utterances")
        )
        return GraderTrees(AspectTrees.of_content(content["phones"]), words, utterances)


def fit_grader_trees(
    inputs: TreeInputs,
    labels: Labels,
    train: Selection,
    utterances: np.ndarray,
    seed: int,
    emphasis: np.ndarray | None = None,
) -> GraderTrees:
    """Trees of all levels, from these utterances, whose rows are `train`.

    `emphasis` weighs the scores of words: words x aspects.
    """
    chosen = inputs.take(train, utterances)
    targets = labels.words[train.words].T
    own = [None] * len(targets) if emphasis is None else list(emphasis[train.words].T)
    return GraderTrees(
        AspectTrees(fit_trees(chosen.phones, labels.phones[train.phones], seed)),
        tuple(
            AspectTrees(fit_trees(chosen.words, y, seed, weights))
            if (usual := usual_score(y)) is None
            else fit_detector(chosen.words_in_utterances, y, usual, seed, weights)
            for y, weights in zip(targets, own, strict=True)
        ),
        tuple(
            AspectTrees(fit_trees(chosen.utterances, y, seed, **_OF_UTTERANCES))
            for y in labels.utterances[utterances].T
        ),
    )


def usual_score(y: np.ndarray) -> float | None:
    """The highest of the scores, where nearly all are that one, but not all."""
    known = y[~np.isnan(y)]
    if not len(known):
        return None
    highest = known.max()
    return float(highest) if _SELDOM <= (known == highest).mean() < 1 else None


def fit_trees(
    x: np.ndarray, y: np.ndarray, seed: int, weights: np.ndarray | None = None, **options: Any
) -> Trees:
    """Boosted trees of the rows whose `y` is known."""
    known = ~np.isnan(y)
    return boost(
        *(_rows(x, known), y[known], seed, None if weights is None else weights[known]),
        **{
            "max_iter": 200,
            "max_leaf_nodes": 24,
            "learning_rate": 0.05,
            "l2_regularization": 5.0,
            "min_samples_leaf": 60,
            "max_features": 0.3,
        }
        | options,
    )


def _rows(x: np.ndarray, known: np.ndarray) -> np.ndarray:
    # In double precision, in which trees are trained: they would make a copy in memory.
    return taken(x, np.flatnonzero(known), np.dtype(np.float64))


def fit_detector(
    x: np.ndarray, y: np.ndarray, usual: float, seed: int, weights: np.ndarray | None = None
) -> AspectTrees:
    """Trees of whether a score is below the `usual` one, of the rows whose `y` is known."""
    known = ~np.isnan(y)
    low = y[known] < usual
    trees = boost(
        *(_rows(x, known), low, seed, None if weights is None else weights[known]),
        max_iter=150,
        max_leaf_nodes=6,
        learning_rate=0.03,
        l2_regularization=5.0,
        min_samples_leaf=20,
        max_features=0.2,
    )
    return AspectTrees(trees, usual, float(y[known][low].mean()))


Scores = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Of utterances and words, each rows x aspects, and of phones."""


def best_shares(network: Scores, trees: Scores, human: Scores) -> Shares:
    """Of each aspect the share of the trees with the least squared error.

    0 of what nobody scored, and of trees that are no better than a constant. The scores are to be
    of speakers whom neither has heard.
    """
    u, w, p = (
        tuple(
            _best_share(*columns)
            for columns in zip(*(x.reshape(len(y), -1).T for x in (n, t, y)), strict=True)
        )
        for n, t, y in zip(network, trees, human, strict=True)
    )
    return u, w, p


def _best_share(network: np.ndarray, trees: np.ndarray, human: np.ndarray) -> float:
    known = ~(np.isnan(human) | np.isnan(trees) | np.isnan(network))
    # Trees of too few rows are constants, which are the lower the better those left out are.
    if not known.any() or not pearson(trees[known], human[known]) > 0:
        return 0.0
    step = (trees - network)[known].astype(float)
    error = (human - network)[known].astype(float)
    errors = [((error - share * step) ** 2).mean() for share in _SHARES]
    return float(_SHARES[int(np.argmin(errors))])


def mixed(network: Scores, trees: Scores | None, shares: Shares) -> Scores:
    """The mean of both with these shares of the trees; what trees cannot tell is the network's."""
    if trees is None:
        return network
    u, w, p = (
        n + share * (np.where(np.isnan(t), n, t) - n)
        for n, t, share in zip(
            network, trees, (np.array(shares[0]), np.array(shares[1]), shares[2][0]), strict=True
        )
    )
    return u, w, p
