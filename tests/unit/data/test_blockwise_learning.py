"""What fields learn of a table a block at a time: what they learn of all rows at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from blockwise_tables import FIELDS, ROWS, both, frame, prepared, small_blocks, write

from nntrain.data.blockwise import learning
from nntrain.data.blockwise.facts import COUNTED, ColumnFacts
from nntrain.data.blockwise.preparing import open_blocks
from nntrain.data.facts import RowFacts, facts_of_series
from nntrain.data.noise import row_keys
from nntrain.data.numerals import POINT
from nntrain.data.settings import DataSettings
from nntrain.errors import DataError

ROUNDING = 1e-12
"""How far float64 statistics may be apart that were added up in another order, relative."""


def assert_states_equal(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, torch.Tensor):
            torch.testing.assert_close(other[name], value, rtol=ROUNDING, atol=ROUNDING)
        elif isinstance(value, float):
            assert other[name] == pytest.approx(value, rel=ROUNDING)
        else:
            assert other[name] == value, name


@pytest.mark.parametrize("kind", ["csv", "parquet", "jsonl"])
def test_every_type_of_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    small_blocks(monkeypatch)
    path = write(tmp_path, kind)
    assert len(open_blocks(DataSettings.parse({"source": path.name, "target": "kind"}), tmp_path, 6_000)["train"]) >= 4
    memory, streamed = both(path)
    assert [field.name for field in streamed.fields.fields] == [field.name for field in memory.fields.fields]
    types = {field.plan.field.type for field in memory.fields.fields}
    assert {"number", "vector", "category", "ordinal", "date", "boolean", "multi_label"} <= types
    for one, other in zip(memory.fields.fields, streamed.fields.fields, strict=True):
        assert (other.plan.field, other.plan.spec, other.plan.role) == (one.plan.field, one.plan.spec, one.plan.role)
        assert_states_equal(one.state, other.state)
        assert other.shown.ranges == one.shown.ranges, "lowest and highest are exact"
        assert other.shown.missing == pytest.approx(one.shown.missing, rel=ROUNDING)
    told = next(note for note in memory.notes if note.startswith("missing values"))
    assert told in streamed.notes


@pytest.mark.parametrize("kind", [pytest.param("csv", marks=pytest.mark.slow), "parquet", pytest.param("jsonl", marks=pytest.mark.slow)])
def test_types_are_those_that_all_training_rows_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    small_blocks(monkeypatch)
    late = pl.when(pl.int_range(ROWS) > 350).then(pl.lit("w")).otherwise(pl.lit("7"))
    table = frame().with_columns(row=pl.int_range(ROWS), never=pl.lit("one"), late=late)
    path = write(tmp_path, kind, table)
    memory, streamed = both(path, fields={})
    assert [(plan.name, plan.field, plan.note) for plan in streamed.layout.fields] == [
        (plan.name, plan.field, plan.note) for plan in memory.layout.fields
    ]
    assert streamed.layout.left_out == memory.layout.left_out
    assert {"row", "never"} <= {name for name, _ in streamed.layout.left_out}
    for one, other in zip(memory.fields.fields, streamed.fields.fields, strict=True):
        assert_states_equal(one.state, other.state)


def test_vocabularies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    path = write(tmp_path, "parquet")
    fields: dict[str, Any] = {name: {"role": "ignore"} for name in frame().columns if name not in ("told", "kind")}
    ways = [*({"tokenizer": name} for name in ("word", "char", "space", "byte")), {"max_vocab": 4}, {"min_count": 330}, {"lowercase": True}]
    fields |= {f"way{number}": {"type": "text", "column": "told", **way} for number, way in enumerate(ways)}
    memory, streamed = both(path, fields=fields)
    assert len(memory.fields.fields) == 1 + len(ways)
    for one, other in zip(memory.fields.fields, streamed.fields.fields, strict=True):
        assert other.state == one.state
        assert other.plan.spec == one.plan.spec
    assert sum(field.state.get("unknown", 0) > 0 for field in memory.fields.fields) == 2


def test_quantiles_of_many_rows_are_those_of_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The rank of a median of S of the rows is off by 0.5 / sqrt(S), one deviation."""
    small_blocks(monkeypatch)
    monkeypatch.setattr(learning, "SAMPLED", 100)
    path = write(tmp_path, "parquet")
    streamed = prepared(path, streaming=True)
    count = next(field for field in streamed.fields.fields if field.name == "count")
    rows = frame()["count"].to_numpy()[streamed.train.rows.numpy()]
    rank = float((rows < float(count.state["offset"])).mean())
    assert abs(rank - 0.5) < 4 * 0.5 / np.sqrt(100)
    again = prepared(path, streaming=True)
    assert_states_equal(count.state, next(field for field in again.fields.fields if field.name == "count").state)


