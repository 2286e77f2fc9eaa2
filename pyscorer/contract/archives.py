"""Kaldi archives in and out; the one place that knows them (kaldi_matrix knows the values).

Everything streams: one utterance is in memory at a time, whatever the size of the corpus.
PYSCORER_READER=pykaldi reads through PyKaldi instead.
"""

import contextlib
import gzip
import io
import logging
import os
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import numpy as np

from pyscorer.contract import pykaldi
from pyscorer.contract.compact import sorted_table
from pyscorer.contract.files import atomic_open, read_lines, shown
from pyscorer.contract.kaldi_matrix import Kind, read_value
from pyscorer.errors import InputError

with contextlib.redirect_stderr(io.StringIO()):
    # kaldi_io looks for a Kaldi installation on import: it complains, and edits PATH.
    _path = os.environ["PATH"]
    import kaldi_io

    os.environ["PATH"] = _path

log = logging.getLogger(__name__)

_CUT = (EOFError, gzip.BadGzipFile, zlib.error)
_RANGES = "a range must be as [0:9] or [0:9,0:3]"
_LONGEST_KEY = 10_000
_RANGE_TOLERANCE = 3
"""Rows by which a range may pass the end of a matrix: Kaldi's length_tolerance."""


@contextlib.contextmanager
def archive_writer(scp: Path) -> Iterator[Callable[[str, np.ndarray], None]]:
    """Give a function that appends (key, array) to `<stem>.ark` beside `scp`.

    Two-dimensional arrays become float matrices, one-dimensional int32 arrays integer vectors,
    other one-dimensional arrays float vectors. The scp appears last and whole, so its presence
    means that the archive is complete. Entries in the scp are relative to the working directory
    unless `scp` is absolute.
    """
    ark = scp.with_suffix(".ark")
    scp.unlink(missing_ok=True)  # an old index must not point into the new archive
    with atomic_open(scp) as index, atomic_open(ark, "wb") as stream:

        def write(key: str, value: np.ndarray) -> None:
            stream.write(f"{key} ".encode())
            index.write(f"{key} {ark}:{stream.tell()}\n")
            if value.ndim == 2:
                kaldi_io.write_mat(stream, value)
            elif value.dtype == np.int32:
                kaldi_io.write_vec_int(stream, value)
            else:
                kaldi_io.write_vec_flt(stream, value)

        yield write


def write_archive(scp: Path, items: Iterable[tuple[str, np.ndarray]]) -> int:
    """Write all `items` as `archive_writer` does; returns their number."""
    count = 0
    with archive_writer(scp) as write:
        for key, value in items:
            write(key, value)
            count += 1
    return count


def _place(text: str) -> tuple[str, int, str | None]:
    """File, offset and range of what Kaldi calls an rxfilename.

    Raises ValueError for what is not read here.
    """
    rows = None
    if text.endswith("]"):
        text, _, rows = text[:-1].partition("[")
        if not text or "[" in rows:
            raise ValueError(_RANGES)
    elif text.startswith("|") or text.endswith("|"):
        raise ValueError(
            "a command, which is not run: run it once (copy-feats scp:OLD.scp "
            f"ark,scp:NEW.ark,NEW.scp), or set {pykaldi.SWITCH}=pykaldi"
        )
    name, colon, offset = text.rpartition(":")
    if colon and offset.isdecimal() and len(offset) < 19:  # what a file system can count
        return name, int(offset), rows
    return text, 0, rows


def _read_index(scp: Path) -> Mapping[str, str]:
    """Key -> where it is, of an scp as Kaldi reads it: white space around both is nothing."""
    table = sorted_table((key, text) for _, key, text in _entries(scp))
    if table is not None:
        return table
    index: dict[str, str] = {}
    for number, key, text in _entries(scp):
        if key in index:
            raise InputError(f"{scp}:{number}: duplicate key {shown(key)}")
        index[key] = text
    return index


def _entries(scp: Path) -> Iterator[tuple[int, str, str]]:
    """Number, key and place of each line of an scp."""
    if _is_archive(scp):
        raise InputError(
            f"{scp}: an archive, not an scp; make one: copy-feats ark:{scp.name} ark,scp:NEW.ark,"
            "NEW.scp (for alignments copy-int-vector)"
        )
    for number, line in read_lines(scp):
        key, *rest = re.split(r"[ \t\r\v\f]+", line.strip(" \t\r\v\f"), maxsplit=1)
        if not rest:
            raise InputError(f"{scp}:{number}: expected `key archive:offset`, found {shown(line)}")
        yield number, key, rest[0]


def _is_archive(path: Path) -> bool:
    try:
        with _open(path) as stream:
            head = stream.read(1000)
    except (OSError, EOFError, zlib.error):
        return False  # whoever reads it as text says what is wrong
    return bool(re.match(rb"\S+[ \t]+(\0B|\[|\xd6\xfd\xb2\x7e)", head))


def _open(path: Path | str) -> io.BufferedReader:
    if str(path).endswith(".gz"):
        return gzip.open(path, "rb")  # type: ignore[return-value]  # it has peek, which is asked
    return open(path, "rb")  # noqa: PTH123


