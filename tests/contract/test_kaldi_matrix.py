"""Kaldi's forms of matrices and vectors; the bytes are made by hand from Kaldi's sources."""

import gzip
import io
import logging
import os
import struct
from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract.archives import (
    Matrices,
    kaldi_io,
    read_integers,
    read_matrices,
    read_vectors,
    write_archive,
)
from pyscorer.contract.kaldi_matrix import read_value
from pyscorer.errors import InputError


def sizes(*numbers: int) -> bytes:
    return b"".join(struct.pack("<bi", 4, n) for n in numbers)


def floats(*values: float, code: str = "f") -> bytes:
    return struct.pack(f"<{len(values)}{code}", *values)


ROWS = floats(1, 2, 3, 4, 5, 6)
MATRIX = b"\0BFM " + sizes(2, 3) + ROWS
DOUBLE = b"\0BDM " + sizes(1, 2) + floats(0.1, -2, code="d")
VECTOR = b"\0BFV " + sizes(3) + floats(1, 2, 3)
INTEGERS = b"\0B" + sizes(3, 7, -1, 40)
# min_value, range, rows, columns; then the numbers
TWO_BYTES = b"\0BCM2 " + struct.pack("<ffii4H", -1, 2, 2, 2, 0, 65535, 32768, 13107)
ONE_BYTE = b"\0BCM3 " + struct.pack("<ffii4B", 0, 255, 2, 2, 0, 255, 17, 128)
# one header a column: 0th, 25th, 75th and 100th percentile; then the columns
SPEECH = b"\0BCM " + struct.pack(
    "<ffii8H10B", 0, 65535, 5, 2,
    0, 64, 192, 255, 1000, 2000, 4000, 10000,
    0, 64, 128, 192, 255, 32, 64, 96, 192, 213,
)  # fmt: skip


def value(content: bytes, kind: str) -> np.ndarray:
    return read_value(io.BufferedReader(io.BytesIO(content)), kind)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (MATRIX, [[1, 2, 3], [4, 5, 6]]),
        (DOUBLE, [[0.1, -2]]),
        (b"\0BFM " + sizes(0, 0), np.zeros((0, 0))),
        (TWO_BYTES, [[-1, 1], [-1 + 65536 / 65535, -1 + 2 / 5]]),
        (ONE_BYTE, [[0, 255], [17, 128]]),
        (
            SPEECH,
            [[0, 1500], [64, 2000], [128, 2500], [192, 4000], [255, 6000]],
        ),
        (b"\0BCM " + bytes(16), np.zeros((0, 0))),
        (b" [\n  1 2.5 \n  -3e2 4 ]\n", [[1, 2.5], [-300, 4]]),
        (b"[ 1 2 ; 3 4 ]\n", [[1, 2], [3, 4]]),
        (b" [\r\n  1 2 \r\n  3 4 ]\r\n", [[1, 2], [3, 4]]),
        (b" [ ]\n", np.zeros((0, 0))),
        (b"[]", np.zeros((0, 0))),
    ],
)
def test_matrices(content: bytes, expected: object) -> None:
    found = value(content, "matrix")
    assert found.dtype == (np.float64 if content is DOUBLE else np.float32)
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    ("content", "kind", "expected"),
    [
        (VECTOR, "vector", [1, 2, 3]),
        (b"\0BDV " + sizes(1) + floats(0.1, code="d"), "vector", [0.1]),
        (b" [ 1 2.5 ]\n", "vector", [1, 2.5]),
        (b" [ ]\n", "vector", []),
        (INTEGERS, "integers", [7, -1, 40]),
        (b"\0B" + sizes(0), "integers", []),
        (b"7 -1 40 \nnext 1\n", "integers", [7, -1, 40]),
        (b"\nnext 1\n", "integers", []),
        (b"[ 7 8 ]\n", "integers", [7, 8]),
    ],
)
def test_vectors(content: bytes, kind: str, expected: list[float]) -> None:
    found = value(content, kind)
    assert found.ndim == 1 and (kind == "vector" or found.dtype == np.int32)
    np.testing.assert_array_equal(found, np.array(expected, dtype=found.dtype))