@pytest.mark.parametrize("cuts", [((0, 100), (100, 180), (180, 300)), ((0, 1), (1, 3), (3, 300))])
def test_facts_of_parts_are_those_of_the_whole(cuts: tuple[tuple[int, int], ...]) -> None:
    draws = np.random.default_rng(1)
    whole: dict[str, list[str | None]] = {
        "numbers": [str(value) for value in draws.integers(0, 9, 300)],
        "reals": [None if row % 9 == 1 else f"{value:.3f}" for row, value in enumerate(draws.normal(0, 1, 300))],
        "ids": [str(value) for value in range(50, 350)],
        "years": [str(value) for value in range(1700, 2000)],
        "codes": [f"{value:04}" for value in range(300)],
        "units": [f"{value} km" for value in draws.integers(0, 90, 300)],
        "days": [f"{day:02}.{month:02}.2020" for day, month in draws.integers(1, 13, (300, 2))],
        "either": [f"{day}/{month}/2020" for day, month in zip(draws.integers(1, 13, 300), draws.integers(1, 13, 300), strict=True)],
        "clear": [f"{day}/{month}/2020" for day, month in zip([*range(1, 13)] * 24 + [31] * 12, [*range(1, 13)] * 25, strict=True)],
        "stand-ins": [*(str(value) for value in draws.integers(0, 90, 299)), "-999"],
        "texts": [" ".join(draws.choice(["a", "bc", "d"], 8)) for _ in range(300)],
        "empty": [None] * 300,
        "mixed": [str(value) if value % 3 else "n/k" for value in range(300)],
    }
    for name, cells in whole.items():
        series = pl.Series(name, cells, dtype=pl.String)
        expected = facts_of_series(series, np.arange(300))
        found = ColumnFacts(POINT, None)
        for start, end in cuts:
            found.add(series[start:end], np.arange(start, end))
        assert_facts(found.found(), expected, name)


def assert_facts(found: RowFacts, expected: RowFacts, name: str) -> None:
    assert found.words == pytest.approx(expected.words), name
    for key in RowFacts.__slots__:
        if key != "words":
            assert getattr(found, key) == getattr(expected, key), (name, key)


