"""Every example config is checked and goes the whole way: fit, cut off, resume, eval, predict."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from fake_data import write_adult, write_mnist1d

from nntrain.cli import main

CONFIGS = Path(__file__).parents[2] / "configs"
EXAMPLES = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.yaml"))


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The configs beside the data that they ask for."""
    folder = tmp_path_factory.mktemp("examples")
    shutil.copytree(CONFIGS, folder, dirs_exist_ok=True)
    write_mnist1d(folder)
    write_adult(folder)
    return folder


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 7


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_passes_check(example: str, examples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--strict", "--json", str(examples / example)]) == 0
    assert json.loads(capsys.readouterr().out)["errors"] == []


@pytest.mark.parametrize("example", EXAMPLES)
def test_example_goes_the_whole_way(example: str, examples: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", str(examples / example), "--smoke", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["ok"]
    assert list(found["seconds"]) == ["check", "fit", "resume", "eval", "predict"]
