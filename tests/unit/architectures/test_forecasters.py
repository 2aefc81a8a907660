"""Networks that make a whole forecast: what they compute, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nntrain.architectures.architecture import Architecture
from nntrain.architectures.compiling import compile_program
from nntrain.architectures.settings import ARCHITECTURES
from nntrain.errors import ConfigError
from nntrain.layers.program import Program
from nntrain.schema import Slot
from nntrain.specs import SEQUENCE, VECTOR, Spec

Array = NDArray[np.float64]


def compiled(written: Any, inputs: tuple[int, int], need: Spec, name: str = "forecast") -> Program:
    architecture = Slot("architecture", (ARCHITECTURES,)).validate(written)
    assert isinstance(architecture, Architecture)
    return compile_program(architecture, {"window": Spec(SEQUENCE, inputs)}, {name: need})


def run(program: Program, x: torch.Tensor) -> torch.Tensor:
    torch.manual_seed(0)
    network = program.build().double().eval()
    return next(iter(network({"window": x.double()})[0].values())).detach()


def moving_average(series: Array, size: int) -> Array:
    padded = np.concatenate([series[:1].repeat(size // 2, 0), series, series[-1:].repeat(size // 2, 0)])
    return np.stack([padded[place : place + size].mean(0) for place in range(len(series))])


def test_dlinear_is_two_linear_maps_of_trend_and_rest() -> None:
    program = compiled({"dlinear": 5}, (12, 2), Spec(SEQUENCE, (4, 2)))
    torch.manual_seed(0)
    network = program.build().double()
    x = torch.randn(3, 12, 2, dtype=torch.float64)
    weights = {name: value.detach().numpy() for name, value in network.named_parameters()}
    assert sum(value.size for value in weights.values()) == 2 * (12 * 4 + 4)  # all columns share them
    found = network({"window": x})[0]["forecast"].detach().numpy()
    for row in range(3):
        series = x[row].numpy()
        trend = moving_average(series, 5)
        rest = weights["time_linear_1.weight"] @ (series - trend) + weights["time_linear_1.bias"][:, None]
        assert found[row] == pytest.approx(rest + weights["time_linear_2.weight"] @ trend + weights["time_linear_2.bias"][:, None])


def test_dlinear_with_weights_of_each_column() -> None:
    program = compiled({"dlinear": {"kernel_size": 3, "individual": True}}, (8, 3), Spec(SEQUENCE, (2, 3)))
    network = program.build().double()
    x = torch.randn(2, 8, 3, dtype=torch.float64)
    before = network({"window": x})[0]["forecast"]
    with torch.no_grad():
        dict(network.named_parameters())["time_linear_1.weight"][1] += 1
    changed = (network({"window": x})[0]["forecast"] != before).any(dim=1)
    assert changed.tolist() == [[False, True, False]] * 2


@pytest.mark.parametrize(
    "written",
    [{"dlinear": 3}, {"patchtst": {"patch_size": 4, "stride": 2, "num_layers": 1, "dim": 4, "num_heads": 2, "dim_feedforward": 6}}],
)
def test_a_column_is_forecast_from_its_own_past_alone(written: Any) -> None:
    program = compiled(written, (8, 3), Spec(SEQUENCE, (5, 3)))
    x = torch.randn(2, 8, 3)
    other = x.clone()
    other[:, :, 0] += torch.randn(2, 8)
    differs = (run(program, x) != run(program, other)).any(dim=1)
    assert differs.tolist() == [[True, False, False]] * 2


def test_patchtst_follows_the_level_of_a_series() -> None:
    """The reversible norm: what goes in times two plus a thousand comes out so."""
    program = compiled(
        {"patchtst": {"patch_size": 4, "stride": 2, "num_layers": 1, "dim": 4, "num_heads": 2, "dim_feedforward": 6}},
        (8, 2),
        Spec(SEQUENCE, (5, 2)),
    )
    x = 10 * torch.randn(2, 8, 2)
    assert torch.allclose(run(program, 2 * x + 1000), 2 * run(program, x) + 1000, atol=1e-3)


@pytest.mark.parametrize(("need", "shape"), [(Spec(SEQUENCE, (4, 6)), [3, 4, 6]), (Spec(SEQUENCE, (4, 2)), [3, 4, 2])])
def test_a_loss_with_several_numbers_gets_them(need: Spec, shape: list[int]) -> None:
    assert list(run(compiled({"dlinear": 3}, (9, 2), need), torch.randn(3, 9, 2)).shape) == shape


def test_one_column_gives_a_row_of_its_steps() -> None:
    assert list(run(compiled({"dlinear": 3}, (9, 1), Spec(VECTOR, (4,))), torch.randn(3, 9, 1)).shape) == [3, 4]


def test_a_row_of_numbers_becomes_a_whole_forecast() -> None:
    program = compiled({"layers": ["flatten", {"linear": 5}, "relu"]}, (9, 2), Spec(SEQUENCE, (4, 3)))
    row = program.rows()[-1]
    assert (row.layer, row.output, row.parameters) == ("linear 12, as [4, 3]", "[4, 3]", 5 * 12 + 12)
    assert list(run(program, torch.randn(2, 9, 2)).shape) == [2, 4, 3]


@pytest.mark.parametrize(
    ("written", "inputs", "need", "found"),
    [
        ({"dlinear": 4}, (9, 2), Spec(SEQUENCE, (4, 2)), "averages 4 steps, which have no middle"),
        ({"dlinear": 3}, (9, 3), Spec(SEQUENCE, (4, 2)), "forecasts each column from its own past, and forecast has 2 of the window's 3"),
        ({"dlinear": 3}, (9, 2), Spec(VECTOR, (4,)), "forecast has 1 of the window's 2"),
        ({"dlinear": 3}, (9, 2), Spec(VECTOR, (4,), "logits"), "makes forecasts, and forecast needs"),
        (
            {"patchtst": {"patch_size": 4, "stride": 3}},
            (9, 2),
            Spec(SEQUENCE, (4, 2)),
            "cuts 9 steps and 3 more into patches of 4 every 3: 2",
        ),
        ({"patchtst": {"patch_size": 16}}, (7, 2), Spec(SEQUENCE, (4, 2)), "there are too few"),
        ({"layers": [{"lstm": 4}]}, (9, 2), Spec(SEQUENCE, (4, 2)), "the target has time 4"),
    ],
)
def test_what_makes_no_forecast_is_refused(written: Any, inputs: tuple[int, int], need: Spec, found: str) -> None:
    with pytest.raises(ConfigError) as error:
        compiled(written, inputs, need)
    assert any(found in problem.message for problem in error.value.problems), error.value.problems