def test_different_texts_beyond_those_that_are_counted() -> None:
    found = ColumnFacts(POINT, None)
    count = 20 * COUNTED
    for start in range(0, count, count // 4):
        cells = pl.Series("x", [f"t{value}" for value in range(start, start + count // 4)])
        found.add(cells, np.arange(start, start + count // 4))
    assert found.found().distinct == pytest.approx(count, rel=4 * 0.016)


def test_a_cell_that_is_no_number_is_named_by_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    table = frame().with_columns(pl.col("first").cast(pl.String)).with_row_index("n")
    table = table.with_columns(first=pl.when(pl.col("n") == 390).then(pl.lit("oops")).otherwise("first")).drop("n")
    path = write(tmp_path, "csv", table)
    with pytest.raises(DataError, match=r"first should be a number.*line 392 'oops'"):
        prepared(path, streaming=True, fields={**FIELDS, "size": {"role": "ignore"}})


def test_dates_that_are_written_in_two_ways(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_blocks(monkeypatch)
    table = frame().with_row_index("n")
    other = pl.col("day").str.replace(r"(\d+)-(\d+)-(\d+)", "$3.$2.$1")
    path = write(tmp_path, "csv", table.with_columns(day=pl.when(pl.col("n") > 300).then(other).otherwise("day")).drop("n"))
    with pytest.raises(DataError, match="day"):
        prepared(path, streaming=True)


@pytest.mark.parametrize("first", [0.0, 2.0**60, 1.7e18])
def test_moments_of_parts_are_those_of_the_whole_far_from_zero(first: float) -> None:
    """Whole numbers and times in ns whose spread is small beside them."""
    values = first + 256.0 * np.random.default_rng(0).integers(0, 8, (3000, 1))
    parts = [learning.Moments.of(part) for part in np.array_split(values, 40)]
    found = parts[0]
    for part in parts[1:]:
        found = found.merged(part)
    near = values - first  # exact
    for moments in (found, learning.Moments.of(values)):
        assert moments.squares == pytest.approx(near.var() * len(near), rel=ROUNDING)
        assert (moments.mean - first) + moments.rest == pytest.approx(near.mean(), rel=ROUNDING)


@pytest.mark.parametrize("decides", [pytest.param(3, marks=pytest.mark.slow), 390])
def test_dates_of_which_few_rows_tell_the_day_from_the_month(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decides: int) -> None:
    small_blocks(monkeypatch)
    days = [f"{1 + row % 12}/{1 + row % 11}/2020" for row in range(ROWS)]
    days[decides] = "31/7/2020"
    path = write(tmp_path, "csv", frame().with_columns(day=pl.Series(days)))
    memory, streamed = both(path)
    one, other = (next(field for field in found.fields.fields if field.name == "day") for found in (memory, streamed))
    assert other.plan.field == one.plan.field
    assert_states_equal(one.state, other.state)
    write(tmp_path, "csv", frame().with_columns(day=pl.Series(["1/2/2020"] * 200 + [f"{1 + row % 12}/2/2020" for row in range(200)])))
    for streaming in (False, True):
        with pytest.raises(DataError, match=r"is '1/2/2020' day 1 of month 2"):
            prepared(path, streaming=streaming)


def test_pieces_of_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces that all texts show together are those of rows in memory; of many texts those of a fixed choice, however they are cut."""
    pytest.importorskip("tokenizers")
    small_blocks(monkeypatch)
    fields: dict[str, Any] = {name: {"role": "ignore"} for name in frame().columns if name not in ("told", "kind")}
    fields["told"] = {"type": "text", "tokenizer": {"bpe": 270}}
    path = write(tmp_path, "parquet")
    memory, streamed = both(path, fields=fields)
    told = {
        name: next(field.state for field in each.fields.fields if field.name == "told") for name, each in (("m", memory), ("s", streamed))
    }
    assert told["m"] == told["s"]
    monkeypatch.setattr(learning, "SAMPLED", 40)
    few = next(field.state for field in prepared(path, streaming=True, fields=fields).fields.fields if field.name == "told")
    small_blocks(monkeypatch, size=900)
    assert next(field.state for field in prepared(path, streaming=True, fields=fields).fields.fields if field.name == "told") == few
    assert few != told["m"]


@pytest.mark.parametrize("cuts", [(300,), (1, 2, 300), (100, 200, 300)])
def test_a_choice_of_texts_is_of_their_numbers_alone(cuts: tuple[int, ...], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "CHARACTERS", 250)
    texts = [None if row % 7 == 3 else "x" * (row % 13) + str(row) for row in range(300)]
    learner = learning.SampledTextLearner(lambda kept: {"kept": kept})
    for start, end in zip((0, *cuts), cuts, strict=False):
        learner.add(pl.Series("t", texts[start:end], dtype=pl.String))
    present = [text for text in texts if text is not None]
    order = np.argsort(row_keys(0, np.arange(len(present))))
    lengths = np.cumsum([len(present[row]) for row in order])
    assert learner.state()["kept"] == [present[row] for row in sorted(order[lengths <= 250].tolist())]
