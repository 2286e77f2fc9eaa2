"""Pooled vectors in memory, and in files that stand in for it."""

import numpy as np
import pytest

from pyscorer.contract.pooled import concatenate, read_pooled, write_pooled
from pyscorer.contract.segments import PhoneSegment
from pyscorer.errors import InputError


@pytest.fixture
def pool(tmp_path):
    segments = [PhoneSegment(0, i, "AA", 3 * i, 3, 0, 0) for i in range(3)]
    rows = [("a", segments, np.arange(6).reshape(3, 2)), ("b", segments[:1], np.full((1, 2), 9))]
    write_pooled(tmp_path, ["x", "y"], rows)
    return tmp_path


@pytest.mark.parametrize("large", [0, 1 << 28], ids=["a file", "memory"])
def test_features_are_the_columns_asked_for(large, pool, monkeypatch):
    monkeypatch.setattr("pyscorer.contract.large._LARGE", large)
    read = read_pooled(pool, ["y"])
    assert read.features.tolist() == [[1], [3], [5], [9]] and read.features.dtype == np.float32
    assert read.phone_counts.tolist() == [3, 1] and read.keys == ["a", "b"]
    both = concatenate([read, read])
    assert both.features.tolist() == [[1], [3], [5], [9]] * 2
    assert both.keys == ["a", "b"] * 2
    both.features[0] = 7
    assert read.features[0] == 1 and type(both.features) is np.ndarray


@pytest.mark.parametrize("line", [1, 4])
def test_segments_of_other_phones_are_refused(line, pool):
    lines = (pool / "segments.csv").read_text().splitlines(keepends=True)
    (pool / "segments.csv").write_text("".join(lines[:1] + lines[2:] if line == 1 else lines[:-1]))
    with pytest.raises(InputError):
        read_pooled(pool, ["x"])
