"""Options of `fit` that would have no effect are refused, before anything is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from nntrain.cli import main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--resume-anyway"], "--resume-anyway has no effect"),
        (["--resume", "runs/a", "--skip-done"], "--skip-done leaves out what has a run already"),
        (["--resume", "runs/a", "--run-id", "b"], "--run-id names a new run"),
        (["--resume", "runs/a", "--seeds", "3"], "--seeds makes new ones"),
        (["--resume", "runs/a", "--with", "over.yaml"], "--with has no effect"),
        (["--smoke", "--resume", "auto"], "--resume has no effect: --smoke"),
        (["--smoke", "--run-id", "a"], "--run-id has no effect: --smoke"),
        (["--smoke", "--folds", "3"], "--folds has no effect: --smoke"),
        (["--smoke", "--skip-done"], "--skip-done has no effect: --smoke"),
        (["--smoke", "--no-test"], "--no-test has no effect: --smoke"),
    ],
)
def test_an_option_without_effect_is_refused(arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", *arguments]) == 2
    assert told in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_no_cache_is_for_streamed_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = "".join(f"{row % 7},{row % 3},{'ab'[row % 2]}\n" for row in range(60))
    (tmp_path / "t.csv").write_text("one,two,y\n" + rows, encoding="utf-8")
    config = "data: {source: t.csv, target: y, streaming: false}\narchitecture: {layers: [linear: 4, relu]}\ntraining: {max_epochs: 1}\n"
    (tmp_path / "c.yaml").write_text(config, encoding="utf-8")
    arguments = ["fit", str(tmp_path / "c.yaml"), "--no-cache", "--runs", str(tmp_path / "runs")]
    assert main(arguments) == 2
    assert "--no-cache has no effect" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()
    assert main([*arguments, "data.streaming=true"]) == 0
