"""Memory that runs out: exit 7, what would fit, nothing lost, and the way on works."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import yaml
from torch import Tensor

from nntrain.cli import main

CONFIG: dict[str, Any] = {
    "name": "table",
    "data": {
        "source": "table.csv",
        "fields": {"a": "number", "b": "number", "y": {"type": "number", "role": "target"}},
        "split": {"validation": 0.2, "test": 0.2},
        "batch_size": 16,
    },
    "architecture": {"layers": [{"linear": 8}, "tanh", {"linear": 8}, "tanh"]},
    "training": {"max_epochs": 3, "threads": 1},
}
REQUEST = 3 * 10**9


def write_table(path: Path, count: int) -> None:
    generator = torch.Generator().manual_seed(0)
    rows = cast("list[list[float]]", torch.randn(count, 3, generator=generator).tolist())
    path.write_text("\n".join(["a,b,y", *(",".join(map(repr, row)) for row in rows)]) + "\n")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A table and its config, in the folder where the test stands."""
    write_table(tmp_path / "table.csv", 100)
    (tmp_path / "table.yaml").write_text(yaml.safe_dump(CONFIG))
    return tmp_path


Narrow = Callable[..., None]


@pytest.fixture
def narrow(monkeypatch: pytest.MonkeyPatch) -> Narrow:
    """Takes memory away: tanh has room for some rows only, after some passes, in training or in evaluation."""
    tanh = torch.nn.Tanh.forward

    def take(most: int, *, after: int = 0, in_training: bool = True) -> None:
        passes = [0]

        def forward(module: torch.nn.Tanh, values: Tensor) -> Tensor:
            passes[0] += 1
            if passes[0] > after and len(values) > most and module.training == in_training:
                raise RuntimeError(f"DefaultCPUAllocator: can't allocate memory: you tried to allocate {REQUEST} bytes. Error code 12")
            return tanh(module, values)

        monkeypatch.setattr(torch.nn.Tanh, "forward", forward)

    return take


def summary(folder: Path, number: str = "0001") -> dict[str, Any]:
    return json.loads((folder / f"runs/table/{number}/summary.json").read_text())


def test_the_first_step(table: Path, narrow: Narrow, capsys: pytest.CaptureFixture[str]) -> None:
    narrow(8)
    assert main(["fit", "table.yaml"]) == 7
    told = capsys.readouterr().err
    assert "Traceback" not in told
    assert re.search(r"out of memory in the first step: batch_size 16 needs about 3\.0 GB, \S+ \w?B are free", told)
    wanted = "Try data.batch_size=8 training.accumulate=2 (same result), training.precision=bfloat16 or training.on_oom=halve."
    assert wanted in told
    assert "nothing was saved before" in told
    way_on = re.search(r"go on: nntrain (fit .+)", told)
    assert way_on is not None
    assert main(way_on[1].split()) == 0


def test_a_later_step_goes_on_from_what_was_saved(table: Path, narrow: Narrow, capsys: pytest.CaptureFixture[str]) -> None:
    narrow(8, after=22)
    assert main(["fit", "table.yaml"]) == 7
    told = capsys.readouterr().err
    assert re.search(r"out of memory in step [5-9]", told)
    assert "the last good state is runs/table/0001/checkpoints/step-0000004" in told
    way_on = re.search(r"go on: nntrain (fit --resume runs/table/0001 data.batch_size=8 training.accumulate=2)", told)
    assert way_on is not None
    assert main(way_on[1].split()) == 0
    told = capsys.readouterr().err
    assert "changed: data.batch_size: 16 then, 8 now" in told
    assert "inexact since step 4" in told
    assert summary(table)["inexact_since"] == 4
    assert summary(table)["steps"] == 12


def test_another_number_of_rows_is_still_refused(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "table.yaml"]) == 0
    assert main(["fit", "--resume", "runs/table/0001", "data.batch_size=8", "training.max_epochs=4"]) == 4
    assert "data.batch_size: 16 then, 8 now" in capsys.readouterr().err


