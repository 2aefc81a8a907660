from types import SimpleNamespace
from typing import Any, cast

import pytest

from nntrain.machine_problems import machine_problems
from nntrain.training.settings import TrainingSettings


@pytest.mark.parametrize(("weights", "told"), [(0, ["has no effect: the network has no linear layer"]), (8, [])])
def test_products_of_a_network_that_has_none(weights: int, told: list[str]) -> None:
    program = cast("Any", SimpleNamespace(largest_linear=weights, widest_convolution=0))
    found = machine_problems(cast("Any", None), TrainingSettings(matmul="onednn"), program)
    assert [problem.message for problem in found] == told
