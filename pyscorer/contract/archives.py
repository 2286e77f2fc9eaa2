"""Kaldi archives in and out; the one place that knows the format.

Everything streams: one utterance is in memory at a time, whatever the size of the corpus.
PYSCORER_READER=pykaldi reads through PyKaldi instead of kaldi_io.
"""

import contextlib
import io
import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from pyscorer.contract import pykaldi
from pyscorer.contract.files import atomic_open, read_table
from pyscorer.errors import InputError

with contextlib.redirect_stderr(io.StringIO()):
    # kaldi_io looks for a Kaldi installation on import: it complains, and edits PATH.
    _path = os.environ["PATH"]
    import kaldi_io

    os.environ["PATH"] = _path


@contextlib.contextmanager
def archive_writer(scp: Path) -> Iterator[Callable[[str, np.ndarray], None]]:
    """Give a function that appends (key, array) to `<stem>.ark` beside `scp`.

    Two-dimensional arrays become float matrices, one-dimensional int32 arrays integer vectors,
    other one-dimensional arrays float vectors. The scp appears last and whole, so its presence
    means that the archive is complete. Entries in the scp are relative to the working directory
    unless `scp` is absolute.
    """
    ark = scp.with_suffix(".ark")
    lines: list[str] = []
    scp.unlink(missing_ok=True)  # an old index must not point into the new archive
    with atomic_open(ark, "wb") as stream:

        def write(key: str, value: np.ndarray) -> None:
            stream.write(f"{key} ".encode())
            lines.append(f"{key} {ark}:{stream.tell()}\n")
            if value.ndim == 2:
                kaldi_io.write_mat(stream, value)
            elif value.dtype == np.int32:
                kaldi_io.write_vec_int(stream, value)
            else:
                kaldi_io.write_vec_flt(stream, value)

        yield write
    with atomic_open(scp) as stream:
        stream.writelines(lines)


def write_archive(scp: Path, items: Iterable[tuple[str, np.ndarray]]) -> int:
    """Write all `items` as `archive_writer` does; returns their number."""
    count = 0
    with archive_writer(scp) as write:
        for key, value in items:
            write(key, value)
            count += 1
    return count


def _load(key: str, extended: str, integer: bool, source: Path) -> np.ndarray:
    try:
        if pykaldi.wanted():
            return pykaldi.read(source, key, integer)
        if integer:
            return kaldi_io.read_vec_int(extended)
        return kaldi_io.read_mat(extended)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"{source}: {key}: no such archive: {extended}") from None
    except Exception as error:
        raise InputError(
            f"{source}: {key}: cannot read {extended}: the archive is cut short or damaged "
            f"({type(error).__name__}); delete it and run the stage that makes it again"
        ) from None


def _read_scp(scp: Path, integer: bool) -> Iterator[tuple[str, np.ndarray]]:
    for key, extended in read_table(scp).items():
        value = _load(key, extended, integer, scp)
        if not integer and not np.isfinite(value).all():
            raise InputError(f"{scp}: {key}: NaN or infinity in {extended}")
        yield key, value


def read_matrices(scp: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (key, frames x coefficients) in scp order.

    Raises InputError naming the key for a missing or damaged archive and for NaN or infinity.
    """
    return _read_scp(scp, integer=False)


def read_integers(scp: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (key, int32 vector) in scp order; errors as `read_matrices`."""
    return _read_scp(scp, integer=True)


class Matrices:
    """Random access to the matrices of an scp file; nothing is held but the index."""

    def __init__(self, scp: Path) -> None:
        self.scp = scp
        self.index = read_table(scp)

    def __contains__(self, key: object) -> bool:
        return key in self.index

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[str]:
        return iter(self.index)

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self.index:
            raise InputError(f"{self.scp}: no utterance {key}")
        value = _load(key, self.index[key], False, self.scp)
        if not np.isfinite(value).all():
            raise InputError(f"{self.scp}: {key}: NaN or infinity in {self.index[key]}")
        return value
