"""Phonetic context: which pdf a phone has, given the phone to its left."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

FORWARD, SELF_LOOP = 0, 1
"""Pdf classes of Kaldi's chain topology: a phone's first frame, and all further frames."""


@dataclass(frozen=True)
class ContextTree:
    """A left-biphone tree as a table."""

    phones: tuple[str, ...]
    """Phone symbols by id, `<eps>` first."""
    pdf: np.ndarray
    """(phones, phones, 2) int: pdf[left, phone, pdf class]; left 0 is the start of an utterance."""
    num_pdfs: int


def read_tree(path: Path) -> ContextTree:
    """Read tree.json."""
    raise NotImplementedError
