"""Kaldi's matrices and vectors as bytes: binary, compressed and text.

Sources: Kaldi's matrix/kaldi-matrix.cc, kaldi-vector.cc, compressed-matrix.{h,cc} (Read, CopyToMat)
and util/kaldi-holder-inl.h (BasicVectorHolder), rounding included.
"""

import math
import re
import struct
from io import BufferedReader
from itertools import chain
from typing import Literal

import numpy as np

Kind = Literal["matrix", "vector", "integers"]
"""integers: a vector of int32, such as an alignment."""

_BLOCK = 1 << 24
"""Bytes asked for at a time, at most: a header that lies must not decide what is allocated."""
_NAMES = {"matrix": "a matrix", "vector": "a vector", "integers": "a vector of integers"}
_FLOATS: dict[str, np.dtype] = {"F": np.dtype("<f4"), "D": np.dtype("<f8")}
_INTEGER: np.dtype = np.dtype([("size", "i1"), ("value", "<i4")])
_FST = struct.pack("<I", 2125659606)
_OTHERS = {
    b"SM ": "a sparse matrix of Kaldi's",
    b"FP ": "a packed matrix of Kaldi's",
    b"DP ": "a packed matrix of Kaldi's",
    b"RIFF": "a WAV recording",
    b"NIST_1A": "a SPHERE recording",
    b"fLaC": "a FLAC recording",
    b"OggS": "an Ogg recording",
    b"\x93NUMPY": "an array of numpy's",
    b"PK\x03\x04": "a zip archive, as numpy and torch write",
    b"\x1f\x8b": "gzipped, but its name does not end in .gz",
    b"\x89HDF": "an HDF5 file",
}


def read_value(stream: BufferedReader, kind: Kind) -> np.ndarray:
    """What stands at the place of `stream`: rows x columns, or a vector; float32, float64 or int32.

    Text is float32, as in Kaldi; compressed matrices are float32. Raises EOFError if the stream
    ends within the value, and ValueError naming what is there instead of a `kind`.
    """
    head = stream.read(1)
    if not head:
        raise EOFError("nothing is left where it should begin")
    if head == b"\0" and stream.peek(1)[:1] == b"B":
        stream.read(1)
        return _binary(stream, kind)
    return _text(stream, head, kind)


def take(stream: BufferedReader, size: int) -> bytes:
    """The next `size` bytes. Raises EOFError if there are not so many."""
    data = stream.read(min(size, _BLOCK))
    if len(data) == _BLOCK < size:
        parts = bytearray(data)
        while block := stream.read(min(size - len(parts), _BLOCK)):
            parts += block
        data = bytes(parts)
    if len(data) != size:
        raise EOFError(f"{size} bytes are announced, {len(data)} are there")
    return data


def _binary(stream: BufferedReader, kind: Kind) -> np.ndarray:
    head = take(stream, 1)
    if kind == "integers" and head == b"\4":
        return _integers(stream)
    if head not in b"FDC":
        raise ValueError(_instead(head + stream.read(60), kind, binary=True))
    while not head.endswith(b" ") and len(head) < 4:
        head += take(stream, 1)
    token = head.decode("latin1").rstrip()
    if kind == "matrix" and token in ("CM", "CM2", "CM3"):
        return _compressed(stream, token)
    dims = {"FM": 2, "DM": 2, "FV": 1, "DV": 1}.get(token)
    if dims is None or _NAMES[kind] != ("a vector", "a matrix")[dims - 1]:
        raise ValueError(_instead(head + stream.read(60), kind, binary=True))
    shape = [_size(stream) for _ in range(dims)]
    _check_shape(shape)
    dtype = _FLOATS[token[0]]
    return np.frombuffer(take(stream, dtype.itemsize * math.prod(shape)), dtype).reshape(shape)


def _size(stream: BufferedReader) -> int:
    length, size = struct.unpack("<bi", take(stream, 5))
    if length != 4:
        raise ValueError(f"it has a size of {length} bytes where Kaldi writes 4: it is damaged")
    return int(size)


def _check_shape(shape: list[int]) -> None:
    swapped = [int.from_bytes(n.to_bytes(4, "little", signed=True), "big") for n in shape]
    if max(map(abs, shape)) >= 1 << 24 > max(swapped):
        raise ValueError(
            f"it is big-endian ({' x '.join(map(str, swapped))}): write it as text (copy-feats, "
            "ark,t:) on the machine that it is from"
        )
    if min(shape) < 0 or (min(shape) == 0) != (max(shape) == 0):
        raise ValueError(f"its size is {' x '.join(map(str, shape))}: it is damaged")


def _integers(stream: BufferedReader) -> np.ndarray:
    (count,) = struct.unpack("<i", take(stream, 4))
    _check_shape([count])
    table = np.frombuffer(take(stream, _INTEGER.itemsize * count), _INTEGER)
    if (table["size"] != 4).any() or stream.peek(1)[:1] == b"\4":
        raise ValueError(
            "it is not a vector of int32, but of something else (posteriors, pairs, lists)"
        )
    return np.ascontiguousarray(table["value"])


