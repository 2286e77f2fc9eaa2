"""Arrays that stand in a file, and what is computed of them piece by piece."""

import numpy as np
import pytest

from pyscorer.contract.large import filled, gathered, joined, moments_of, taken

SIZES = pytest.mark.parametrize("large", [0, 1000, 1 << 28], ids=["by row", "by piece", "whole"])


@SIZES
def test_rows_are_those_asked_for(large, monkeypatch):
    monkeypatch.setattr("pyscorer.contract.large._LARGE", large)
    values = np.arange(600.0).reshape(300, 2)
    rows = np.array([5, 299, 0, 5] * 50)
    assert (taken(values, rows) == values[rows]).all()
    assert (joined([values, values[:0], values[:7]]) == np.r_[values, values[:7]]).all()
    assert (filled((300,), values.dtype, lambda piece: values[piece, 1]) == values[:, 1]).all()
    assert taken(values, rows[:0]).shape == (0, 2)


def test_what_is_gathered_follows_each_other():
    parts = [np.arange(4.0).reshape(2, 2), np.ones((0, 2)), np.full((1, 2), 9.0)]
    assert gathered(iter(parts)).tolist() == [[0, 1], [2, 3], [9, 9]]
    assert gathered([parts[1]]).shape == (0, 2)


@SIZES
@pytest.mark.parametrize("shape", [(2,), (40,), (2, 3)], ids=str)
@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:Degrees of freedom")
def test_moments_are_those_of_numpy_to_the_byte(shape, large, monkeypatch):
    monkeypatch.setattr("pyscorer.contract.large._LARGE", large)
    generator = np.random.default_rng(0)
    values = generator.normal(3, 2, (999, *shape)).astype(np.float32)
    mean, deviation = moments_of(values)
    assert (mean == values.mean(axis=0)).all() and (deviation == values.std(axis=0)).all()
    values[generator.random(values.shape) < 0.2] = np.nan
    values[:, 0] = np.nan
    mean, deviation = moments_of(values)
    assert mean.dtype == deviation.dtype == np.float32
    np.testing.assert_array_equal(mean, np.nanmean(values, axis=0))
    np.testing.assert_array_equal(deviation, np.nanstd(values, axis=0))


def test_moments_of_one_column_are_those_of_numpy_within_a_piece():
    values = np.random.default_rng(0).normal(3, 2, 9999).astype(np.float32)
    mean, deviation = moments_of(values)
    assert mean == values.mean() and deviation == values.std()