FST = struct.pack("<Ii6si", 2125659606, 6, b"vector", 8)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (VECTOR, "it is a vector, not a matrix"),
        (INTEGERS, "it is a vector of integers, or posteriors, not a matrix"),
        (b"7 1 40\n", "it is text without brackets, such as a vector of integers"),
        (b"\0BSM " + sizes(2, 3), "it is a sparse matrix"),
        (b"\0BFP " + sizes(2), "it is a packed matrix"),
        (b"\0B<Nnet3ChainEg> <NumInputs>", "it is an object <Nnet3ChainEg> of Kaldi's"),
        (b"\0B<TransitionModel> <Topo", "it is an object <TransitionModel> of Kaldi's"),
        (FST + b"standard", "it is an FST, not a matrix"),
        (FST + b"lattice4", "it is a lattice, not a matrix"),
        (b"RIFF\x24\x08\0\0WAVEfmt ", "it is a WAV recording"),
        (b"NIST_1A\n   1024\n", "it is a SPHERE recording"),
        (struct.pack(">iihh", 300, 100000, 52, 9) + bytes(99), "it is features of HTK's"),
        (b"\x93NUMPY\x01\0", "it is an array of numpy's"),
        (gzip.compress(MATRIX, mtime=0), "it is gzipped, but its name does not end in .gz"),
        (b"u1 " + MATRIX, "an archive from its first key on .the offset"),
        (ROWS[2:], r"no value of Kaldi's .it begins with '\\x80\?"),
        (b"\0BFM " + struct.pack(">bibi", 4, 300, 4, 13), r"it is big-endian \(300 x 13\)"),
        (b"\0BFM " + sizes(-2, 3), "its size is -2 x 3: it is damaged"),
        (b"\0BFM " + sizes(0, 3), "its size is 0 x 3: it is damaged"),
        (b"\0BFM \x08" + bytes(16), "it has a size of 8 bytes where Kaldi writes 4"),
        (b" [ 1 2\n 3 ]", "its rows have different numbers of columns"),
        (b" [ 1 two ]", "what is no number"),
        (b" [ 1 1_0 ]", "what is no number"),
    ],
)
def test_what_is_no_matrix_is_named(content: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        value(content, "matrix")


@pytest.mark.parametrize(
    "content", [MATRIX[:-1], MATRIX[:9], b"", b" [ 1 2\n", SPEECH[:-1], TWO_BYTES[:-1], b"\0BC"]
)
def test_what_is_cut_is_called_so(content: bytes) -> None:
    with pytest.raises(EOFError):
        value(content, "matrix")


def test_posteriors_are_not_taken_for_integers() -> None:
    one_frame = sizes(1, 5) + b"\4" + floats(0.5)
    with pytest.raises(ValueError, match=r"not a vector of int32, but of something else"):
        value(b"\0B" + sizes(2) + one_frame + one_frame, "integers")


@pytest.mark.parametrize("token", [b"FM ", b"CM ", b"CM2 ", b"CM3 "])
def test_a_header_that_lies_allocates_nothing(token: bytes, tmp_path: Path) -> None:
    size = sizes(2**31 - 1, 2**31 - 1) if token == b"FM " else b"\0" * 8 + b"\xff\xff\xff\x7f" * 2
    (tmp_path / "f.ark").write_bytes(b"u \0B" + token + size + bytes(100))
    (tmp_path / "f.scp").write_text("u f.ark:2\n")
    with pytest.raises(InputError, match=r"u: cannot read f\.ark:2: the archive is cut short"):
        list(read_matrices(tmp_path / "f.scp"))


@pytest.fixture
def scp(tmp_path: Path) -> Path:
    """Ten rows of four; row r holds 4 r, 4 r + 1, ..."""
    write_archive(tmp_path / "f.scp", [("u1", np.arange(40, dtype=np.float32).reshape(10, 4))])
    return tmp_path / "f.scp"


@pytest.mark.parametrize(
    ("text", "rows", "columns"),
    [
        ("[0:5]", (0, 6), (0, 4)),
        ("[2:2]", (2, 3), (0, 4)),
        ("[0:5,0:2]", (0, 6), (0, 3)),
        ("[:,1:3]", (0, 10), (1, 4)),
        ("[3:4,:]", (3, 5), (0, 4)),
        ("[:]", (0, 10), (0, 4)),
        ("[4:12]", (4, 10), (0, 4)),
    ],
)
def test_ranges_have_both_ends(
    scp: Path, text: str, rows: tuple[int, int], columns: tuple[int, int]
) -> None:
    scp.write_text(scp.read_text().rstrip() + text + "\n")
    ((_, found),) = read_matrices(scp)
    whole = np.arange(40).reshape(10, 4)
    np.testing.assert_array_equal(found, whole[slice(*rows), slice(*columns)])


def test_a_range_beyond_the_end_is_said(scp: Path, caplog: pytest.LogCaptureFixture) -> None:
    scp.write_text(scp.read_text().rstrip() + "[4:12]\n")
    with caplog.at_level(logging.WARNING):
        assert len(Matrices(scp)["u1"]) == 6
    assert "u1: range [4:12] goes beyond its 10 rows" in caplog.text


@pytest.mark.parametrize(
    "text",
    [
        "[4:13]",
        "[10:11]",
        "[5:4]",
        "[0:5,0:4]",
        "[0:1,0:1,0:1]",
        "[-1:4]",
        "[4]",
        "[a:b]",
        "[4:]",
        "[:4]",
        "[,]",
        "[]",
        "[:][:]",
    ],
)
def test_other_ranges_are_refused_as_in_kaldi(scp: Path, text: str) -> None:
    scp.write_text(scp.read_text().rstrip() + text + "\n")
    with pytest.raises(
        InputError, match=r"f\.scp: u1: cannot read .*(range must be|outside|3 dim)"
    ):
        list(read_matrices(scp))


def test_lines_of_an_scp_are_split_as_kaldi_splits_them(tmp_path: Path) -> None:
    folder = tmp_path / "my data"
    folder.mkdir()
    (folder / "a.ark").write_bytes(b"u1 " + MATRIX)
    (folder / "m.mat").write_bytes(b" [ 1 2 ]\n")
    lines = ["u1\tmy data/a.ark:3 \r\n", "  ü(2)   my data/a.ark:3[0:0]\r\n", "u3 my data/m.mat"]
    (tmp_path / "f.scp").write_bytes("".join(lines).encode())
    found = dict(read_matrices(tmp_path / "f.scp"))
    assert [m.tolist() for m in found.values()] == [[[1, 2, 3], [4, 5, 6]], [[1, 2, 3]], [[1, 2]]]
    assert list(found) == ["u1", "ü(2)", "u3"]


def test_paths_are_of_the_working_directory_or_else_of_the_scps_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    for folder, number in ((here, 1), (there, 2)):
        write_archive(folder / "f.scp", [("u", np.full((1, 1), number, dtype=np.float32))])
        (folder / "f.scp").write_text("u f.ark:2\n")
    monkeypatch.chdir(here)
    assert next(read_matrices(there / "f.scp"))[1] == 1
    (here / "f.ark").unlink()
    assert next(read_matrices(there / "f.scp"))[1] == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("u1 copy-feats scp:a.scp - |", "u1: cannot read copy-feats .*a command, which is not run"),
        ("u1", r"f\.scp:1: expected `key archive:offset`, found u1"),
        ("", r"f\.scp:1: expected `key archive:offset`"),
        ("u1 f.ark:3\nu1 f.ark:3", r"f\.scp:2: duplicate key u1"),
        (
            "u1 f.ark:99999",
            r"the archive is cut short .*nothing is left.*: copy it again; if a stage made",
        ),
        ("u1 f.ark:999999999999999999999", "no such archive: f.ark:9"),
        ("u1 f.ark:9", "it is no value of Kaldi's"),
        ("u1 f.ark", "it is an archive from its first key on"),
        ("u1 other.ark:3", "u1: no such archive: other.ark:3"),
        ("u1 .:3", "u1: cannot read .:3: .*Is a directory"),
    ],
)
def test_bad_lines_are_named(
    scp: Path, line: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(scp.parent)
    Path("f.scp").write_text(line + "\n")
    with pytest.raises(InputError, match=message):
        list(read_matrices(Path("f.scp")))


def test_only_our_own_archives_are_to_be_deleted(scp: Path) -> None:
    theirs = scp.with_name("raw_mfcc.1.ark")
    scp.with_suffix(".ark").rename(theirs)
    os.truncate(theirs, 50)
    scp.write_text("u1 raw_mfcc.1.ark:3\n")
    with pytest.raises(InputError, match=r"the archive is cut short .*: copy it again$"):
        list(read_matrices(scp))


@pytest.mark.parametrize("name", ["a.ark", "a.ark.gz", "a.gz"])
def test_archives_are_read_from_front_to_back(tmp_path: Path, name: str) -> None:
    content = b"u1 " + MATRIX + b"u2 " + TWO_BYTES + b"u3  [\n 1 2\n 3 4 ]\nu4 " + DOUBLE
    packed = gzip.compress(content, mtime=0) if name.endswith("gz") else content
    (tmp_path / name).write_bytes(packed)
    found = dict(read_matrices(tmp_path / name))
    assert [len(m) for m in found.values()] == [2, 2, 2, 1] and found["u3"].tolist()[1] == [3, 4]


def test_alignments_are_read_as_users_have_them(tmp_path: Path) -> None:
    for name, content in (("b.gz", b"u1 " + INTEGERS + b"u2 " + INTEGERS), ("t.gz", b"")):
        (tmp_path / name).write_bytes(gzip.compress(content or b"u1 7 -1 40 \nu2 7 -1 40\n"))
        (tmp_path / f"{name}.scp").write_text(f"u1 {name}:3\n")
        if name == "b.gz":  # text without brackets is no archive but to those who know
            assert [key for key, _ in read_integers(tmp_path / name)] == ["u1", "u2"]
        ((_, ids),) = read_integers(tmp_path / f"{name}.scp")
        assert ids.tolist() == [7, -1, 40]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"u1 " + MATRIX + b"u1 " + MATRIX, "u1: stands in the archive twice"),
        (b"u1 " + MATRIX + b"u2 " + MATRIX[:-1], "u2: the archive is cut short"),
        (b"u1 " + MATRIX + bytes(4) + MATRIX, "it is no value of Kaldi's"),
        (b"u1 " + FST + b"lattice4", "u1: it is a lattice, not a matrix"),
    ],
)
def test_damaged_archives_name_the_key(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.ark").write_bytes(content)
    with pytest.raises(InputError, match=message):
        list(read_matrices(tmp_path / "a.ark"))


def test_random_access_wants_an_scp(tmp_path: Path) -> None:
    (tmp_path / "a.ark").write_bytes(b"u1 " + MATRIX)
    with pytest.raises(InputError, match=r"a\.ark: an archive, not an scp; make one: copy-feats"):
        Matrices(tmp_path / "a.ark")


def test_what_was_written_comes_back_as_vectors(tmp_path: Path) -> None:
    write_archive(tmp_path / "v.scp", [("u", np.array([0.5, 2], dtype=np.float32))])
    ((_, found),) = read_vectors(tmp_path / "v.scp")
    assert found.tolist() == [0.5, 2]


def test_every_golden_archive_is_read_as_kaldi_io_reads_it(conformance: Path) -> None:
    for path in sorted(conformance.glob("*/*.ark")):
        if "graphs" in path.name or "txt" in path.name:
            continue
        expected = dict(kaldi_io.read_mat_ark(str(path)))
        found = dict(read_matrices(path))
        assert list(found) == list(expected)
        for key, matrix in found.items():
            assert matrix.dtype == expected[key].dtype
            np.testing.assert_array_equal(matrix, expected[key])


def test_golden_text_is_what_golden_bytes_are(conformance: Path) -> None:
    for name in ("mfcc13", "mfcc40"):
        text = read_matrices(conformance / "a_feats" / f"{name}.txt.ark.gz")
        for (key, found), (_, expected) in zip(
            text, read_matrices(conformance / "a_feats" / f"{name}.ark"), strict=True
        ):
            np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5, err_msg=key)
