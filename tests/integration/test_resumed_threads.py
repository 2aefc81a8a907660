"""What was decided by a machine when a run was started is decided for the run: it goes on with as many threads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from nntrain.cli import main

CONFIG = """
data: {source: rows.csv, target: y, split: {validation: 0.2}}
architecture: {type: mlp, hidden: [4]}
training: {max_epochs: 2}
"""


@pytest.fixture(autouse=True)
def _threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "rows.csv").write_text("\n".join(["a,y", *(f"{row},{row % 5}.5" for row in range(50))]) + "\n")
    (tmp_path / "a.yaml").write_text(CONFIG)
    monkeypatch.setattr("os.cpu_count", lambda: 4)


def summary() -> dict[str, object]:
    return json.loads(Path("runs/a/0001/summary.json").read_text())


def test_a_run_goes_on_with_its_own_threads(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "a.yaml"]) == 0  # one thread: as the tests pin it
    torch.set_num_threads(2)
    try:
        assert main(["fit", "--resume", "runs/a/0001", "training.max_epochs=3"]) == 0
        assert "1 thread," in capsys.readouterr().err
        assert summary()["inexact_since"] is None
        assert main(["fit", "--resume", "runs/a/0001", "training.max_epochs=4", "training.threads=2"]) == 0
        assert "threads: was 1, is 2" in capsys.readouterr().err
        assert summary()["inexact_since"] is not None
    finally:
        torch.set_num_threads(1)
