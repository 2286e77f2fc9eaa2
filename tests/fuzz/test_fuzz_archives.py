"""Damaged archives, indices and alignments: an answer or an InputError, and nothing outside OUT."""

import gzip
import shutil
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutations import fresh, fuzz, mutated, survives

from pyscorer.alignment.textgrid import textgrids
from pyscorer.contract.archives import Matrices, read_integers, read_matrices, read_vectors
from pyscorer.contract.ctm import read_ctm
from pyscorer.errors import InputError


def sizes(*numbers: int) -> bytes:
    return b"".join(struct.pack("<bi", 4, n) for n in numbers)


BODY = np.linspace(-1, 1, 12, dtype="<f4")
VALUES = [
    b"\0BFM " + sizes(4, 3) + BODY.tobytes(),
    b"\0BDM " + sizes(3, 2) + BODY[:6].astype("<f8").tobytes(),
    b"\0BCM " + struct.pack("<ffii", -1, 2, 5, 2) + bytes(range(8 * 2 + 5 * 2)),
    b"\0BCM2 " + struct.pack("<ffii", -1, 2, 2, 3) + bytes(range(12)),
    b"\0BCM3 " + struct.pack("<ffii", -1, 2, 2, 3) + bytes(range(6)),
    b" [\n  1 2 3 \n  4 5.5 -6e-1 ]\n",
]
ARCHIVE = b"".join(b"u%d " % i + value for i, value in enumerate(VALUES))
VECTORS = b"u0 \0BFV " + sizes(3) + BODY[:3].tobytes() + b"u1  [ 1 2 3 ]\n"
INTEGERS = b"u0 \0B" + sizes(3, 7, 7, 40) + b"u1 \0B" + sizes(0) + b"u2 1 2 3 \n"
READERS = [
    pytest.param(read_matrices, ARCHIVE, id="matrices"),
    pytest.param(read_vectors, VECTORS, id="vectors"),
    pytest.param(read_integers, INTEGERS, id="integers"),
]


@pytest.mark.parametrize(("read", "valid"), READERS)
def test_archives(tmp_path_factory, read, valid):
    @fuzz
    @given(mutated(valid))
    def check(content: bytes) -> None:
        path = fresh(tmp_path_factory) / "a.ark"
        path.write_bytes(content)
        survives(lambda: list(read(path)))

    check()


@fuzz
@given(mutated(gzip.compress(ARCHIVE)))
def test_gzipped_archives(tmp_path_factory, content):
    path = fresh(tmp_path_factory) / "a.ark.gz"
    path.write_bytes(content)
    answer = survives(lambda: list(read_matrices(path)))
    # What is gzipped has a checksum: no other numbers come out of it.
    if not isinstance(answer, InputError) and answer:
        assert [key for key, _ in answer] == [f"u{i}" for i in range(len(VALUES))]


@fuzz
@given(mutated(ARCHIVE), st.integers(0, len(ARCHIVE)))
def test_an_scp_into_a_damaged_archive(tmp_path_factory, content, offset):
    folder = fresh(tmp_path_factory)
    (folder / "b.ark").write_bytes(content)
    (folder / "b.scp").write_text(f"u0 {folder}/b.ark:3\nu1 {folder}/b.ark:{offset}\n")
    for read in (read_matrices, read_integers, read_vectors):
        survives(lambda read=read: list(read(folder / "b.scp")))


SCP = "u0 {0}/c.ark:3\nu1 {0}/c.ark:3[0:1]\nu2 {0}/c.ark:3[:,1:2]\nu3 {0}/c.ark\n"


@fuzz
@given(st.data())
def test_a_damaged_scp(tmp_path_factory, data):
    folder = fresh(tmp_path_factory)
    (folder / "c.ark").write_bytes(ARCHIVE)
    (folder / "c.scp").write_bytes(data.draw(mutated(SCP.format(folder).encode())))
    survives(lambda: list(read_matrices(folder / "c.scp")))
    survives(lambda: [Matrices(folder / "c.scp")[k] for k in ("u0", "u1", "u2")])


CTM = b";; phones\nu1 1 0.00 0.10 SIL\nu1 1 0.10 0.25 AY 0.9\nspk/u 1 0.000 0.125 B\n"


@fuzz
@given(mutated(CTM))
def test_alignments(tmp_path_factory, content):
    path = fresh(tmp_path_factory) / "x.ctm"
    path.write_bytes(content)
    answer = survives(lambda: list(read_ctm(path)))
    if not isinstance(answer, InputError):
        for _, segments in answer:
            ends = [0, *(s.end for s in segments)]
            assert all(s.length > 0 and s.start >= e for s, e in zip(segments, ends, strict=False))


ID = st.text(st.characters(exclude_categories=["Cs", "Z", "Cc"]), min_size=1, max_size=120)
PATHS = st.sampled_from(
    ["../../up", "/abs", "..", ".", "a/b", "a/../../../b", "~/x", "C:\\x", "%2e"]
)


@fuzz
@given(st.lists(ID | PATHS, min_size=1, max_size=4, unique=True))
def test_textgrids_stay_in_their_folder(tmp_path_factory, keys):
    folder = fresh(tmp_path_factory) / f"grids-{zlib.crc32(repr(keys).encode()):08x}"
    folder.mkdir(exist_ok=True)
    for name in ("phones", "words"):
        lines = "".join(f"{key} 1 0.0 0.5 AY\n" for key in keys)
        (folder / f"{name}.ctm").write_text(lines, encoding="utf-8")
    before = set(folder.parent.iterdir())
    answer = survives(lambda: textgrids(folder, folder / "deep" / "out"))
    assert set(folder.parent.iterdir()) == before
    made = {p for p in folder.rglob("*") if p.is_file() and p.suffix != ".ctm"}
    assert all(p.parent == folder / "deep" / "out" for p in made)
    if not isinstance(answer, InputError):
        read = [key for key, _ in read_ctm(Path(folder / "phones.ctm"))]
        assert len(made) == len(read)
    shutil.rmtree(folder)
