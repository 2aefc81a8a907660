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
