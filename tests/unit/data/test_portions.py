"""Numbers worked on in portions: what comes out is to the bit what all of them at once give, and no copy of all of them is made."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from nntrain.data.blockwise.learning import Moments
from nntrain.data.fields.field import RaggedArray
from nntrain.data.portions import PORTION, column_sums, portions
from nntrain.data.preparing import prepare
from nntrain.data.scaling import fit_scaling, read_matrix, scale, take
from nntrain.data.settings import DataSettings
from nntrain.data.table import Table
from nntrain.errors import DataError

SHAPES = [(0, 3), (1, 1), (7, 2), (1000, 1), (PORTION + 1, 1), (300_001, 1), (100_003, 2), (30_000, 3), (3000, 80), (3, PORTION + 9)]


def numbers(rows: int, features: int, kind: Any = np.float32) -> np.ndarray[Any, Any]:
    draws = np.random.default_rng(rows)
    values = (draws.normal(size=(rows, features)) * 50 + 100).astype(kind)
    if values.dtype.kind == "f":
        values[draws.random((rows, features)) < 0.05] = np.nan
    return values


def moments_at_once(values: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], ...]:
    """As `Moments.of` has them, in whole arrays."""
    is_present = ~np.isnan(values)
    counts = is_present.sum(axis=0)
    low = np.where(counts > 0, np.where(is_present, values, np.inf).min(axis=0, initial=np.inf), 0.0)
    high = np.where(counts > 0, np.where(is_present, values, -np.inf).max(axis=0, initial=-np.inf), 0.0)
    mean = np.where(low == high, low, np.where(is_present, values, 0.0).sum(axis=0) / np.maximum(counts, 1))
    apart = np.where(is_present, values - mean, 0.0)
    rest = np.where(low == high, 0.0, apart.sum(axis=0) / np.maximum(counts, 1))
    return counts, low, high, mean, rest, np.maximum((apart**2).sum(axis=0) - counts * rest**2, 0.0)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("kind", [np.float64, np.float32, np.uint8])
def test_sums_and_moments_are_those_of_all_rows_at_once(shape: tuple[int, int], kind: Any) -> None:
    values = numbers(*shape, kind)
    wide = values.astype(np.float64)
    np.testing.assert_array_equal(column_sums(np.nan_to_num(values), lambda part: part), np.nan_to_num(wide).sum(axis=0))
    found = Moments.of(values)
    for one, other in zip((found.counts, found.low, found.high, found.mean, found.rest, found.squares), moments_at_once(wide), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("shape", SHAPES)
def test_portions_are_all_rows_once(shape: tuple[int, int]) -> None:
    rows = [np.arange(shape[0])[part] for part in portions(np.zeros(shape))]
    np.testing.assert_array_equal(np.concatenate(rows), np.arange(shape[0]))


def test_columns_that_lie_in_memory_one_after_another_are_one_portion() -> None:
    values = np.asfortranarray(numbers(100_003, 3))
    assert list(portions(values)) == [slice(0, 100_003)]
    np.testing.assert_array_equal(Moments.of(values).mean, Moments.of(values.astype(np.float64)).mean)


@pytest.mark.parametrize("normalize", ["standard", "robust", "minmax", "none"])
@pytest.mark.parametrize("missing", ["mean", "median", 3.5])
def test_narrow_numbers_are_fitted_and_scaled_as_wide_ones(normalize: Any, missing: Any) -> None:
    values = numbers(3000, 80)
    one, other = (fit_scaling(each, normalize, missing) for each in (values, values.astype(np.float64)))
    for name in ("offset", "scale", "fill"):
        assert one[name].dtype == torch.float64
        assert torch.equal(one[name], other[name])
    found = scale(values, one)
    filled = np.where(np.isnan(values), one["fill"].numpy(), values.astype(np.float64))
    np.testing.assert_array_equal(found, ((filled - one["offset"].numpy()) / one["scale"].numpy()).astype(np.float32))


def test_faults_are_those_of_all_rows() -> None:
    state = {**fit_scaling(np.zeros((2, 80)), "none", "error"), "has_fill": False}
    values = np.zeros((3000, 80))
    values[0, 0], values[2000:, 5] = 1e300, np.nan
    with pytest.raises(DataError, match="1,000 rows have missing values"):
        scale(values, state)
    values[2000:, 5] = -2e300
    with pytest.raises(DataError, match=r"values up to 2e\+300 are too large"):
        scale(values, state)


def test_arrays_are_read_as_narrow_as_they_are() -> None:
    for kind, expected in {np.float32: np.float32, np.uint8: np.uint8, np.int64: np.float64, np.float64: np.float64}.items():
        table = Table("t", {"v": numbers(5, 3, kind), "n": numbers(5, 1, kind)[:, 0]}, 5)
        assert read_matrix(table, ("v",)).dtype == expected
        assert table.numbers("n").dtype == np.float64
    table = Table("t", {"n": np.arange(5)}, 5)
    assert read_matrix(table, ("n", "n")).tolist() == [[value, value] for value in range(5)]


def test_rows_that_follow_one_another_are_taken_without_a_copy() -> None:
    values = numbers(10, 3)
    assert np.shares_memory(take(values, np.arange(2, 9)), values)
    for rows in ([0, 2, 1, 3], [0, 0, 2], [1, 3], [5], [], [4, 3]):
        np.testing.assert_array_equal(take(values, np.array(rows, dtype=np.int64)), values[np.array(rows, dtype=np.int64)])
    assert not np.shares_memory(take(values, np.array([0, 2, 1, 3])), values)
    ragged = RaggedArray(values, np.array([4, 6]))
    assert take(ragged, np.arange(2)) is ragged
    assert take(ragged, np.array([1])).values.tolist() == values[4:].tolist()
    values.flags.writeable = False
    assert take(values, np.arange(10)).flags.writeable


@pytest.mark.parametrize("kind", ["vector", "image"])
def test_preparing_an_array_makes_one_array_of_its_size_at_most(tmp_path: Path, kind: str) -> None:
    values = np.random.default_rng(0).random((20_000, 80), dtype=np.float32)
    values = values if kind == "vector" else values.reshape(-1, 1, 8, 10)
    np.savez(tmp_path / "rows.npz", x=values, y=np.arange(20_000) % 2)
    fields = {"x": {"type": kind}, "y": {"type": "category", "role": "target"}}
    source = {"type": "arrays", "path": "rows.npz"}
    settings = DataSettings.model_validate({"source": source, "fields": fields, "split": {"validation": None, "test": None}})
    prepare(settings, tmp_path, seed=0)  # what is imported and cached
    tracemalloc.start()
    try:
        found = prepare(settings, tmp_path, seed=0)
        kept, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.train.inputs["x"].nbytes == values.nbytes
    assert kept < 1.3 * values.nbytes
    assert most < (1.6 if kind == "image" else 2.7) * values.nbytes
