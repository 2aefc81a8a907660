"""What holds for every layer and loss: three steps, a checkpoint and three more in a new module end with the bytes of six steps."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from contract_case import Case as LayerCase
from every_layer import CASES as LAYER_CASES
from resumed import bytes_of, unequal
from subjects import subject_of, tensor
from test_losses import CASES as LOSS_CASES
from test_losses import Case as LossCase
from torch import Tensor, nn

from nntrain.architectures.settings import FAMILIES
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.sgd import SGD
from nntrain.training import checkpoint
from nntrain.training.reproducibility import restore_rng, rng_state
from nntrain.training.state import optimizer_state, restore_into, restore_network


def resumed_alike(make: Callable[[], tuple[nn.Module, Callable[[], Tensor]]], folder: Path) -> list[str]:
    """What differs between six steps, and three, a checkpoint and three more in a new module.

    Args:
        make: Makes the module, and a function that gives the loss of a step.
        folder: Takes the checkpoint.
    """
    (one, one_loss), (other, other_loss) = make(), make()
    first, second = (SGD(lr=0.1, momentum=0.9).build(parameter_groups(module)) for module in (one, other))
    _step(one_loss, first)
    parts = {"weights": one.state_dict(), "optimizer": optimizer_state(first), "rng": rng_state()}
    path = checkpoint.save(folder, 3, parts)
    losses = _step(one_loss, first)
    saved = checkpoint.load(path)
    restore_network(other, saved["weights"])
    restore_into(second, saved["optimizer"])
    restore_rng(saved["rng"])
    again = _step(other_loss, second)
    ended = [bytes_of({"weights": module.state_dict(), "losses": found}) for module, found in ((one, losses), (other, again))]
    return unequal(*ended)


def _step(loss: Callable[[], Tensor], optimizer: torch.optim.Optimizer) -> list[float]:
    losses: list[float] = []
    for _ in range(3):
        value = loss()
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        losses.append(float(value.detach()))
    return losses


class Outer(nn.Module):
    """A module behind weights of its own, so that there is something to train in any case."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner
        self.weight = nn.Parameter(torch.ones((), dtype=torch.float64))


@pytest.mark.parametrize("case", [case for case in LAYER_CASES if case.tag not in FAMILIES], ids=str)
def test_layer(case: LayerCase, tmp_path: Path) -> None:
    def make() -> tuple[nn.Module, Callable[[], Tensor]]:
        subject = subject_of(case)
        outer = Outer(subject.module).train()
        torch.manual_seed(5)
        inputs = tensor(case.spec, 4)

        def loss() -> Tensor:
            scaled = inputs * outer.weight if case.spec.kind != "index" else inputs
            return subject(scaled).square().mean() * outer.weight

        return outer, loss

    assert resumed_alike(make, tmp_path) == []


@pytest.mark.parametrize("case", LOSS_CASES, ids=lambda case: case.name)
def test_loss(case: LossCase, tmp_path: Path) -> None:
    def make() -> tuple[nn.Module, Callable[[], Tensor]]:
        torch.manual_seed(0)
        output, target, weights = case.tensors()
        network, scores = Outer(nn.Module()), nn.Parameter(output)
        network.register_parameter("scores", scores)
        function = case.function()

        def loss() -> Tensor:
            found = function(scores, target, weights)
            return found.sum / found.weight

        return network, loss

    assert resumed_alike(make, tmp_path) == []
