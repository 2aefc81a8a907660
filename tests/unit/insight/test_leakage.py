"""What in a table flatters a network is suspected with its evidence, and hardly anything else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from nntrain.data.preparing import prepare
from nntrain.data.settings import DataSettings
from nntrain.insight.leakage import Suspicion, find_suspicions
from nntrain.wording import percent

ROWS = 600


def table(rows: int = ROWS, *, classes: bool = False) -> tuple[pl.DataFrame, np.random.Generator]:
    """Four numbers, and a target that they tell in part."""
    draw = np.random.default_rng(0)
    numbers = draw.normal(size=(rows, 4)).round(4)
    y = 2 * numbers[:, 0] - numbers[:, 1] * numbers[:, 2] + draw.normal(size=rows)
    target = np.where(y > 0.3, "yes", "no") if classes else y.round(4)
    return pl.DataFrame({**{name: numbers[:, at] for at, name in enumerate("abcd")}, "y": target}), draw


def suspicions(folder: Path, frame: pl.DataFrame, **data: Any) -> list[Suspicion]:
    frame.write_csv(folder / "t.csv")
    settings = DataSettings.model_validate({"source": {"type": "csv", "path": "t.csv"}, "target": "y", **data})
    return find_suspicions(prepare(settings, folder, seed=0), settings)


def of_column(folder: Path, values: Any, *, classes: bool = False) -> list[Suspicion]:
    return suspicions(folder, table(classes=classes)[0].with_columns(other=pl.Series(values)))


def test_a_plain_table_is_not_suspected(tmp_path: Path) -> None:
    for classes in (False, True):
        assert suspicions(tmp_path, table(classes=classes)[0]) == []


def test_a_column_made_from_a_number_is_suspected(tmp_path: Path) -> None:
    frame, draw = table()
    y = frame["y"].to_numpy()
    for values in (y, 1000 * y, np.exp(y), -y, y + 0.05 * y.std() * draw.normal(size=ROWS)):
        [found] = of_column(tmp_path, values.round(6))
        assert (found.kind, found.name, found.override) == ("tells_target", "other", "data.fields.other.role=ignore")
        assert found.evidence["rank_correlation"] > 0.99
        assert "data.fields.other: {role: ignore}" in found.sentence
        assert "480 training rows looked at" in found.sentence


def test_a_column_that_is_near_a_number_is_none(tmp_path: Path) -> None:
    frame, draw = table()
    y = frame["y"].to_numpy()
    assert of_column(tmp_path, y + 0.3 * y.std() * draw.normal(size=ROWS)) == []


def test_a_number_that_tells_but_does_not_rise_is_suspected(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    x = draw.uniform(-3, 3, 3000)
    [found] = suspicions(tmp_path, pl.DataFrame({"x": x, "z": draw.normal(size=3000), "y": x**2}))
    assert found.evidence["rank_correlation"] < 0.2
    assert found.evidence["r2"] > 0.99


def test_a_column_that_decides_a_class_is_suspected(tmp_path: Path) -> None:
    frame, draw = table(classes=True)
    is_yes = (frame["y"] == "yes").to_numpy()
    columns = (
        [draw.choice(["paid", "late"] if yes else ["open", "lost"]) for yes in is_yes],  # a category
        is_yes.astype(int),
        np.where(is_yes, 10, 0) + draw.normal(size=ROWS),
        [float(draw.random()) if yes else None for yes in is_yes],  # what is missing decides
    )
    for values in columns:
        [found] = of_column(tmp_path, values, classes=True)
        assert found.kind == "tells_target"
        assert found.evidence["right"] > 0.99


def test_a_column_that_decides_only_what_most_rows_are_is_none(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    rare = np.where(np.arange(2000) % 125 == 0, "yes", "no")  # always no is right in 99.2 %
    frame = pl.DataFrame({"a": draw.normal(size=2000), "word": draw.choice(["p", "q"], 2000), "y": rare})
    assert suspicions(tmp_path, frame) == []


def test_a_category_with_hardly_fewer_values_than_rows_is_none(tmp_path: Path) -> None:
    frame, _ = table(classes=True)
    names = [f"{'y' if yes == 'yes' else 'n'}{at // 4}" for at, yes in enumerate(frame["y"])]
    assert all(each.kind != "tells_target" for each in of_column(tmp_path, names, classes=True))


def test_of_many_columns_each_is_looked_at(tmp_path: Path) -> None:
    frame, draw = table(2000)
    many = pl.DataFrame({f"n{at}": draw.normal(size=2000).round(3) for at in range(80)})
    [found] = suspicions(tmp_path, pl.concat([many, frame.with_columns(other=pl.col("y") * 3)], how="horizontal"))
    assert found.name == "other"


def test_of_many_rows_some_are_looked_at_and_it_is_said(tmp_path: Path) -> None:
    frame, _ = table(30_000)
    [found] = suspicions(tmp_path, frame.with_columns(other=pl.col("y") * 3))
    assert found.evidence["rows"] == 20_000
    assert "20,000 of 24,000 training rows looked at" in found.sentence


def test_copies_on_both_sides_of_the_split_are_counted(tmp_path: Path) -> None:
    frame, _ = table()
    twice = pl.concat([frame, frame.head(ROWS // 2)]).sample(fraction=1, shuffle=True, seed=1)
    [found] = suspicions(tmp_path, twice)
    settings = DataSettings.model_validate({"source": {"type": "csv", "path": "t.csv"}, "target": "y"})
    prepared = prepare(settings, tmp_path, seed=0)  # counted once more, the plain way
    rows = twice.rows()
    known = {rows[int(row)] for row in prepared.train.rows}
    validation, test = prepared.validation, prepared.test
    assert validation is not None
    assert test is not None
    copies = [sum(rows[int(row)] in known for row in part.rows) for part in (validation, test)]
    assert (found.kind, found.name) == ("copies", "validation and test")
    assert found.evidence["copies"] == sum(copies)
    shares = [percent(count / len(part)) for count, part in zip(copies, (validation, test), strict=True)]
    assert f"{shares[0]} of the validation rows and {shares[1]} of the test rows are copies of training rows" in found.sentence
    assert "role: group" in found.sentence


def test_rows_of_few_values_that_are_alike_by_chance_are_no_copies(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    frame = pl.DataFrame({name: draw.choice(list("pqr"), 2000) for name in "abcd"} | {"y": draw.choice(["yes", "no"], 2000)})
    assert suspicions(tmp_path, frame) == []


def test_texts_that_are_there_twice_are_copies(tmp_path: Path) -> None:
    draw = np.random.default_rng(0)
    texts = [" ".join(draw.choice(list("abcdefghij"), 12)) for _ in range(400)]
    labels = draw.choice(["ham", "spam"], 400)
    once = pl.DataFrame({"text": texts, "y": labels})
    assert suspicions(tmp_path, once) == []
    kinds = [each.kind for each in suspicions(tmp_path, pl.concat([once, once.head(300)]))]
    assert kinds == ["copies"]


def patients(name: str) -> pl.DataFrame:
    """Five rows of each patient, with the age and weight of each."""
    frame, draw = table(1000)
    group = draw.permutation(np.repeat(np.arange(200), 5))
    own = draw.normal(size=(200, 2)).round(3)
    return frame.with_columns(
        pl.Series(name, [f"P{at:03d}" for at in group]), age=pl.Series(own[group, 0]), weight=pl.Series(own[group, 1])
    )


def test_rows_that_belong_together_are_told(tmp_path: Path) -> None:
    frame = patients("kunde")
    [found] = suspicions(tmp_path, frame)
    assert (found.kind, found.name, found.override) == ("group", "kunde", "data.fields.kunde.role=group")
    assert "200 values" in found.sentence
    assert suspicions(tmp_path, frame, fields={"kunde": {"role": "group"}}) == []
    assert suspicions(tmp_path, patients("patient")) == []  # told by its name, where a check tells it too


def test_a_place_in_which_nothing_else_is_the_same_is_no_group(tmp_path: Path) -> None:
    frame, draw = table(1000)
    assert suspicions(tmp_path, frame.with_columns(town=pl.Series([f"t{at}" for at in draw.integers(0, 200, 1000)]))) == []


def test_a_number_that_tells_rows_apart_is_told(tmp_path: Path) -> None:
    frame, draw = table()
    [found] = suspicions(tmp_path, frame.with_columns(order_id=pl.Series(draw.permutation(10 * ROWS)[:ROWS])))
    assert (found.kind, found.override) == ("id", "data.fields.order_id.role=ignore")


@pytest.mark.parametrize("rows", [12, 19])
def test_of_few_rows_nothing_is_said(tmp_path: Path, rows: int) -> None:
    frame, _ = table(rows)
    assert suspicions(tmp_path, frame.with_columns(other=pl.col("y"))) == []