def _compressed(stream: BufferedReader, token: str) -> np.ndarray:
    header = np.frombuffer(take(stream, 16), "<f4")
    low, extent = header[0], header[1]
    rows, columns = header[2:].view("<i4").tolist()
    if columns == 0:
        return np.zeros((0, 0), np.float32)
    _check_shape([rows, columns])
    # Python's numbers are double, as the constants in Kaldi are.
    if token != "CM":
        width, steps = (2, 65535.0) if token == "CM2" else (1, 255.0)
        data = np.frombuffer(take(stream, width * rows * columns), f"<u{width}")
        increment = np.float32(float(extent) * (1.0 / steps))
        return (low + data.astype(np.float32) * increment).reshape(rows, columns)
    body = take(stream, (8 + rows) * columns)
    quantiles = np.frombuffer(body[: 8 * columns], "<u2").reshape(columns, 4).astype(np.float32)
    marks = low + extent * np.float32(1.52590218966964e-05) * quantiles
    p0, p25, p75, p100 = (marks[:, i, None] for i in range(4))
    data = np.frombuffer(body[8 * columns :], np.uint8).reshape(columns, rows)
    code = data.astype(np.float32)
    values = np.select(
        [data <= 64, data <= 192],
        [
            p0 + ((p25 - p0) * code).astype(np.float64) * (1 / 64.0),
            p25 + ((p75 - p25) * (code - 64)).astype(np.float64) * (1 / 128.0),
        ],
        p75 + ((p100 - p75) * (code - 192)).astype(np.float64) * (1 / 63.0),
    )
    return np.ascontiguousarray(values.T, dtype=np.float32)


def _text(stream: BufferedReader, head: bytes, kind: Kind) -> np.ndarray:
    if kind == "integers":
        if not re.match(rb"[-\d\s[]*$", head):
            raise ValueError(_instead(head + stream.read(80), kind))
        line = head if head == b"\n" else head + stream.readline()
        try:
            bare = re.sub(rb"^\[(.*)\]$", rb"\1", line.strip())
            return _numbers([bare], np.int32)[0]
        except ValueError:
            raise ValueError(_instead(line[:80], kind)) from None
    start = head.lstrip()
    while not start and (more := stream.read(1)):
        start = more.strip()
        head += more
    if start[:1] != b"[":
        raise ValueError(_instead(head + stream.read(80), kind))
    body = [start[1:]]
    while b"]" not in body[-1]:
        line = stream.readline(_BLOCK)
        if not line:
            raise EOFError("the text has no closing bracket")
        body.append(line)
    rows = re.split(rb"[\n;]", b"".join(body).partition(b"]")[0])
    rows = [row for row in rows if row.strip()]
    if kind == "vector" and (len(rows) > 1 or b"\n" in b"".join(body[:-1])):
        raise ValueError("it is a matrix, not a vector")
    found = _numbers(rows, np.float32) if rows else np.zeros((0, 0), np.float32)
    return found.reshape(-1) if kind == "vector" else found


def _numbers(rows: list[bytes], dtype: type[np.generic]) -> np.ndarray:
    fields = [row.split() for row in rows]
    if len({len(row) for row in fields}) > 1:
        raise ValueError("its rows have different numbers of columns")
    flat = list(chain(*fields))
    for field in flat:
        if len(field) > 64 or b"_" in field:  # Python's numbers may have it
            raise ValueError(f"it has what is no number: {ascii(field[:20])[1:]}")
    try:
        with np.errstate(over="ignore"):  # to infinity, which the caller refuses
            values = np.array(flat).astype(dtype) if flat else np.zeros(0, dtype)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"it has what is no number ({error})") from None
    return values.reshape(len(rows), -1)


def _instead(found: bytes, kind: Kind, binary: bool = False) -> str:
    """What `found` is the beginning of, for errors."""
    return f"it is {_what(found, binary)}, not {_NAMES[kind]}"


def _what(found: bytes, binary: bool) -> str:
    for start, name in _OTHERS.items():
        if found.startswith(start):
            return name
    if found.startswith(_FST):
        return "a lattice" if b"lattice" in found[:60] else "an FST"
    if binary and re.match(rb"[FD]V ", found):
        return "a vector"
    if binary and re.match(rb"[FD]M |CM[23]? ", found):
        return "a matrix"
    if token := re.match(rb"<[A-Za-z0-9]+>", found):
        return f"an object {token[0].decode()} of Kaldi's (a model or a training example)"
    if binary and found.startswith(b"\4"):
        return "a vector of integers, or posteriors"
    if re.match(rb"\s*\[", found):
        return "a vector or matrix in text"
    if re.match(rb"[^\s\0-\x1f]+[ \t]+(\0B|\[)", found):
        return "an archive from its first key on (the offset behind its name is missing or wrong)"
    if re.match(rb"[-+\d\s.eE]+$", found):
        return "text without brackets, such as a vector of integers or an FST in text"
    if len(found) >= 12 and _is_htk(found):
        return "features of HTK's"
    return f"no value of Kaldi's (it begins with {ascii(found[:12])[1:]})"


def _is_htk(found: bytes) -> bool:
    count, period, size, code = struct.unpack(">iihh", found[:12])
    return 0 < count < 1 << 24 and 0 < period < 10**7 and 0 < size < 1 << 14 and code & 63 < 12