def _cut(value: np.ndarray, text: str, place: str) -> np.ndarray:
    """Rows (and columns) a:b of a matrix, or a part of a vector; both ends are inclusive.

    As Kaldi's ParseMatrixRangeSpecifier.
    """
    parts = text.split(",")
    if value.dtype == np.int32:
        raise ValueError(f"[{text}]: Kaldi has no ranges of vectors of integers")
    if len(parts) > value.ndim:
        raise ValueError(f"[{text}]: a range of {len(parts)} dimensions")
    slices = []
    for axis, part in enumerate(parts):
        size = value.shape[axis]
        found = re.fullmatch(r"(\d{1,9}):(\d{1,9})", part)
        if not found and part != ":":
            raise ValueError(_RANGES)
        first, last = (int(found[1]), int(found[2])) if found else (0, size - 1)
        tolerance = _RANGE_TOLERANCE if axis == 0 else 0
        if not first <= last < size + tolerance or first >= size:
            raise ValueError(f"[{text}]: outside of {' x '.join(map(str, value.shape))}")
        if last >= size:
            log.warning("%s: range [%s] goes beyond its %d rows", place, text, size)
        slices.append(slice(first, last + 1))
    return value[tuple(slices)]


def _load(key: str, text: str, kind: Kind, scp: Path) -> np.ndarray:
    if pykaldi.wanted():
        return pykaldi.read(scp, key, kind == "integers")
    try:
        name, offset, rows = _place(text)
        try:
            stream = _open(name)
        except FileNotFoundError:  # Kaldi knows only the working directory
            stream = _open(scp.parent / name)
        with stream:
            stream.seek(offset)
            value = read_value(stream, kind)
        if rows is not None:
            value = _cut(value, rows, f"{scp}: {key}")
    except FileNotFoundError:
        raise InputError(f"{scp}: {key}: no such archive: {shown(text)}") from None
    except _CUT as error:
        ours = Path(name).absolute() == scp.with_suffix(".ark").absolute()
        stage = "; if a stage made it, delete it and run the stage again" if ours else ""
        raise InputError(
            f"{scp}: {key}: cannot read {shown(text)}: the archive is cut short or damaged "
            f"({error}): copy it again{stage}"
        ) from None
    except (ValueError, OSError) as error:
        raise InputError(f"{scp}: {key}: cannot read {shown(text)}: {error}") from None
    if kind != "integers":
        _check(value, f"{scp}: {key}", text)
    return value


def _check(value: np.ndarray, place: str, text: str) -> None:
    if not np.isfinite(value).all():
        raise InputError(f"{place}: NaN or infinity in {text}")


def _read(path: Path, kind: Kind) -> Iterator[tuple[str, np.ndarray]]:
    if _is_archive(path):
        yield from _read_archive(path, kind)
        return
    for key, text in _read_index(path).items():
        yield key, _load(key, text, kind, path)


def _read_key(stream: io.BufferedReader) -> str:
    """The next key of an archive, "" at its end."""
    key = bytearray()
    while (byte := stream.read(1)) and not (byte.isspace() and key):
        key += byte.strip()
        if len(key) > _LONGEST_KEY:
            raise ValueError(f"no key follows, but {ascii(bytes(key[:20]))[1:]}...: it is damaged")
    return key.decode()


def _read_archive(path: Path, kind: Kind) -> Iterator[tuple[str, np.ndarray]]:
    key, seen = "the beginning", set[str]()
    try:
        with _open(path) as stream:
            while name := _read_key(stream):
                key = name
                if key in seen:
                    raise ValueError("stands in the archive twice")
                seen.add(key)
                value = read_value(stream, kind)
                if kind != "integers":
                    _check(value, f"{path}: {key}", "it")
                yield key, value
    except _CUT as error:
        raise InputError(
            f"{path}: {key}: the archive is cut short or damaged ({error}); copy it again"
        ) from None
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: {key}: {error}") from None


def read_matrices(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (key, frames x coefficients) of an scp or of an archive, in its order.

    Binary, text and compressed matrices, either gzipped; in an scp ranges of rows and columns.
    Paths in an scp are relative to the working directory, as in Kaldi, or else to its own folder.
    Raises InputError naming the key for what is missing, cut short or no matrix, and for NaN or
    infinity.
    """
    return _read(path, "matrix")


def read_vectors(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (key, vector of floats); as `read_matrices`."""
    return _read(path, "vector")


def read_integers(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield (key, int32 vector); as `read_matrices`."""
    return _read(path, "integers")


@lru_cache(maxsize=256)
def _kept_open(ark: Path, process: int) -> io.BufferedReader:
    return ark.open("rb")


def read_matrix_at(ark: Path, offset: int, key: str) -> np.ndarray:
    """The matrix of `key` at its place in an archive, which stays open for the next one.

    Raises InputError if there is none.
    """
    try:
        stream = _kept_open(ark, os.getpid())  # a forked process would share the place in the file
        stream.seek(offset)
        return read_value(stream, "matrix")
    except (EOFError, ValueError, OSError) as error:
        raise InputError(
            f"{ark}: {key}: no matrix at byte {offset}: {error}; run the stage that made it again"
        ) from None


class Matrices:
    """Random access to the matrices of an scp file; nothing is held but the index."""

    def __init__(self, scp: Path) -> None:
        self.scp = scp
        self.index = _read_index(scp)

    def __contains__(self, key: object) -> bool:
        return key in self.index

    def __len__(self) -> int:
        return len(self.index)

    def __iter__(self) -> Iterator[str]:
        return iter(self.index)

    def __getitem__(self, key: str) -> np.ndarray:
        if key not in self.index:
            raise InputError(f"{self.scp}: no utterance {key}")
        return _load(key, self.index[key], "matrix", self.scp)
