"""The list of runs as a page. The runs are written by hand, nothing is trained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from nntrain.cli import main
from nntrain.commands.run_list.runs_page import POINTS, losses_of
from nntrain.insight.report.content import Sparkline
from nntrain.insight.report.page import polyline
from nntrain.runs import create_run


def make_run(losses: list[float], *, name: str = "validation.loss") -> Path:
    run = create_run(Path("runs"), "shops")
    run.write_text("resolved.yaml", "seed: 0\n")
    run.write_json("data.json", {"started": 1.7e9 + int(run.path.name)})
    lines = [{"epoch": at, "step": at, "metrics": {name: loss}} for at, loss in enumerate(losses, 1)]
    run.write_text("history.jsonl", "".join(f"{json.dumps(line)}\n" for line in lines))
    return run.path


def test_a_long_history_is_a_few_points_the_last_one_among_them() -> None:
    assert losses_of(make_run([3.0, 2.0, 1.0])) == (3, 2, 1)
    found = losses_of(make_run([float(each) for each in range(1000)], name="train.loss"))
    assert len(found) == POINTS
    assert found[-1] == 999
    assert found == tuple(sorted(found))


def test_what_cannot_be_read_of_a_history_is_left_out() -> None:
    run = make_run([1.0])
    (run / "history.jsonl").write_bytes(
        b'{"metrics": 3}\n[1]\n\xff\n{"metrics": {"validation.loss": NaN}}\n{"metrics": {"validation.loss": 0.5}}\n{"metrics": {"val'
    )
    assert losses_of(run) == (0.5,)
    (run / "history.jsonl").unlink()
    assert losses_of(run) == ()


@pytest.mark.parametrize(
    ("values", "points"), [((1.0, 0.5, 0.0), "0,2 50,12 100,22"), ((3.0,), "0,22 100,22"), ((2.0, 2.0), "0,22 100,22")]
)
def test_a_curve_fills_its_box(values: tuple[float, ...], points: str) -> None:
    assert polyline(Sparkline(values)) == points


def test_the_newest_run_is_first_and_each_has_its_curve() -> None:
    make_run([1.0, 0.5])
    make_run([])
    make_run([4.0, 2.0, 1.0])
    assert main(["runs", "--html", "runs.html"]) == 0
    text = Path("runs.html").read_text()
    assert re.findall(r'<th scope="row"><span class="name">(.*?)</span></th>', text) == ["shops/0003", "shops/0002", "shops/0001"]
    assert re.findall(r'<polyline points="(.*?)"', text) == ["0,2 50,15 100,22", "0,2 100,22"]
    assert re.findall(r'aria-label="(from .*?)"', text) == ["from 4 to 1", "from 1 to 0.5"]
