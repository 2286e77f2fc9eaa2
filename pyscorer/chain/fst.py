"""Weighted acceptors as plain arrays, read from and written to OpenFst files."""

import errno
from dataclasses import dataclass
from pathlib import Path

import kaldifst
import numpy as np

from pyscorer.contract.files import atomic_path
from pyscorer.errors import InputError


@dataclass(frozen=True)
class Acceptor:
    """Arcs and final weights of an acceptor; weights are natural log-probabilities.

    Arc a goes from `source[a]` to `destination[a]` with `label[a]` > 0.
    """

    start: int
    source: np.ndarray
    destination: np.ndarray
    label: np.ndarray
    weight: np.ndarray
    final: np.ndarray
    """One entry a state: log-probability of ending there, or -inf."""

    @property
    def num_states(self) -> int:
        """Number of states."""
        return len(self.final)


def read_vector_fst(path: Path) -> kaldifst.StdVectorFst:
    """Read an OpenFst vector FST over the tropical semiring.

    Raises InputError if the file is missing, not such an FST, or empty.
    """
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    try:
        fst = kaldifst.StdVectorFst.read(str(path))
        start = fst.start
    except Exception as error:
        raise InputError(f"{path}: not an OpenFst vector FST ({type(error).__name__})") from None
    if start < 0:
        raise InputError(f"{path}: an empty FST")
    return fst


def read_fst(path: Path) -> Acceptor:
    """Read an OpenFst vector FST over the tropical semiring as an acceptor of its input labels.

    Raises InputError if the file is missing, not such an FST, empty, or has epsilon labels.
    """
    fst = read_vector_fst(path)
    start, states = fst.start, fst.num_states
    arcs = [
        (state, arc.nextstate, arc.ilabel, arc.weight.value)
        for state in range(states)
        for arc in kaldifst.ArcIterator(fst, state)
    ]
    table = np.array(arcs, dtype=np.float64).reshape(-1, 4)
    final = -np.array([fst.final(state).value for state in range(states)], dtype=np.float64)
    source, destination, label = (table[:, i].astype(np.int64) for i in range(3))
    if (label <= 0).any():
        raise InputError(f"{path}: has epsilon labels; remove them (fstrmepsilon)")
    return Acceptor(start, source, destination, label, -table[:, 3], final)


def write_fst(path: Path, acceptor: Acceptor) -> None:
    """Write `acceptor` as an OpenFst vector FST, arcs in their order."""
    fst = kaldifst.StdVectorFst()
    for _ in range(acceptor.num_states):
        fst.add_state()
    fst.start = acceptor.start
    for state, weight in enumerate(acceptor.final):
        if np.isfinite(weight):
            fst.set_final(state, -float(weight))
    columns = (acceptor.source, acceptor.destination, acceptor.label, acceptor.weight)
    for source, destination, label, weight in zip(*(c.tolist() for c in columns), strict=True):
        fst.add_arc(source, kaldifst.StdArc(label, label, -weight, destination))
    save_fst(fst, path)


def save_fst(fst: kaldifst.StdVectorFst, path: Path) -> None:
    """Write an FST, whole or not at all. Raises OSError where that fails, as on a full disk."""
    with atomic_path(path) as part:
        if not fst.write(str(part)):  # OpenFst says only this
            raise OSError(errno.EIO, "cannot be written; is the disk full?", str(path))
