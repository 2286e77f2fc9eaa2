"""Reading through PyKaldi: what is said without it, and what is asked of it."""

import sys
import types
from pathlib import Path

import numpy as np
import pytest

from pyscorer.contract import pykaldi
from pyscorer.contract.archives import Matrices, read_integers, read_matrices, write_archive
from pyscorer.errors import InputError


@pytest.fixture
def scp(tmp_path: Path) -> Path:
    write_archive(tmp_path / "feats.scp", [("u1", np.ones((2, 3), dtype=np.float32))])
    return tmp_path / "feats.scp"


def test_absence_is_said_with_what_to_do(scp: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYSCORER_READER", "pykaldi")
    monkeypatch.setitem(sys.modules, "kaldi", None)  # as if it were not installed
    monkeypatch.setitem(sys.modules, "kaldi.util.table", None)
    for read in (lambda: next(read_matrices(scp)), lambda: Matrices(scp)["u1"]):
        with pytest.raises(InputError, match=r"PyKaldi cannot be imported.*unset PYSCORER_READER"):
            read()


def test_an_unknown_reader_is_named(scp: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PYSCORER_READER", "pikaldi")
    with pytest.raises(
        InputError, match="PYSCORER_READER=pikaldi: no such reader; known: kaldi_io"
    ):
        next(read_matrices(scp))


def test_without_the_switch_it_is_not_asked(scp: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("PYSCORER_READER", raising=False)
    monkeypatch.setitem(sys.modules, "kaldi", None)
    assert next(read_matrices(scp))[1].tolist() == [[1, 1, 1], [1, 1, 1]]


def test_with_it_tables_are_opened_by_their_scp(scp: Path, monkeypatch: pytest.MonkeyPatch):
    asked = []

    class Reader(dict):
        def __init__(self, specifier: str) -> None:
            asked.append(specifier)
            super().__init__(u1=types.SimpleNamespace(numpy=lambda: np.zeros((1, 2))))

    class Integers(dict):
        def __init__(self, specifier: str) -> None:
            super().__init__(u1=(3, 4))

    table = types.ModuleType("kaldi.util.table")
    table.RandomAccessMatrixReader, table.RandomAccessIntVectorReader = Reader, Integers
    for name in ("kaldi", "kaldi.util"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, "kaldi.util.table", table)
    monkeypatch.setenv("PYSCORER_READER", "pykaldi")
    pykaldi._open.cache_clear()
    try:
        assert Matrices(scp)["u1"].tolist() == [[0, 0]]
        assert dict(read_integers(scp))["u1"].tolist() == [3, 4]
    finally:
        pykaldi._open.cache_clear()
    assert asked == [f"scp:{scp}"]


def test_pykaldi_reads_what_kaldi_io_reads(scp: Path, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("kaldi.util.table", reason="PyKaldi is not installed")
    monkeypatch.setenv("PYSCORER_READER", "pykaldi")
    assert next(read_matrices(scp))[1].tolist() == [[1, 1, 1], [1, 1, 1]]
