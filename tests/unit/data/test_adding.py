"""The adding problem as a source: numbers, marks, their sum."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from nntrain.data.sources.adding import Adding


def columns(source: Adding, part: str = "train") -> tuple[np.ndarray, np.ndarray]:
    """The sequences and the sums of a part."""
    table = source.read(Path(part), part)
    return np.asarray(table.columns["sequence"]), np.asarray(table.columns["sum"])


def test_two_steps_are_marked_one_in_each_half() -> None:
    sequence, total = columns(Adding(length=10, rows=500))
    assert sequence.shape == (500, 10, 2)
    numbers, marks = sequence[..., 0], sequence[..., 1]
    assert (marks[:, :5].sum(axis=1) == 1).all()
    assert (marks[:, 5:].sum(axis=1) == 1).all()
    assert set(np.unique(marks).tolist()) == {0.0, 1.0}
    assert ((numbers >= 0) & (numbers < 1)).all()
    assert marks.sum(axis=0).all(), "any step may be marked"
    np.testing.assert_allclose((numbers * marks).sum(axis=1), total, atol=1e-6)


def test_a_mean_that_is_always_said_has_the_variance_of_two_numbers() -> None:
    _, total = columns(Adding(length=4, rows=20_000))
    assert abs(float(((total - 1) ** 2).mean()) - 1 / 6) < 0.005


def test_rows_are_a_function_of_the_seed_and_test_rows_are_others() -> None:
    first, again, other = (columns(Adding(length=6, rows=50, seed=seed))[0] for seed in (0, 0, 1))
    assert (first == again).all()
    assert (first != other).any(axis=(1, 2)).all()
    test, _ = columns(Adding(length=6, rows=50, test=50), "test")
    assert (first[..., 0] != test[..., 0]).all()


def test_what_is_drawn_is_fingerprinted() -> None:
    source = Adding(length=6, rows=50)
    assert source.fingerprint(Path("train")) == source.fingerprint(Path("train")) != source.fingerprint(Path("test"))
    assert Adding(length=7, rows=50).fingerprint(Path("train")) != source.fingerprint(Path("train"))


def test_sizes_are_known_before_anything_is_drawn() -> None:
    header = Adding(length=6, rows=50, test=7).peek(Path("test"), "test")
    assert header.rows == 7
    assert [(column.name, column.shape) for column in header.columns] == [("sequence", (6, 2)), ("sum", ())]
