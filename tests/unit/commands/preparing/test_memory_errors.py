import pytest
import torch

from nntrain.commands.preparing.memory import memory_errors
from nntrain.errors import ResourceError


@pytest.mark.parametrize("shape", [(10**12,), (10**10, 10**10), (10**18, 2)])
def test_a_tensor_that_no_memory_holds_is_a_resource_error(shape: tuple[int, ...]) -> None:
    with pytest.raises(ResourceError, match="out of memory") as error, memory_errors():
        torch.empty(shape, dtype=torch.float64)
    assert error.value.exit_code == 7


def test_another_fault_keeps_its_traceback() -> None:
    with pytest.raises(RuntimeError, match="ours"), memory_errors():
        raise RuntimeError("ours")
