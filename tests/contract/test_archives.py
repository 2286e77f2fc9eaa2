import os
import tracemalloc

import numpy as np
import pytest

from pyscorer.contract.archives import Matrices, read_integers, read_matrices, write_archive
from pyscorer.errors import InputError


def random_matrices(count, rows=7, columns=3):
    generator = np.random.default_rng(0)
    for index in range(count):
        yield f"utt{index:04}", generator.normal(size=(rows, columns)).astype(np.float32)


def test_matrices_come_back_as_written(tmp_path):
    scp = tmp_path / "feats.scp"
    assert write_archive(scp, random_matrices(5)) == 5
    for (key, written), (read_key, read) in zip(
        random_matrices(5), read_matrices(scp), strict=True
    ):
        assert key == read_key
        np.testing.assert_array_equal(written, read)


def test_integer_vectors_come_back_as_written(tmp_path):
    scp = tmp_path / "ali.scp"
    ids = np.array([1, 1, 40], dtype=np.int32)
    write_archive(scp, [("utt", ids)])
    ((key, read),) = read_integers(scp)
    assert key == "utt"
    np.testing.assert_array_equal(read, ids)


def test_random_access_reads_one_matrix(tmp_path):
    scp = tmp_path / "feats.scp"
    write_archive(scp, random_matrices(5))
    matrices = Matrices(scp)
    np.testing.assert_array_equal(matrices["utt0003"], dict(random_matrices(5))["utt0003"])
    assert len(matrices) == 5 and "utt0009" not in matrices
    with pytest.raises(InputError, match=r"feats\.scp: no utterance utt0009"):
        matrices["utt0009"]


def test_an_archive_cut_in_the_middle_names_the_utterance(tmp_path):
    scp = tmp_path / "feats.scp"
    write_archive(scp, random_matrices(3))
    os.truncate(tmp_path / "feats.ark", (tmp_path / "feats.ark").stat().st_size - 10)
    stream = read_matrices(scp)
    next(stream), next(stream)
    with pytest.raises(InputError, match=r"utt0002: cannot read .* cut short or damaged"):
        next(stream)


def test_an_integer_archive_cut_in_the_middle_names_the_utterance(tmp_path):
    scp = tmp_path / "ali.scp"
    write_archive(scp, [("utt", np.arange(50, dtype=np.int32))])
    os.truncate(tmp_path / "ali.ark", (tmp_path / "ali.ark").stat().st_size - 10)
    with pytest.raises(InputError, match="utt: cannot read"):
        list(read_integers(scp))


def test_a_missing_archive_names_the_utterance(tmp_path):
    scp = tmp_path / "feats.scp"
    write_archive(scp, random_matrices(1))
    (tmp_path / "feats.ark").unlink()
    with pytest.raises(InputError, match="utt0000: no such archive"):
        list(read_matrices(scp))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_name_the_utterance(tmp_path, bad):
    scp = tmp_path / "feats.scp"
    write_archive(scp, [("utt", np.full((2, 2), bad, dtype=np.float32))])
    with pytest.raises(InputError, match="utt: NaN or infinity"):
        list(read_matrices(scp))
    with pytest.raises(InputError, match="utt: NaN or infinity"):
        Matrices(scp)["utt"]


def test_a_writer_that_dies_leaves_no_index(tmp_path):
    scp = tmp_path / "feats.scp"
    write_archive(scp, random_matrices(2))

    def dying():
        yield from random_matrices(1)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_archive(scp, dying())
    assert not scp.exists()


def test_memory_does_not_grow_with_the_archive(tmp_path):
    def peak(count):
        tracemalloc.start()
        write_archive(tmp_path / "f.scp", random_matrices(count, rows=2000, columns=40))
        for _ in read_matrices(tmp_path / "f.scp"):
            pass
        (_, high), _ = tracemalloc.get_traced_memory(), tracemalloc.stop()
        return high

    assert peak(40) < 1.2 * peak(4)


def test_golden_kaldi_archive_is_read(conformance, tmp_path):
    import gzip

    import kaldi_io

    path = conformance / "a_feats" / "mfcc13.ark"
    with gzip.open(path.with_name("mfcc13.txt.ark.gz"), "rt") as text:
        rows, expected = [], {}
        for line in text:
            words = line.replace("[", " ").replace("]", " ").split()
            if "[" in line:
                key, words, rows = words[0], words[1:], []
            if words:
                rows.append([float(word) for word in words])
            if "]" in line:
                expected[key] = np.array(rows)
    found = dict(kaldi_io.read_mat_ark(str(path)))
    assert found.keys() == expected.keys()
    for key in found:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-5, atol=1e-5)
