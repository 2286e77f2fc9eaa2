"""Weighted acceptors as plain arrays, read from and written to OpenFst files."""

import errno
import struct
from dataclasses import dataclass
from pathlib import Path

import kaldifst
import numpy as np

from pyscorer.contract.files import atomic_path, shown
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


@dataclass(frozen=True)
class Transducer:
    """What an OpenFst file over the tropical semiring holds, as arrays."""

    start: int
    source: np.ndarray
    """State that each arc leaves."""
    arcs: np.ndarray
    """Fields ilabel, olabel, weight (a cost) and nextstate."""
    final: np.ndarray
    """One cost a state: of ending there, or inf."""


_MAGIC, _SYMBOLS_MAGIC = 2125659606, 2125658996
_ARC = np.dtype([("ilabel", "<i4"), ("olabel", "<i4"), ("weight", "<f4"), ("nextstate", "<i4")])
_STATE = struct.Struct("<fq")
_ERROR = 4
"""The bit of an FST's properties that says that what made it failed."""


def read_transducer(path: Path) -> Transducer:
    """Read an OpenFst vector FST over the tropical semiring.

    Everything is checked, since OpenFst is not: it takes sizes and states as they stand. Source:
    OpenFst's fst.cc (FstHeader::Read), vector-fst.h (VectorFst::Read). Raises InputError if the
    file is missing, not such an FST, cut short, damaged or empty.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = "no such file" if isinstance(error, FileNotFoundError) else error.strerror
        raise InputError(f"{path}: {reason}") from None
    try:
        return _parse(data)
    except (struct.error, IndexError):
        raise InputError(f"{path}: the FST ends in the middle; copy or make it again") from None
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _parse(data: bytes) -> Transducer:
    if data[:4] != struct.pack("<i", _MAGIC):
        raise ValueError("not an OpenFst FST (fstcompile makes one of text)")
    kind, at = _string(data, 4)
    semiring, at = _string(data, at)
    if (kind, semiring) != ("vector", "standard"):
        raise ValueError(
            f"not a vector FST with standard arcs, but {shown(kind)} with {shown(semiring)}: "
            "fstconvert and fstmap make one"
        )
    _, flags, properties, start, states, _ = struct.unpack_from("<iiQqqq", data, at)
    at += struct.calcsize("<iiQqqq")
    for bit in (1, 2):  # input and output symbols
        if flags & bit:
            at = _after_symbols(data, at)
    heads, counts, final = list[int](), list[int](), list[float]()
    while at < len(data) and len(heads) != states:  # -1: as many as there are
        weight, count = _STATE.unpack_from(data, at)
        heads.append(at)
        counts.append(count)
        final.append(weight)
        at += _STATE.size + _ARC.itemsize * count
        if count < 0 or at > len(data):
            raise IndexError
    if states not in (-1, len(heads)):
        raise IndexError
    if at != len(data) or properties & _ERROR:
        raise ValueError("the FST is damaged; copy or make it again")
    if not heads or start == -1:
        raise ValueError("an empty FST")
    # Without the heads of states, which are three words each, there is nothing but arcs.
    words = np.frombuffer(data[heads[0] :], dtype="<i4")
    is_arc = np.ones(len(words), dtype=bool)
    is_arc[np.add.outer((np.array(heads) - heads[0]) // 4, range(3))] = False
    arcs = words[is_arc].view(_ARC)
    costs = np.array(final, dtype=np.float32)
    to, labels = arcs["nextstate"], np.minimum(arcs["ilabel"], arcs["olabel"])
    if not (
        0 <= start < len(heads)
        and ((to >= 0) & (to < len(heads)) & (labels >= 0)).all()
        and (arcs["weight"] > -np.inf).all()  # nor NaN
        and (costs > -np.inf).all()
    ):
        raise ValueError("the FST is damaged (a state, label or weight); copy or make it again")
    return Transducer(start, np.repeat(np.arange(len(heads)), counts), arcs, costs)


def _string(data: bytes, at: int) -> tuple[str, int]:
    (size,) = struct.unpack_from("<i", data, at)
    if not 0 <= size <= len(data) - at - 4:
        raise IndexError
    return data[at + 4 : at + 4 + size].decode("utf-8", "replace"), at + 4 + size


def _after_symbols(data: bytes, at: int) -> int:
    """Where a symbol table ends that begins at `at`."""
    if struct.unpack_from("<i", data, at)[0] != _SYMBOLS_MAGIC:
        raise ValueError("the FST is damaged (its symbols); copy or make it again")
    _, at = _string(data, at + 4)
    _, count = struct.unpack_from("<qq", data, at)
    at += 16
    for _ in range(count):
        _, at = _string(data, at)
        at += 8
    return at


def read_vector_fst(path: Path) -> kaldifst.StdVectorFst:
    """The same as an object of OpenFst's. Raises InputError as `read_transducer`."""
    read_transducer(path)
    fst = kaldifst.StdVectorFst.read(str(path))
    if fst is None:
        raise InputError(f"{path}: not an OpenFst FST of a version that can be read")
    return fst


def read_fst(path: Path) -> Acceptor:
    """Read an OpenFst vector FST over the tropical semiring as an acceptor of its input labels.

    Raises InputError as `read_transducer`, and if it has epsilon labels.
    """
    fst = read_transducer(path)
    label, destination = (fst.arcs[name].astype(np.int64) for name in ("ilabel", "nextstate"))
    if (label <= 0).any():
        raise InputError(f"{path}: has epsilon labels; remove them (fstrmepsilon)")
    weight, final = (-costs.astype(np.float64) for costs in (fst.arcs["weight"], fst.final))
    return Acceptor(fst.start, fst.source, destination, label, weight, final)


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
