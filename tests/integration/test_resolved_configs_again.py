"""The resolved config of a run is a config: it says the same again, from where it lies."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from nntrain import fit
from nntrain.cli import main
from nntrain.runs import Run

MLP = "{type: mlp, hidden: [4]INIT}"

TABLE = f"""\
data: {{source: ../d/rows.csv, target: kind}}
architecture: {MLP}
training: {{max_epochs: 1, threads: 1}}
"""

IMAGES = """\
data:
  source: {type: image_folder, path: ../d/pictures}
  fields: {image: {type: image, size: 8}}
architecture: {type: cnn, channels: [2]}
training: {max_epochs: 1, threads: 1}
"""


@pytest.fixture
def c(tmp_path: Path) -> Path:
    """A folder of configs beside one of data."""
    generator = np.random.default_rng(0)
    for name in ("c", "d"):
        (tmp_path / name).mkdir()
    lines = [f"{generator.normal():.3f},{generator.normal():.3f},{'ab'[row % 2]}" for row in range(30)]
    (tmp_path / "d" / "rows.csv").write_text("\n".join(["x,y,kind", *lines]) + "\n")
    for kind in ("cat", "dog"):
        (tmp_path / "d" / "pictures" / kind).mkdir(parents=True)
        for number in range(10):
            pixels = generator.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "d" / "pictures" / kind / f"{number}.png")
    torch.save({"linear_1.weight": torch.ones(4, 2), "linear_1.bias": torch.zeros(4)}, tmp_path / "d" / "w.pt")
    return tmp_path / "c"


def trained(config: Path, text: str) -> Run:
    config.write_text(text)
    return Run(Path(fit(config.as_posix()).run.path))


@pytest.mark.parametrize(
    "text", [TABLE.replace("INIT", ""), TABLE.replace("INIT", ", init: {from: ../d/w.pt}"), IMAGES], ids=["csv", "init", "folder"]
)
def test_paths_in_the_resolved_config_of_a_run_count_from_where_its_config_stood(
    text: str, c: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained(c / "a.yaml", text)
    resolved = run.path / "resolved.yaml"
    again = fit(resolved.as_posix())
    assert again.run.path != run.path
    assert (again.run.path / "resolved.yaml").read_text() == resolved.read_text()
    once_more = (again.run.path / "resolved.yaml").as_posix()
    assert main(["check", "--data", once_more]) == 0
    assert main(["show", once_more]) == 0
    capsys.readouterr()
    assert main(["fit", "--skip-done", once_more]) == 0
    assert "skipped" in capsys.readouterr().out


def test_paths_in_a_copy_without_its_run_count_from_the_copy(c: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = trained(c / "a.yaml", TABLE.replace("INIT", ""))
    elsewhere = c.parent / "x" / "y"
    elsewhere.mkdir(parents=True)
    shutil.copy(run.path / "resolved.yaml", elsewhere)
    assert main(["check", (elsewhere / "resolved.yaml").as_posix()]) == 3
    assert "counted from the config's folder" in capsys.readouterr().err
    shutil.copytree(c.parent / "d", c.parent / "x" / "d")
    assert main(["check", (elsewhere / "resolved.yaml").as_posix()]) == 0
