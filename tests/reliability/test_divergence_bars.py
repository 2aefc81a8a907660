"""NaN and infinity on every way into a run: stopped before the update, nothing bad saved, step and cause named, and the remedy helps."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import torch
import yaml
from torch import Tensor

from nntrain.cli import main
from nntrain.training.checkpoint import load, newest

BASE: dict[str, Any] = {
    "name": "table",
    "data": {
        "source": "table.csv",
        "fields": {"a": "number", "b": "number", "y": {"type": "number", "role": "target"}},
        "split": {"validation": 0.2, "test": 0.2},
        "batch_size": 16,
    },
    "architecture": {"layers": [{"linear": 8}, "tanh", {"linear": 8}, "tanh"]},
    "optimizer": {"type": "adamw", "lr": 1e-3},
    "training": {"max_epochs": 4, "threads": 1, "checkpoint": {"every_steps": 2, "keep": 10}},
}


def write_table(path: Path, change: Callable[[int, list[float]], list[float]] = lambda row, cells: cells) -> None:
    generator = torch.Generator().manual_seed(0)
    numbers = cast("list[list[float]]", torch.randn(100, 2, generator=generator).tolist())
    rows = [change(row, [a, b, abs(a + 2 * b)]) for row, (a, b) in enumerate(numbers)]
    path.write_text("\n".join(["a,b,y", *(",".join(map(repr, cells)) for cells in rows)]) + "\n")


def changed(overrides: dict[str, Any]) -> dict[str, Any]:
    """The base config with some sections replaced, `data.fields.a` style keys too."""
    config = json.loads(json.dumps(BASE))
    for key, value in overrides.items():
        *above, last = key.split(".")
        node = config
        for part in above:
            node = node.setdefault(part, {})
        node[last] = value
    return config


def nan_forward(_module: object, values: Tensor) -> Tensor:
    """0 / 0, as a norm of a constant row gives it where nothing is added to its variance."""
    return (values - values) / (values - values)


def nan_backward(_module: object, values: Tensor) -> Tensor:
    """The values, and the root of 0, whose derivative is infinite."""
    return values + (values - values.detach()).abs().sqrt()


def overflowing_backward(_module: object, values: Tensor) -> Tensor:
    """Finite values, whose gradients no scale of float16 brings into its range."""
    return values + 1e38 * (values.float() - values.detach().float())


@dataclass(frozen=True)
class Case:
    """A way into NaN or infinity."""

    name: str
    overrides: dict[str, Any]
    told: tuple[str, ...]
    """Patterns of the message."""
    table: Callable[[int, list[float]], list[float]] = lambda row, cells: cells
    tanh: Callable[[object, Tensor], Tensor] | None = None
    """Stands for the layer tanh."""
    has_checkpoint: bool = False
    remedy: bool = False
    """Whether the remedy alone makes the run end well."""


def layers(*items: Any) -> dict[str, Any]:
    return {"layers": list(items)}


GROWING = {"linear": {"out_features": 8, "initializer": {"constant": 10.0}}}
"""Makes numbers larger by 80."""

SELDOM = {"training.max_epochs": 12, "training.checkpoint": {"every_epochs": 2}, "training.evaluate_every": {"epochs": 2}}

CASES = (
    Case("lr_1e30", {"optimizer": {"type": "adamw", "lr": 1e30}}, (r"step [12]:", "learning rate", r"optimizer\.lr=0\.001"), remedy=True),
    Case(
        "lr_later",
        {"optimizer": {"type": "sgd", "lr": 4.0}, "architecture": layers({"linear": 1}), **SELDOM},
        (r"epoch \d+, step \d+", "learning rate", "last steps  loss .*e\\+", r"last good state is \S+step-\d+"),
        has_checkpoint=True,
        remedy=True,
    ),
    Case(
        "huge_input",
        {"data.fields.a": {"type": "number", "normalize": "none"}, "architecture": {"type": "mlp", "hidden": [8]}},
        (r"step \d+:", r"the input a has huge values: .*e\+20 in row \d+", r"data\.fields\.a\.normalize=standard"),
        table=lambda row, cells: [1e20 * cells[0], *cells[1:]],
        remedy=True,
    ),
    Case(
        "huge_target",
        {"data.fields.y": {"type": "number", "role": "target", "normalize": "none"}},
        (r"step \d+:", "the target y has huge values: .*e\\+25 in row 8", r"data\.fields\.y\.normalize=standard"),
        table=lambda row, cells: [*cells[:2], 1e25 if row == 7 else cells[2]],
        remedy=True,
    ),
    Case(
        "deep",
        {"architecture": layers(*[item for _ in range(30) for item in (GROWING, "relu")])},
        (
            r"epoch 1, step 1:",
            r"layers\[\d+\]\S* (linear|relu) \(",
            r"table\.yaml:\d+",
            "values grow from layer to layer",
            "regularization.norm=layer",
        ),
        remedy=True,
    ),
    Case(
        "loss_overflow",
        {
            "data.fields.y": {"type": "number", "role": "target", "normalize": "none"},
            "loss": "poisson_nll",
            "architecture": layers({"linear": 8}, "tanh", {"linear": {"out_features": 1, "initializer": {"bias": {"constant": 200.0}}}}),
        },
        (r"epoch 1, step 1: the loss is inf", r"first in +the loss \(poisson_nll of y\)", "the outputs of the network are finite, up to 2"),
    ),
    Case(
        "forward_only",
        {},
        (r"epoch 1, step 1: the loss is nan", r"layers\[1\] tanh \(\S+\), table\.yaml:\d+", "makes nan or inf of finite values"),
        tanh=nan_forward,
    ),
    Case(
        "gradient_only",
        {},
        (r"epoch 1, step 1: the loss is [\d.]+, the gradient norm nan", r"the gradient of layers\[3\] tanh", "derivative is infinite"),
        tanh=nan_backward,
    ),
    Case(
        "running_statistics",
        {"architecture": layers({"scale": 1e25}, "batch_norm", {"linear": 8}, "tanh")},
        (r"not finite: running statistics of batch_norm\S* \(running_var\)", "variance of values up to .*e\\+25 overflows"),
    ),
    Case(
        "optimizer_state",
        {
            "optimizer": {"type": "adagrad", "lr": 1e-35},
            "architecture": layers({"scale": 4e18}, {"linear": {"out_features": 1, "initializer": "zeros"}}),
            "training.checkpoint": {"every_steps": 1, "keep": 3},
            "training.max_epochs": 50,
        },
        (r"not finite: the optimizer's sum of \S+weight", "overflows", "clip_norm"),
        has_checkpoint=True,
    ),
    Case(
        "float16_forward",
        {"training.precision": "float16", "architecture": layers({"linear": 8}, {"scale": 1e6}, {"linear": 8}, "tanh")},
        (r"epoch 1, step 1: the loss is (nan|inf)", "float16 ends at 65,504", r"training\.precision=bfloat16"),
        remedy=True,
    ),
    Case(
        "float16_every_scale",
        {"training.precision": "float16", "training.max_epochs": 50},
        ("the float16 gradients overflow at every scale", r"training\.precision=bfloat16"),
        tanh=overflowing_backward,
        has_checkpoint=True,
    ),
    Case(
        "bfloat16",
        {"training.precision": "bfloat16", "optimizer": {"type": "sgd", "lr": 1e30}},
        (r"step \d+:", "learning rate"),
        remedy=True,
    ),
    Case(
        "ema",
        {"regularization": {"ema": {"decay": 0.9}}, "optimizer": {"type": "sgd", "lr": 1e30}},
        (r"step \d+:", r"optimizer\.lr=0\.001"),
        remedy=True,
    ),
    Case(
        "accumulated",
        {"training.accumulate": 2, "optimizer": {"type": "sgd", "lr": 1e30}},
        (r"step \d+:", r"optimizer\.lr=0\.001"),
        remedy=True,
    ),
)


def is_finite(tree: Any) -> bool:
    """Whether all tensors and numbers of a tree are finite."""
    if isinstance(tree, Tensor):
        return not tree.is_floating_point() or bool(torch.isfinite(tree).all())
    if isinstance(tree, dict):
        return all(is_finite(value) for value in cast("dict[str, Any]", tree).values())
    if isinstance(tree, list | tuple):
        return all(is_finite(value) for value in cast("list[Any]", tree))
    return not isinstance(tree, float) or math.isfinite(tree)


@pytest.mark.bar("R13")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_stopped_and_told(
    case: Case,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    record_property: Callable[[str, object], None],
) -> None:
    write_table(tmp_path / "table.csv", case.table)
    (tmp_path / "table.yaml").write_text(yaml.safe_dump(changed(case.overrides)))
    with monkeypatch.context() as patch:
        if case.tanh is not None:
            patch.setattr(torch.nn.Tanh, "forward", case.tanh)
        assert main(["fit", "table.yaml"]) == 5
    told = capsys.readouterr().err
    assert "Traceback" not in told
    for pattern in case.told:
        assert re.search(pattern, told), f"{pattern}\n{told}"
    run = tmp_path / "runs/table/0001"
    checkpoints = sorted((run / "checkpoints").glob("step-*"))
    assert bool(checkpoints) == case.has_checkpoint
    for path in checkpoints:
        parts = load(path)
        assert is_finite(parts), path
    if checkpoints:
        assert f"last good state is runs/table/0001/checkpoints/{newest(run / 'checkpoints').path.name}" in told  # pyright: ignore[reportOptionalMemberAccess]
    history = (run / "history.jsonl").read_text() if (run / "history.jsonl").exists() else ""
    assert "NaN" not in history
    assert "Infinity" not in history
    assert json.loads((run / "summary.json").read_text())["stop_reason"] == "diverged"
    record_property("figure", f"{case.name}: exit 5, {len(checkpoints)} checkpoints, all finite")
    if case.remedy:
        anew = re.search(r"anew +nntrain (fit table\.yaml \S+)", told)
        assert anew is not None
        assert main(anew[1].split()) == 0


def write_parts(folder: Path, validation_row: list[float]) -> None:
    """Training rows, and a file of validation rows of which one is another."""
    write_table(folder / "table.csv")
    write_table(folder / "validation.csv", lambda row, cells: validation_row if row == 4 else cells)


@pytest.mark.bar("R13")
def test_an_evaluation_that_overflows_is_told_and_never_the_best(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], record_property: Callable[[str, object], None]
) -> None:
    write_parts(tmp_path, [3e38, -3e38, 0.0])
    config = changed(
        {
            "data.source": {"path": "table.csv", "validation": "validation.csv"},
            "data.split": {"test": 0.2},
            "data.fields.a": {"type": "number", "normalize": "none"},
            "data.fields.b": {"type": "number", "normalize": "none"},
            "architecture": layers({"linear": 8}, {"scale": 10.0}, "leaky_relu"),
            "training.early_stopping": {"monitor": "validation.loss", "patience": 3},
            "training.max_epochs": 10,
        }
    )
    (tmp_path / "table.yaml").write_text(yaml.safe_dump(config))
    assert main(["fit", "table.yaml"]) == 0
    told = capsys.readouterr().err
    assert told.count("validation.loss is not finite after step") == 1
    assert "the network's outputs are not for row 5" in told
    run = tmp_path / "runs/table/0001"
    found = json.loads((run / "summary.json").read_text())
    assert found["stop_reason"] == "early_stopping"
    assert found["epochs"] == 3, "every evaluation counts against the patience"
    assert found["best"]["epoch"] is None
    assert not (run / "checkpoints/best").exists()
    checkpoints = list((run / "checkpoints").glob("step-*"))
    assert checkpoints
    assert all(is_finite(load(path)) for path in checkpoints)
    record_property("figure", f"validation rows that overflow: told once, no best in {found['epochs']} evaluations")


@pytest.mark.bar("R13")
def test_inf_in_a_file_is_refused_before_training(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number, (cell, options, pattern) in enumerate(
        [
            (math.inf, "standard", r"a should be a number; 1 of 100 values is not: line 9 'inf'"),
            (1e39, "none", r"a: values up to 1e\+39 are too large for float32"),
            (1e300, "standard", r"a: numbers from \S+ to 1e\+300 have no mean and spread"),
        ]
    ):

        def change(row: int, cells: list[float], cell: float = cell) -> list[float]:
            return [cell if row == 7 else cells[0], *cells[1:]]

        write_table(tmp_path / "table.csv", change)
        (tmp_path / "table.yaml").write_text(yaml.safe_dump(changed({"data.fields.a": {"type": "number", "normalize": options}})))
        assert main(["fit", "table.yaml"]) == 3, number
        assert re.search(pattern, capsys.readouterr().err), number
    assert not (tmp_path / "runs").exists()
