"""What forecasts and other answers about windows are explained by: each column in each row of the past."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nntrain
from nntrain.cli import main
from nntrain.data.highlights import Course
from nntrain.data.window import WindowSettings
from nntrain.errors import UsageError

pytestmark = pytest.mark.extra("explain")

WINDOW: dict[str, Any] = {"past": 6, "horizon": 3, "past_from": "earlier"}


def fitted(folder: Path, *, joint: bool = True, architecture: Any = None, window: dict[str, Any] = WINDOW, name: str = "w") -> str:
    random = np.random.default_rng(0)
    lines = ["day,load,heat,sun"]
    for row in range(160):
        load = 100 + 20 * np.sin(row / 3) + random.normal()
        lines.append(f"2024-{row // 28 % 12 + 1:02d}-{row % 28 + 1:02d},{load:.4f},{5 + 0.1 * load + random.normal():.4f},{row % 5}")
    (folder / "t.csv").write_text("\n".join(lines) + "\n")
    both = {"type": "number", "role": ["input", "target"]}
    fields = {"day": {"role": "time"}, "load": both, "heat": both if joint else {"type": "number"}, "sun": {"type": "number"}}
    data = {"source": "t.csv", "fields": fields, "window": window, "split": {"validation": 20, "test": 20}, "batch_size": 16}
    config = {"name": name, "data": data, "architecture": architecture or {"layers": [{"lstm": 8}, {"pool": "last"}]}}
    return nntrain.fit({**config, "training": {"max_epochs": 2, "device": "cpu"}}, runs="runs").run.name


def test_each_column_has_a_share_in_each_row_in_its_own_unit(tmp_path: Path) -> None:
    run = fitted(tmp_path)
    found = nntrain.explain(run)
    row = found.explained[0]
    assert {share.column for share in row.shares} == {"load", "heat", "sun"}
    assert row.output == "mean load, 3 rows ahead"
    assert row.completeness is not None
    assert row.completeness < 1e-3 * abs(row.answer - row.neutral) + 1e-6
    cells = list(csv.DictReader((tmp_path / "t.csv").read_text().splitlines()))
    last = int(row.place.split()[-1]) - 2  # line 2 is row 0
    for share in row.shares:
        assert isinstance(share.highlight, Course)
        assert share.highlight.rows == (-5, -4, -3, -2, -1, 0)
        assert share.highlight.values == pytest.approx(
            [float(cells[last + back][share.column]) for back in range(-5, 1)], rel=1e-5, abs=1e-5
        )
        assert sum(share.highlight.shares) == pytest.approx(share.share)
    assert found.importances is not None
    assert {each.column for each in found.importances.columns} == {"load", "heat", "sun"}
    assert found.quality is not None
    assert found.quality.deletion.is_better


def test_which_row_ahead_is_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fitted(tmp_path)
    steps = [nntrain.explain(run, target=f"heat:{step}", rows=[0]).explained[0] for step in (1, 2, 3)]
    mean = nntrain.explain(run, target="heat", rows=[0]).explained[0]
    assert steps[1].output == "heat, row 2 ahead"
    assert mean.answer == pytest.approx(sum(step.answer for step in steps) / 3)
    for share in mean.shares:
        apart = [each.share for step in steps for each in step.shares if each.column == share.column]
        assert share.share == pytest.approx(sum(apart) / 3, rel=1e-3, abs=1e-6)
    with pytest.raises(UsageError, match="nothing that is predicted has the name 'heat:4'"):
        nntrain.explain(run, target="heat:4")
    assert main(["explain", run, "--rows", "1"]) == 0
    told = capsys.readouterr()
    assert "load by row" in told.out
    assert max(map(len, told.out.splitlines())) <= 80
    assert [path.name for path in (Path(run) / "explain_pictures").iterdir()] == ["row-1.png"]


def test_known_columns_are_explained_over_past_and_future(tmp_path: Path) -> None:
    nodes = {"far": {"from": "known", "layers": ["flatten"]}, "near": {"from": "window", "layers": ["flatten"]}}
    both = {"nodes": {**nodes, "all": {"concat": ["far", "near"]}, "out": {"from": "all", "linear": "=out"}}, "heads": {"load": "out"}}
    run = fitted(tmp_path, joint=False, architecture=both, window={**WINDOW, "known": ["sun", "day"], "gap": 1})
    row = nntrain.explain(run, target="load").explained[0]
    by_name = {share.column: share.highlight for share in row.shares}
    assert {"sun", "load", "heat", "day"} <= set(by_name)
    sun, day = by_name["sun"], by_name["day"]
    assert isinstance(sun, Course)
    assert isinstance(day, Course)
    assert sun.rows == (2, 3, 4)
    assert day.values == ()
    assert row.completeness is not None
    assert row.completeness < 1e-3 * abs(row.answer - row.neutral) + 1e-6


def test_methods_over_windows(tmp_path: Path) -> None:
    run = fitted(tmp_path)
    for method in ("occlusion", "smoothgrad", "input_x_gradient", "examples"):
        assert nntrain.explain(run, method=method, rows=[0]).explained[0].place
    with pytest.raises(UsageError, match="the network has no convolution") as caught:
        nntrain.explain(run, method="grad_cam")
    assert caught.value.hint is not None
    assert "integrated_gradients, occlusion, saliency, input_x_gradient, smoothgrad, examples" in caught.value.hint
    layers = [{"conv1d": {"out_channels": 4, "kernel_size": 3, "padding": "same"}}, "relu", "flatten", {"linear": "=out"}]
    over_time = fitted(tmp_path, joint=False, architecture={"layers": layers}, name="c")
    row = nntrain.explain(over_time, method="grad_cam", rows=[0]).explained[0]
    courses = {share.column: share.highlight for share in row.shares}
    assert len({course.shares for course in courses.values() if isinstance(course, Course)}) == 1  # what it sees has steps, and no columns


def test_rows_of_an_input() -> None:
    window = WindowSettings(past=7, step=3, gap=2, horizon=2, known=("sun",))
    assert list(window.rows_of("window")) == [-6, -3, 0]
    assert list(window.rows_of("known")) == [3, 4]
