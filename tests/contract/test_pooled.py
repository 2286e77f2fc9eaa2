"""Pooled vectors in memory, and in files that stand in for it."""

import numpy as np
import pytest

from pyscorer.contract.pooled import concatenate, gathered, moments, read_pooled, write_pooled
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
    monkeypatch.setattr("pyscorer.contract.pooled._LARGE", large)
    read = read_pooled(pool, ["y"])
    assert read.features.tolist() == [[1], [3], [5], [9]] and read.features.dtype == np.float32
    assert read.phone_counts.tolist() == [3, 1] and read.keys == ["a", "b"]
    both = concatenate([read, read])
    assert both.features.tolist() == [[1], [3], [5], [9]] * 2
    assert both.keys == ["a", "b"] * 2
    both.features[0] = 7
    assert read.features[0] == 1 and type(both.features) is np.ndarray


def test_what_is_gathered_follows_each_other():
    parts = [np.arange(4.0).reshape(2, 2), np.ones((0, 2)), np.full((1, 2), 9.0)]
    assert gathered(iter(parts)).tolist() == [[0, 1], [2, 3], [9, 9]]
    assert gathered([parts[1]]).shape == (0, 2)


@pytest.mark.parametrize("columns", [2, 3, 40])
@pytest.mark.parametrize("large", [0, 1000, 1 << 28], ids=["by row", "by piece", "whole"])
def test_moments_are_those_of_numpy_to_the_byte(columns, large, monkeypatch):
    monkeypatch.setattr("pyscorer.contract.pooled._LARGE", large)
    features = np.random.default_rng(0).normal(3, 2, (999, columns)).astype(np.float32)
    mean, deviation = moments(features)
    assert (mean == features.mean(axis=0)).all() and (deviation == features.std(axis=0)).all()


@pytest.mark.parametrize("line", [1, 4])
def test_segments_of_other_phones_are_refused(line, pool):
    lines = (pool / "segments.csv").read_text().splitlines(keepends=True)
    (pool / "segments.csv").write_text("".join(lines[:1] + lines[2:] if line == 1 else lines[:-1]))
    with pytest.raises(InputError):
        read_pooled(pool, ["x"])
