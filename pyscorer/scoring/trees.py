"""Boosted trees: scikit-learn trains them, treelite keeps and applies them.

A model is bytes of treelite's own format, which is read without trust and without scikit-learn.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
import treelite
from threadpoolctl import threadpool_limits

from pyscorer.errors import InputError


@dataclass(frozen=True)
class Trees:
    """Trees that are added up."""

    content: bytes
    """In treelite's serialisation; empty: of what nobody scored, which they cannot tell."""

    @cached_property
    def _model(self) -> treelite.Model:
        try:
            return treelite.Model.deserialize_bytes(self.content)
        except treelite.TreeliteError as error:
            raise InputError(f"not boosted trees, or damaged ({error})") from None

    def __reduce__(self) -> tuple[type["Trees"], tuple[bytes]]:
        return Trees, (self.content,)  # what is deserialised belongs to the process

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Scores of rows x columns, with one thread; NaN in a row is what is not known."""
        if not len(x) or not self.content:
            return np.full(len(x), np.nan)
        # Trees compare in double precision, as they were trained.
        rows = np.ascontiguousarray(x, dtype=np.float64)
        scores: np.ndarray = treelite.gtil.predict(self._model, rows, nthread=1).reshape(len(x))
        return scores

    def as_tensor(self) -> torch.Tensor:
        """The bytes as torch.save keeps them."""
        return torch.from_numpy(np.frombuffer(self.content, np.uint8).copy())

    @staticmethod
    def from_tensor(tensor: torch.Tensor) -> "Trees":
        """What `as_tensor` gave."""
        return Trees(tensor.numpy().tobytes())


def boost(
    x: np.ndarray, y: np.ndarray, seed: int, weights: np.ndarray | None = None, **options: Any
) -> Trees:
    """Gradient boosting (Friedman 2001) of squared error; deterministic for a seed.

    Of a `y` of truth values it is of the log loss, and the trees tell the probability that one is
    true. `x` is rows x columns, NaN where not known, `weights` are of the rows; `options` are those
    of scikit-learn's HistGradientBoostingRegressor. No rows give trees that say NaN. One thread:
    the processes share the cores, and sums depend on the number of threads.
    """
    if not len(y):
        return Trees(b"")
    # Here: scikit-learn takes a second, which whoever scores a recording does without.
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    kind = HistGradientBoostingClassifier if y.dtype == bool else HistGradientBoostingRegressor
    boosted = kind(early_stopping=False, random_state=seed, **options)
    # A column without any value cannot be binned; a constant one is never asked.
    empty = np.isnan(x).all(axis=0)
    with threadpool_limits(1):
        boosted.fit(np.where(empty, 0, x) if empty.any() else x, y, sample_weight=weights)
    return Trees(treelite.sklearn.import_model(boosted).serialize_bytes())
