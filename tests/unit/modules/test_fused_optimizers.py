from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from nntrain.modules import fused_optimizers
from nntrain.modules.fused_optimizers import FusedAdam, FusedAdamW, FusedSGD

KINDS = {
    "sgd": (FusedSGD, torch.optim.SGD, {"lr": 0.1}),
    "sgd with momentum": (FusedSGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.1}),
    "nesterov": (FusedSGD, torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": (FusedAdam, torch.optim.Adam, {"lr": 0.1, "weight_decay": 0.1}),
    "amsgrad": (FusedAdam, torch.optim.Adam, {"lr": 0.1, "amsgrad": True}),
    "adamw": (FusedAdamW, torch.optim.AdamW, {"lr": 0.1, "betas": (0.8, 0.9), "weight_decay": 0.1}),
}


def parameters() -> list[tuple[str, nn.Parameter]]:
    torch.manual_seed(0)
    return [("a", nn.Parameter(torch.randn(5, 3))), ("b", nn.Parameter(torch.randn(7))), ("idle", nn.Parameter(torch.randn(2)))]


def run(kind: type[torch.optim.Optimizer], options: dict, scaling: list[dict[str, Tensor]] | None = None) -> list[Tensor]:
    """Five steps; the third parameter never has a gradient."""
    own = parameters()
    optimizer = kind([{"params": own[:1], "lr": 0.01}, {"params": own[1:]}], **options, fused=True)
    for step in range(5):
        for name, parameter in own[:2]:
            generator = torch.Generator().manual_seed(step * 10 + len(name) + parameter.ndim)
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        for name, value in (scaling or [{}] * 5)[step].items():
            setattr(optimizer, name, value)
        optimizer.step()
    states = [value for _, parameter in own for value in optimizer.state.get(parameter, {}).values()]
    return [parameter.detach() for _, parameter in own] + states


@pytest.mark.parametrize("name", KINDS)
def test_numbers_and_state_are_torchs(name: str) -> None:
    own, theirs, options = KINDS[name]
    found, expected = run(own, options), run(theirs, options)
    assert len(found) == len(expected)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", ["sgd with momentum", "adamw"])
def test_overflowed_gradients_move_nothing_and_are_not_counted(name: str) -> None:
    own, theirs, options = KINDS[name]
    scaling = [{"grad_scale": torch.tensor(2.0), "found_inf": torch.tensor(float(step == 2))} for step in range(5)]
    found, expected = run(own, options, scaling), run(theirs, options, scaling)
    assert all(torch.equal(one, other) for one, other in zip(found, expected, strict=True))


@pytest.mark.parametrize("name", KINDS)
def test_with_another_torch_its_own_step_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    own, theirs, options = KINDS[name]
    monkeypatch.setattr(fused_optimizers, "IS_KNOWN", False)
    assert all(torch.equal(one, other) for one, other in zip(run(own, options), run(theirs, options), strict=True))


def test_a_hook_into_the_step_is_called() -> None:
    calls: list[int] = []
    optimizer = FusedSGD(parameters()[:1], lr=0.1, fused=True)
    optimizer.register_step_post_hook(lambda *_: calls.append(1))
    optimizer.step()
    assert calls == [1]


def test_a_parameter_that_is_trained_later_begins_its_momentum_then() -> None:
    (_, first), (_, second), _ = parameters()
    optimizer = FusedSGD([("a", first), ("b", second)], lr=0.1, momentum=0.9, fused=True)
    path = [second.detach().clone()]
    for step in range(4):
        first.grad = torch.ones_like(first)
        second.grad = torch.ones_like(second) if step >= 2 else None
        optimizer.step()
        path.append(second.detach().clone())
    moves = [(after - before).mean().item() for before, after in pairwise(path)]
    assert moves == pytest.approx([0, 0, -0.1, -0.19], abs=1e-6)
