"""What is usual of each phone, and the directions in which its states differ most: one pass."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pyscorer.contract.pooled import PHONE_NAMES
from pyscorer.errors import InputError

FEWEST = 10
"""Phones seen less often take the mean of all phones."""


@dataclass(frozen=True)
class Projection:
    """Values of a phone, less what is usual of that phone, in the directions of most variance."""

    usual: NDArray[np.float64]
    """40 x D, the mean of each phone."""
    directions: NDArray[np.float64]
    """D x K, orthonormal; the identity where all are kept."""

    @property
    def size(self) -> int:
        """K."""
        return self.directions.shape[1]

    def __call__(
        self, phones: NDArray[np.int64], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Phones x K of phones x D. Raises InputError for another D."""
        if values.shape[1] != self.usual.shape[1]:
            raise InputError(
                f"{values.shape[1]} values a phone, {self.usual.shape[1]} where the acoustic "
                "experts were trained: they are not of the same model"
            )
        found: NDArray[np.float64] = (values - self.usual[phones]) @ self.directions
        return found


class Moments:
    """First and second moments of the values of phones; nothing else of them is held."""

    def __init__(self) -> None:
        self.counts = np.zeros(len(PHONE_NAMES))
        self.sums = np.zeros((len(PHONE_NAMES), 0))
        self.products = np.zeros((0, 0))

    def add(self, phones: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Count phones (numbers as in `PooledSet.phones`) with their values, phones x D.

        Raises InputError for another D than before.
        """
        if not self.sums.shape[1]:
            self.sums = np.zeros((len(PHONE_NAMES), values.shape[1]))
            self.products = np.zeros((values.shape[1], values.shape[1]))
        if values.shape[1] != self.sums.shape[1]:
            raise InputError(f"{values.shape[1]} values a phone, {self.sums.shape[1]} before")
        np.add.at(self.counts, phones, 1)
        np.add.at(self.sums, phones, values)
        self.products += values.T @ values

    def projection(self, kept: int = 0) -> Projection:
        """The projection on at most `kept` directions (0: all, unturned).

        The directions are the principal components of the values less their phone's mean: what
        distinguishes one utterance of a phone from another, since which phone it is says nothing of
        how well it was said.
        """
        overall = self.sums.sum(axis=0) / self.counts.sum()
        usual = np.tile(overall, (len(self.counts), 1))
        known = self.counts >= FEWEST
        usual[known] = self.sums[known] / self.counts[known, None]
        size = len(overall)
        if not 0 < kept < size:
            return Projection(usual, np.eye(size))
        between = self.sums.T @ usual
        within = self.products - between - between.T + (usual * self.counts[:, None]).T @ usual
        _, vectors = np.linalg.eigh(within)
        directions = vectors[:, ::-1][:, :kept]
        # The sign of an eigenvector is free: its largest entry is positive.
        largest = np.abs(directions).argmax(axis=0)
        signs = np.sign(directions[largest, np.arange(kept)])
        return Projection(usual, directions * signs)
