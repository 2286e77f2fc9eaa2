"""Speaker-disjoint folds of a train split."""

import numpy as np

from pyscorer.errors import InputError


def speaker_folds(
    speakers: np.ndarray, scores: np.ndarray, folds: int, seed: int = 0
) -> np.ndarray:
    """The fold of each utterance: whole speakers, dealt so that each fold has the like scores.

    Speakers are sorted by their mean score and dealt in blocks of `folds`, each block in an order
    drawn from `seed`. Raises InputError if there are fewer speakers than folds.
    """
    names, index = np.unique(speakers, return_inverse=True)
    if len(names) < folds:
        raise InputError(
            f"{len(names)} speakers cannot make {folds} speaker-disjoint folds; ask for fewer folds"
        )
    means = np.bincount(index, weights=scores) / np.bincount(index)
    generator = np.random.default_rng(seed)
    dealt = np.empty(len(names), dtype=np.int64)
    order = np.argsort(means, kind="stable")
    for start in range(0, len(names), folds):
        block = order[start : start + folds]
        dealt[block] = generator.permutation(folds)[: len(block)]
    return dealt[index]