def test_other_micro_batches_are_refused_beside_a_norm_over_them(table: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {**CONFIG, "architecture": {"layers": [{"linear": 8}, "batch_norm", "tanh"]}}
    (table / "table.yaml").write_text(yaml.safe_dump(config))
    assert main(["fit", "table.yaml"]) == 0
    assert main(["fit", "--resume", "runs/table/0001", "data.batch_size=8", "training.accumulate=2", "training.max_epochs=4"]) == 4
    assert "training.accumulate: 1 then, 2 now" in capsys.readouterr().err


def test_halving_goes_on_by_itself(table: Path, narrow: Narrow, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "table.yaml"]) == 0
    narrow(8)
    assert main(["fit", "table.yaml", "training.on_oom=halve"]) == 0
    told = capsys.readouterr().err
    assert "at most 8 rows at once in a step (same result up to rounding)" in told
    assert summary(table)["rows_at_once"] is None
    assert summary(table, "0002")["rows_at_once"] == 8
    for name, value in summary(table)["test"].items():
        assert summary(table, "0002")["test"][name] == pytest.approx(value, rel=1e-4)


def test_an_evaluation(table: Path, narrow: Narrow, capsys: pytest.CaptureFixture[str]) -> None:
    narrow(10, in_training=False)
    assert main(["fit", "table.yaml"]) == 7
    assert re.search(r"out of memory in an evaluation: \S+ rows at once need", capsys.readouterr().err)
    assert main(["fit", "table.yaml", "training.on_oom=halve"]) == 0
    assert "rows at once in an evaluation" in capsys.readouterr().err


def test_while_data_is_read(table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def prepare(*_arguments: object, **_options: object) -> None:
        raise MemoryError

    monkeypatch.setattr("nntrain.data.preparing.prepare", prepare)
    assert main(["fit", "table.yaml"]) == 7
    assert "out of memory while the data was read" in capsys.readouterr().err


def test_while_a_checkpoint_is_saved(table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from nntrain.training import shard_files

    flatten, calls = shard_files.flatten, [0]

    def narrow_flatten(tree: Any) -> Any:
        calls[0] += 1
        if calls[0] > 12:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 64 bytes.")
        return flatten(tree)

    with monkeypatch.context() as patch:
        patch.setattr(shard_files, "flatten", narrow_flatten)
        assert main(["fit", "table.yaml"]) == 7
    assert "out of memory" in capsys.readouterr().err
    assert main(["fit", "--resume", "runs/table/0001"]) == 0
    assert "goes on from step 4" in capsys.readouterr().err
    assert not list((table / "runs/table/0001/checkpoints").glob(".partial-*"))


@pytest.mark.parametrize("override", ["data.batch_size=1", "optimizer=lbfgs"])
def test_halving_without_a_half_is_refused(table: Path, capsys: pytest.CaptureFixture[str], override: str) -> None:
    assert main(["check", "table.yaml", "training.on_oom=halve", override]) == 2
    assert re.search(r"has no effect: data.batch_size is 1|lbfgs has moved the weights already", capsys.readouterr().err)


LIMITED = """
import resource, sys
from nntrain.cli import main
from nntrain.training import loop

take_step = loop.take_step

def limited(*arguments):
    if resource.getrlimit(resource.RLIMIT_AS)[0] == resource.RLIM_INFINITY:
        taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (taken + 400 * 2**20, resource.RLIM_INFINITY))
    take_step(*arguments)

loop.take_step = limited
sys.exit(main(sys.argv[1:]))
"""
"""The command line, which may take 400 MB more from its first step on than it has by then."""

WIDE = ["data.batch_size=full", "architecture.layers=[{linear: 4000}, tanh, {linear: 8}, tanh]", "training.max_epochs=1"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="the limit is set from what Linux tells of the process")
def test_a_real_limit(table: Path) -> None:
    write_table(table / "table.csv", 20_000)
    (table / "limited.py").write_text(LIMITED)
    told: dict[str, str] = {}
    for policy, code in (("stop", 7), ("halve", 0)):
        command = [sys.executable, "limited.py", "fit", "table.yaml", *WIDE, f"training.on_oom={policy}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == code, done.stderr
        told[policy] = done.stderr
    assert re.search(r"out of memory in the first step: batch_size 12,000 needs about \d+ MB, \d+ MB are free", told["stop"])
    assert re.search(r"at most [\d,]+ rows at once in a step", told["halve"])
