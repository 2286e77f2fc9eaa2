"""Arrays of a row a phone or frame, of which a whole corpus is more than memory should hold.

Much of such an array is a file of TMPDIR without a name: forked processes share it, and its pages
are the system's to take back. What is computed of it is computed of some rows at a time.
"""

import math
import tempfile
from collections.abc import Callable, Iterable, Sequence

import numpy as np

_LARGE = 1 << 26
"""Bytes that are memory's matter still."""
_ROWS = 4096
"""That are computed with at a time."""


def room(shape: tuple[int, ...], kind: np.dtype) -> np.ndarray:
    """Room for an array, to be filled."""
    if math.prod(shape) * kind.itemsize < _LARGE:
        return np.empty(shape, kind)
    with tempfile.TemporaryFile() as file:
        return np.asarray(np.memmap(file, kind, "w+", shape=shape))


def pieces(rows: int, size: int = _ROWS) -> list[slice]:
    """Slices of `size` rows, one after the other; one of nothing if there are none."""
    return [slice(at, at + size) for at in range(0, max(rows, 1), size)]


def filled(
    shape: tuple[int, ...], kind: np.dtype, rows: Callable[[slice], np.ndarray]
) -> np.ndarray:
    """The array whose `rows` are given piece by piece."""
    whole = room(shape, kind)
    for piece in pieces(shape[0]):
        whole[piece] = rows(piece)
    return whole


def taken(values: np.ndarray, rows: np.ndarray, kind: np.dtype | None = None) -> np.ndarray:
    """These `rows` (indices) of `values`, as a `kind` of numbers."""
    shape = (len(rows), *values.shape[1:])
    return filled(shape, kind or values.dtype, lambda piece: values[rows[piece]])


def joined(parts: Sequence[np.ndarray]) -> np.ndarray:
    """The rows of all `parts`, one part after the other."""
    shape = (sum(map(len, parts)), *parts[0].shape[1:])
    return np.concatenate(parts, out=room(shape, parts[0].dtype))


def gathered(parts: Iterable[np.ndarray]) -> np.ndarray:
    """The rows of all `parts`, one part after the other; their number is not known before."""
    with tempfile.TemporaryFile() as file:
        first = None
        for part in parts:
            first = part[:0] if first is None else first
            file.write(np.ascontiguousarray(part, first.dtype).data)
        assert first is not None
        if not file.tell():
            return first
        file.flush()
        return np.asarray(np.memmap(file, first.dtype, "r+")).reshape(-1, *first.shape[1:])


def moments(
    shape: tuple[int, ...], kind: np.dtype, rows: Callable[[slice], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Mean and standard deviation over what is not NaN of the `rows` of an array; else NaN.

    As np.nanmean and np.nanstd, which would copy all, to the byte: NumPy adds row by row, so that
    the sum of a piece goes on where the last one ended. (Not so of a single column, which it adds
    in pairs, beyond one piece.)
    """
    cut = pieces(shape[0], max(1, _LARGE // max(1, math.prod(shape[1:]) * kind.itemsize)))
    count = np.zeros(shape[1:], np.intp)
    sums = np.full(shape[1:], -0.0, kind)  # which changes nothing that it is added to
    squares = sums.copy()
    with np.errstate(invalid="ignore", divide="ignore"):
        for piece in cut:
            part = rows(piece)
            known = ~np.isnan(part)
            count += known.sum(axis=0)
            sums = _added(sums, np.where(known, part, 0))
        mean = (sums / count).astype(kind)
        for piece in cut:
            part = rows(piece)
            squares = _added(squares, np.square(np.where(np.isnan(part), 0, part - mean)))
        return mean, np.sqrt((squares / count).astype(kind))


def _added(sums: np.ndarray, part: np.ndarray) -> np.ndarray:
    part[:1] += sums
    total: np.ndarray = part.sum(axis=0)
    return total


def moments_of(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """`moments` of the rows of an array."""
    return moments(values.shape, values.dtype, lambda piece: values[piece])
