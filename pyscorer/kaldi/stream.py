"""Tokens and values of Kaldi's model files: text and binary in, binary out.

Sources: Kaldi's base/io-funcs-inl.h, matrix/kaldi-matrix.cc (Read, Write).
"""

import gzip
import math
import re
import struct
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np

from pyscorer.contract.files import shown
from pyscorer.errors import InputError

_WORD, _SPACE = re.compile(rb"\S"), re.compile(rb"\s")


class KaldiReader:
    """Reads one file from front to back. `where` says in errors what is being read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            opener: Callable[..., Any] = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rb") as stream:
                self.data: bytes = stream.read()
        except FileNotFoundError:
            raise InputError(f"{path}: no such file") from None
        except (OSError, EOFError, zlib.error) as error:
            raise InputError(f"{path}: cannot be read: {error}") from None
        self.binary = self.data[:2] == b"\0B"
        self.at = 2 if self.binary else 0
        self.where = "the beginning"

    def fail(self, what: str) -> InputError:
        """The error to raise for `what`."""
        return InputError(f"{self.path}: {self.where}: {what}")

    def take(self, size: int) -> bytes:
        """The next `size` bytes."""
        if size < 0:
            raise self.fail(f"a size of {size}: the file is damaged; copy or train it again")
        if self.at + size > len(self.data):
            raise self.fail("the file ends in the middle; copy or train the model again")
        self.at += size
        return self.data[self.at - size : self.at]

    def skip_space(self) -> None:
        """Go to the next byte that is not white space."""
        found = _WORD.search(self.data, self.at)
        self.at = found.start() if found else len(self.data)

    def at_end(self) -> bool:
        """Whether nothing but white space is left."""
        return _WORD.search(self.data, self.at) is None

    def token(self) -> str:
        """The next word, such as `<Nnet3>`."""
        self.skip_space()
        start, found = self.at, _SPACE.search(self.data, self.at)
        self.take((found.end() if found else len(self.data) + 1) - start)
        return self.data[start : self.at - 1].decode("ascii", "replace")

    def peek(self) -> str:
        """The next word, which is read again."""
        at = self.at
        token = self.token()
        self.at = at
        return token

    def expect(self, token: str) -> None:
        """Read `token`, or fail."""
        found = self.token()
        if found != token:
            raise self.fail(f"expected {token}, found {shown(found, 40)}")

    def line(self) -> str:
        """The rest of the line."""
        end = self.data.find(b"\n", self.at)
        if end < 0:
            raise self.fail("the file ends in the middle; copy or train the model again")
        return self.take(end + 1 - self.at).decode("utf-8", "replace").strip()

    def value(self, kind: str) -> Any:
        """A value of `kind`, or of several kinds with spaces between.

        Kinds: flag, bool, int, float, ints, pairs (of ints), vector, matrix, packed (a symmetric
        matrix).
        """
        if kind == "flag":
            return True
        if " " in kind:
            return tuple(self.value(part) for part in kind.split())
        if kind == "vector":
            if self.binary:
                return self._array({"FV": "<f4", "DV": "<f8"}, 1)
            rows = self._rows()
            if len(rows) > 1:
                raise self.fail(f"a matrix of {len(rows)} rows where a vector belongs")
            return rows[0]
        if kind == "matrix":
            return self._array({"FM": "<f4", "DM": "<f8"}, 2) if self.binary else self._rows()
        if kind == "bool":
            return self._boolean()
        if kind == "packed":
            return self._packed()
        if kind == "ints":
            return self.integers()
        if kind == "pairs":
            return self._pairs()
        return self._number(kind)

    def integer(self) -> int:
        """A 32-bit integer."""
        return int(self._number("int"))

    def float(self) -> float:
        """A float of 4 or 8 bytes; one of 8 bytes is a numpy.float64, so that it stays one."""
        number: float = self._number("float")
        return number

    def integers(self) -> list[int]:
        """A vector of 32-bit integers."""
        if not self.binary:
            rows = self._rows(np.int64)
            return [int(x) for x in rows.ravel()]
        return [int(x) for x in self._integers(1)]

    def _integers(self, each: int) -> np.ndarray:
        """The 32-bit integers of a binary vector whose elements have `each` of them."""
        size = self.take(1)[0]
        count = struct.unpack("<i", self.take(4))[0]
        if size != 4:
            raise self.fail(f"integers of {size} bytes, which this reader does not know")
        return np.frombuffer(self.take(4 * each * count), dtype="<i4")

    def _pairs(self) -> list[tuple[int, int]]:
        if self.binary:
            numbers = self._integers(2)
        else:
            numbers = self._rows(np.int64, b",").ravel()
            if len(numbers) % 2:
                raise self.fail("pairs of integers of which one lacks its second")
        return [(int(a), int(b)) for a, b in numbers.reshape(-1, 2)]

    def _packed(self) -> np.ndarray:
        """The whole of a symmetric matrix, which is written as its lower triangle."""
        if self.binary:
            code = self.token()
            kind = {"FP": "<f4", "DP": "<f8"}.get(code)
            if kind is None:
                raise self.fail(f"unknown precision {code[:8]!r}: expected one of FP, DP")
            size = self.integer()
            if size < 0:
                raise self.fail(f"a size of {size}: the file is damaged; copy or train it again")
            data = self.take(np.dtype(kind).itemsize * size * (size + 1) // 2)
            triangle = np.frombuffer(data, dtype=kind)
        else:
            triangle = self._rows(np.float64, b"\n").ravel()
            size = (math.isqrt(8 * len(triangle) + 1) - 1) // 2
            if size * (size + 1) // 2 != len(triangle):
                raise self.fail(f"{len(triangle)} numbers, which are no triangle of a matrix")
        matrix = np.empty((size, size), dtype=triangle.dtype)
        matrix[np.tril_indices(size)] = triangle
        matrix.T[np.tril_indices(size)] = triangle
        return matrix

    def _boolean(self) -> bool:
        letter = self.take(1).decode("latin1") if self.binary else self.token()
        if letter not in ("T", "F"):
            raise self.fail(f"expected T or F, found {shown(letter, 10)}")
        return letter == "T"

    def _number(self, kind: str) -> Any:
        if not self.binary:
            try:
                value = {"int": int, "float": float}[kind](self.token())
            except ValueError as error:
                raise self.fail(shown(str(error))) from None
            if kind == "int" and not -(2**31) <= value < 2**31:
                raise self.fail(f"{value} where a 32-bit integer belongs")
            return value
        size = self.take(1)[0]
        # 252 is -4, which marks an unsigned integer.
        code = {("int", 4): "<i", ("int", 252): "<i", ("float", 4): "<f", ("float", 8): "<d"}.get(
            (kind, size)
        )
        if code is None:
            raise self.fail(f"{kind} of {size} bytes, which this reader does not know")
        (number,) = struct.unpack(code, self.take(4 if size == 252 else size))
        return np.float64(number) if code == "<d" else number

    def _array(self, codes: dict[str, str], dims: int) -> np.ndarray:
        code = self.token()
        if code not in codes:
            raise self.fail(f"unknown precision {code[:8]!r}: expected one of {', '.join(codes)}")
        shape = [self.integer() for _ in range(dims)]
        kind = np.dtype(codes[code])
        if min(shape) < 0:
            raise self.fail(f"a size of {min(shape)}: the file is damaged; copy or train it again")
        data = self.take(kind.itemsize * math.prod(shape))
        return np.frombuffer(data, dtype=kind).reshape(shape)

    def _rows(self, kind: type[np.generic] = np.float32, joined_by: bytes = b"") -> np.ndarray:
        """The rows of an array in text; numbers may be joined by one character more."""
        self.expect("[")
        end = self.data.find(b"]", self.at)
        if end < 0:
            raise self.fail("an array without its closing bracket: the file is cut short")
        body = self.take(end + 1 - self.at)[:-1]
        if joined_by:
            body = body.replace(joined_by, b" ")
        rows = [row for row in body.decode("ascii", "replace").split("\n") if row.strip()]
        try:
            with np.errstate(over="ignore"):
                array = np.array([row.split() for row in rows], dtype=np.float64).astype(kind)
        except ValueError as error:
            raise self.fail(f"a malformed array ({shown(str(error))})") from None
        return array.reshape(max(len(rows), 1), -1)


class KaldiWriter:
    """Writes Kaldi's binary format to an open stream; floats take 4 bytes unless numpy.float64."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def header(self) -> None:
        """The mark of a binary file."""
        self.stream.write(b"\0B")

    def token(self, token: str) -> None:
        """A word."""
        self.stream.write(f"{token} ".encode("ascii"))

    def line(self, line: str) -> None:
        """A line of text, as the wiring of a network is written even in binary."""
        self.stream.write(f"{line}\n".encode())

    def integer(self, value: int) -> None:
        """A 32-bit integer."""
        self.stream.write(struct.pack("<bi", 4, value))

    def unsigned(self, value: int) -> None:
        """An unsigned 32-bit integer."""
        self.stream.write(struct.pack("<bI", -4, value))

    def float(self, value: float) -> None:
        """A float of 4 bytes, of 8 bytes if it is a numpy.float64."""
        double = isinstance(value, np.float64)
        self.stream.write(struct.pack("<bd" if double else "<bf", 8 if double else 4, value))

    def integers(self, values: Sequence[int] | Sequence[tuple[int, int]]) -> None:
        """A vector of 32-bit integers, or of pairs of them."""
        self.stream.write(struct.pack("<bi", 4, len(values)))
        self.stream.write(np.asarray(values, dtype="<i4").tobytes())

    def value(self, kind: str, value: Any) -> None:
        """What `KaldiReader.value` reads."""
        if " " in kind:
            for part, item in zip(kind.split(), value, strict=True):
                self.value(part, item)
        elif kind in ("vector", "matrix"):
            self._array(np.asarray(value), kind)
        elif kind == "bool":
            self.stream.write(b"T" if value else b"F")
        elif kind != "flag":
            writers: dict[str, Callable[[Any], None]] = {
                "int": self.integer,
                "float": self.float,
                "ints": self.integers,
                "pairs": self.integers,
            }
            writers[kind](value)

    def _array(self, array: np.ndarray, kind: str) -> None:
        double = array.dtype == np.float64
        self.token(("D" if double else "F") + {"vector": "V", "matrix": "M"}[kind])
        for size in array.shape:
            self.integer(size)
        self.stream.write(np.ascontiguousarray(array, "<f8" if double else "<f4").tobytes())
