"""What `auto` stands for, by the abilities of a machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from nntrain.commands.preparing.from_config import look_first
from nntrain.config.reading import read_mapping
from nntrain.errors import ConfigError
from nntrain.layers.program import Program
from nntrain.training import choosing
from nntrain.training.choosing import choose
from nntrain.training.settings import PrecisionName, TrainingSettings

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
HINT = "bfloat16 is probably faster here"


def _has(device: torch.device) -> bool:
    return True


def _lacks(device: torch.device) -> bool:
    return False


def machine(monkeypatch: pytest.MonkeyPatch, *abilities: str) -> None:
    for ability in ("has_tiles", "has_fast_bfloat16", "has_tf32", "has_slow_blas"):
        monkeypatch.setattr(choosing, ability, _has if ability in abilities else _lacks)


def program(architecture: dict[str, Any]) -> Program:
    data: dict[str, Any]
    if "channels" in architecture:
        data = {"source": {"type": "builtin", "name": "digits"}}
    else:
        Path("rows.csv").write_text("x,y,label\n" + "".join(f"{row},{row % 7},{'ab'[row % 2]}\n" for row in range(40)))
        data = {"source": "rows.csv", "target": "label", "fields": {"x": "number", "y": "number"}}
    return look_first(read_mapping({"data": data, "architecture": architecture}, ())).program


WIDE: dict[str, Any] = {"type": "cnn", "channels": [16, 32]}
NARROW: dict[str, Any] = {"type": "cnn", "channels": [4, 8]}
LARGE: dict[str, Any] = {"type": "mlp", "hidden": [256, 256]}
SMALL: dict[str, Any] = {"type": "mlp", "hidden": [64, 64]}


@pytest.mark.parametrize(
    ("architecture", "abilities", "device", "given", "precision", "layout"),
    [
        (WIDE, (), CPU, "auto", "float32", False),
        (WIDE, ("has_tiles",), CPU, "auto", "float32", True),
        (NARROW, ("has_tiles",), CPU, "auto", "float32", False),
        (WIDE, ("has_fast_bfloat16",), CPU, "auto", "float32", False),
        (WIDE, ("has_fast_bfloat16",), CPU, "bfloat16", "bfloat16", True),
        (WIDE, (), CPU, "bfloat16", "bfloat16", False),
        (LARGE, ("has_tiles", "has_fast_bfloat16"), CPU, "auto", "float32", False),
        (WIDE, ("has_tf32",), CUDA, "auto", "tf32", False),
        (WIDE, ("has_tf32",), CUDA, "float32", "float32", False),
        (WIDE, ("has_tf32", "has_fast_bfloat16"), CUDA, "bfloat16", "bfloat16", True),
    ],
)
def test_auto_follows_what_was_measured_and_never_takes_digits_away(
    monkeypatch: pytest.MonkeyPatch,
    architecture: dict[str, Any],
    abilities: tuple[str, ...],
    device: torch.device,
    given: PrecisionName,
    precision: str,
    layout: object,
) -> None:
    machine(monkeypatch, *abilities)
    chosen = choose(TrainingSettings(precision=given), program(architecture), device).settings
    assert (chosen.precision, chosen.channels_last, chosen.compile) == (precision, layout, False)


@pytest.mark.parametrize(
    ("architecture", "given", "abilities", "is_told"),
    [
        (LARGE, "auto", ("has_fast_bfloat16",), True),
        (LARGE, "float32", ("has_fast_bfloat16",), False),
        (LARGE, "auto", (), False),
        (SMALL, "auto", ("has_fast_bfloat16",), False),
    ],
)
def test_who_left_it_open_is_told_where_fewer_digits_are_faster(
    monkeypatch: pytest.MonkeyPatch, architecture: dict[str, Any], given: PrecisionName, abilities: tuple[str, ...], *, is_told: bool
) -> None:
    machine(monkeypatch, *abilities)
    reasons = choose(TrainingSettings(precision=given), program(architecture), CPU).reasons
    assert any(HINT in reason for reason in reasons) == is_told


def test_what_is_chosen_is_chosen_again(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch, "has_tiles")
    first = choose(TrainingSettings(), program(WIDE), CPU).settings
    machine(monkeypatch)
    assert choose(first, program(WIDE), CPU).settings == first


@pytest.mark.parametrize(
    ("architecture", "abilities", "given", "expected"),
    [
        (LARGE, ("has_slow_blas",), {}, "onednn"),
        (LARGE, (), {}, "blas"),
        (SMALL, ("has_slow_blas",), {}, "blas"),
        (LARGE, ("has_slow_blas",), {"precision": "bfloat16"}, "blas"),
        (LARGE, ("has_slow_blas",), {"compile": True}, "blas"),
        (LARGE, ("has_slow_blas",), {"matmul": "blas"}, "blas"),
        (SMALL, (), {"matmul": "onednn"}, "onednn"),
    ],
)
@pytest.mark.skipif(not choosing.IS_THERE, reason="this torch has no oneDNN that was tried")
def test_products_are_those_of_onednn_where_the_blas_is_slow(
    monkeypatch: pytest.MonkeyPatch, architecture: dict[str, Any], abilities: tuple[str, ...], given: dict[str, Any], expected: str
) -> None:
    machine(monkeypatch, *abilities)
    choice = choose(TrainingSettings(**given), program(architecture), CPU)
    assert choice.settings.matmul == expected
    assert any("onednn" in reason for reason in choice.reasons) == (expected == "onednn" and not given)


def test_onednn_is_refused_where_it_computes_no_products(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    with pytest.raises(ConfigError, match="on a CPU, and this is cuda"):
        choose(TrainingSettings(matmul="onednn", precision="float32"), program(LARGE), CUDA)
    monkeypatch.setattr(choosing, "IS_THERE", False)
    with pytest.raises(ConfigError, match="was not tried with torch"):
        choose(TrainingSettings(matmul="onednn"), program(LARGE), CPU)


def test_tf32_elsewhere_is_refused() -> None:
    with pytest.raises(ConfigError, match="tensor cores"):
        choose(TrainingSettings(precision="tf32"), program(SMALL), CPU)
