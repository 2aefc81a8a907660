"""`init` for tables with one row a day or an hour: rows near in time are alike, so no random row validates."""

from __future__ import annotations

from pathlib import Path

import nntrain
from nntrain.commands.beginning.check import Look, check
from nntrain.commands.beginning.init import Options, run
from nntrain.config.reading import read_config


def write(times: list[str]) -> None:
    lines = [f"{time},{row % 11},{(row % 11) * 2 + row / 50:.2f}" for row, time in enumerate(times)]
    Path("sales.csv").write_text("\n".join(["when,visits,sold", *lines]) + "\n", encoding="utf-8")


def days(count: int, each: int = 1) -> list[str]:
    return [f"2024-{1 + day // 28:02}-{1 + day % 28:02}" for day in range(count) for _ in range(each)]


def hours(count: int) -> list[str]:
    return [f"2024-01-{1 + hour // 24:02} {hour % 24:02}:00" for hour in range(count)]


def test_a_row_an_hour_is_split_by_time_and_that_is_said() -> None:
    write(hours(200))
    told = run(Path("sales.csv"), Options(target="sold"))
    assert "by time: the latest rows by when validate and test, as rows near in time are alike" in " ".join(told.split())
    assert "forecast?   data.window: {past: 48, horizon: 24}" in told
    text = Path("sales.yaml").read_text(encoding="utf-8")
    assert "split: {by: time, validation: 0.1, test: 0.1}   # one row every hour: the latest by when are kept apart" in text
    assert "when: {type: date, role: [input, time]" in text
    blueprint = check(read_config(Path("sales.yaml")), Look.HEADER)
    assert blueprint is not None
    assert set(blueprint.layout.inputs) == {"when", "visits"}
    result = nntrain.fit("sales.yaml", "training.max_epochs=1")
    fold = nntrain.load(result.run)
    assert len(fold.predict("sales.csv")["sold"].values) == 200


def test_several_rows_of_one_time_are_no_series() -> None:
    write(days(60, each=3))
    told = run(Path("sales.csv"), Options(target="sold"))
    assert "by time" not in told
    assert "split: {by: random" in Path("sales.yaml").read_text(encoding="utf-8")
