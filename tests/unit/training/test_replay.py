import weakref
from collections.abc import Callable
from typing import cast

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nntrain.training import replay
from nntrain.training.gradients import gradient_norm
from nntrain.training.operations import NotStaticError
from nntrain.training.recordings import record
from nntrain.training.replay import StaticSteps, are_static

NETWORKS = {
    "mlp": (lambda: nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3)), (16, 6)),
    "mlp with dropout and batch norm": (
        lambda: nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.3), nn.Linear(8, 3)),
        (16, 6),
    ),
    "cnn": (
        lambda: nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 3)),
        (5, 1, 8, 8),
    ),
    "lstm": (lambda: Last(nn.LSTM(6, 5, 2, batch_first=True, dropout=0.2)), (16, 4, 6)),
    "gru, both ways": (lambda: Last(nn.GRU(6, 5, batch_first=True, bidirectional=True)), (16, 4, 6)),
    "one weight used twice": (lambda: Twice(), (16, 6)),
    "a weight that nothing reads": (lambda: Idle(), (16, 6)),
}


class Last(nn.Module):
    def __init__(self, recurrent: nn.LSTM | nn.GRU) -> None:
        super().__init__()
        self.recurrent, self.head = recurrent, nn.Linear(5 * (1 + recurrent.bidirectional), 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.recurrent(x)[0][:, -1])


class Twice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear, self.head = nn.Linear(6, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.linear(self.linear(x)) + x)


class Idle(nn.Linear):
    def __init__(self) -> None:
        super().__init__(6, 3)
        self.idle = nn.Parameter(torch.zeros(2))


def work_of(network: nn.Module, x: Tensor, y: Tensor):
    def work() -> list[Tensor | None]:
        for parameter in network.parameters():
            parameter.grad = None
        loss = cross_entropy(network(x), y, reduction="sum") / y.new_full((), len(y), dtype=torch.float32)
        loss.backward()
        gradients = [parameter.grad for parameter in network.parameters()]
        return [loss.detach(), gradient_norm(network.parameters()), *gradients]

    return work


def moved(network: nn.Module, gradients: list[Tensor | None]) -> None:
    with torch.no_grad():
        for parameter, gradient in zip(network.parameters(), gradients, strict=True):
            if gradient is not None:
                parameter -= 0.1 * gradient


@pytest.mark.parametrize("name", NETWORKS)
def test_a_recording_gives_the_bits_of_the_step_in_later_steps_too(name: str) -> None:
    make, shape = NETWORKS[name]
    recorded = make()
    usual = make()
    batches = [(torch.randn(shape), torch.randint(0, 3, (shape[0],))) for _ in range(4)]
    steps = StaticSteps(recorded)
    steps.begin(work_of(recorded, *batches[0]), batches[0])
    usual.load_state_dict(recorded.state_dict())
    found = steps.of(batches[1])
    assert found is not None
    results: list[list[Tensor]] = [[], []]
    for place, network in enumerate((recorded, usual)):
        torch.manual_seed(1)
        for x, y in batches:
            values = list(found((x, y))) if network is recorded else work_of(network, x, y)()
            moved(network, values[2:])
            results[place] += [value for value in values if value is not None]
        results[place] += [*network.state_dict().values(), torch.get_rng_state()]
    assert len(results[0]) == len(results[1])
    assert all(torch.equal(one, other) for one, other in zip(*results, strict=True))


@pytest.mark.parametrize("looks", [False, True])
def test_a_step_that_is_recorded_is_the_usual_one(looks: bool) -> None:
    make, _ = NETWORKS["mlp with dropout and batch norm"]
    x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
    recorded, usual = make(), make()
    usual.load_state_dict(recorded.state_dict())
    results: list[list[Tensor | None]] = []
    for network in (recorded, usual):
        torch.manual_seed(1)
        work = work_of(network, x, y)

        def looking(work: Callable[[], list[Tensor | None]] = work) -> list[Tensor | None]:
            found = work()
            assert not looks or cast("Tensor", found[0]).item() > 0
            return found

        found = StaticSteps(network).begin(looking, (x, y)) if network is recorded else work()
        results.append([*found, *network.state_dict().values(), torch.get_rng_state()])
    assert all(torch.equal(cast("Tensor", one), cast("Tensor", other)) for one, other in zip(*results, strict=True))


def test_what_large_steps_make_is_freed_while_they_are_recorded() -> None:
    held: list[Callable[[], Tensor | None]] = []

    class Large(nn.Linear):
        def forward(self, input: Tensor) -> Tensor:
            large = torch.exp(input.expand(1000, -1, -1))
            held.append(weakref.ref(large))
            return super().forward(large.sum(0))

    network, x = Large(6, 3), torch.randn(16, 6)
    seen: list[bool] = []

    def work() -> list[Tensor | None]:
        loss = network(x).sum()
        seen.append(held[-1]() is None)
        return [loss.detach()]

    recording = record(work, network.parameters(), [x])
    assert seen == [True]
    assert torch.equal(cast("Tensor", recording([x])[0]), cast("Tensor", work()[0]))


def test_steps_with_many_parameters_are_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "MOST_PARAMETERS", 8)
    steps, batch = StaticSteps(nn.Linear(2, 1)), [torch.zeros(4, 2)]
    assert not any(steps.is_due(batch) for _ in range(replay.AFTER + 1))


@pytest.mark.parametrize(
    "look",
    [
        lambda x: x[x > 0].sum(),
        lambda x: x.sum() * x.max().item(),
        lambda x: x.sum() if bool(x.sum() > 0) else -x.sum(),
        lambda x: x.nonzero().float().sum(),
        lambda x: x.sum() * x.tolist()[0],
        lambda x: x.sum() * float(x.detach().numpy()[0]),
    ],
    ids=["mask", "item", "branch", "nonzero", "tolist", "numpy"],
)
def test_what_looks_at_values_is_not_recorded(look) -> None:
    x, weight = torch.randn(4), torch.ones(())
    with pytest.raises(NotStaticError):
        record(lambda: [look(x) * weight], [weight], [x])


def test_a_step_that_gives_other_numbers_when_it_is_run_again_is_not_replayed() -> None:
    calls: list[float] = []
    network, x = nn.Linear(2, 1), torch.ones(3, 2)

    def work() -> list[Tensor | None]:
        calls.append(1.0)
        return [network(x).detach().sum() * torch.tensor(float(len(calls))) + torch.rand(())]

    steps = StaticSteps(network)
    steps.begin(lambda: [work()[0], torch.tensor(0.0)], [x])
    assert steps.of([x]) is None
    assert not steps.is_due([x])


def test_a_gradient_that_is_the_same_each_time_may_be_changed_in_place() -> None:
    weight = nn.Parameter(torch.ones(2))
    x = torch.ones(3, 2)

    def work() -> list[Tensor | None]:
        weight.grad = None
        (weight.sum() * 2 + 0 * x.sum()).backward()
        return [weight.grad]

    recording = record(work, [weight], [x])
    first = recording([x])[0]
    first.mul_(5)
    assert recording([x])[0].tolist() == [2.0, 2.0]


def test_a_recording_is_dropped_where_a_parameter_has_other_memory() -> None:
    network = nn.Linear(6, 3)
    x, y = torch.randn(16, 6), torch.randint(0, 3, (16,))
    steps = StaticSteps(network)
    steps.begin(work_of(network, x, y), (x, y))
    assert steps.of((x, y)) is not None
    network.weight.data = network.weight.data.clone()
    assert steps.of((x, y)) is None
    assert not steps.is_due((x, y))  # it is counted anew
    assert [steps.is_due((x, y)) for _ in range(replay.AFTER)][-1]


def test_batches_of_a_shape_are_recorded_once_they_are_many() -> None:
    steps = StaticSteps(nn.Linear(2, 1))
    batch = [torch.zeros(4, 2)]
    assert [steps.is_due(batch) for _ in range(replay.AFTER + 1)] == [False] * replay.AFTER + [True]


def test_in_a_long_run_batches_of_a_shape_are_recorded_once_they_come_one_after_another() -> None:
    torch.manual_seed(0)
    network = nn.Linear(6, 3)
    steps, x, y = StaticSteps(network, steps=replay.LONG), torch.randn(16, 6), torch.randint(0, 3, (16,))
    last = [torch.zeros(5, 6), y[:5]]
    assert [steps.is_due((x, y)) for _ in range(replay.SOON)] == [False] * replay.SOON
    assert not steps.is_due(last)
    assert [steps.is_due((x, y)) for _ in range(replay.SOON + 1)] == [False] * replay.SOON + [True]
    steps.begin(work_of(network, x, y), (x, y))
    for _ in range(replay.SOON + 2):  # the last batch of each epoch
        assert steps.of((x, y)) is not None
        assert steps.of(last) is None
        assert not steps.is_due(last)
    steps.forget()
    assert not any(steps.is_due((x, y)) for _ in range(replay.AFTER))


def test_a_module_of_somebody_else_is_never_recorded() -> None:
    assert are_static(nn.Sequential(nn.Linear(2, 2), nn.ReLU()))
    assert not are_static(nn.Sequential(nn.Linear(2, 2), Twice()))


def test_with_another_torch_nothing_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "IS_KNOWN", False)
    assert not are_static(nn.Linear(2, 2))


def test_the_interpreter_gives_the_bits_of_the_function_and_changes_what_it_changes() -> None:
    weight, count, rows = torch.randn(3, 4), torch.zeros(()), torch.randn(5, 3)

    def work() -> list[Tensor | None]:
        count.add_(1)
        return [torch.relu(rows @ weight)]

    recording = record(work, [weight, count], [rows])
    interpreted = recording.interpreted([rows])
    before, other = count.item(), torch.randn(5, 3)
    assert interpreted.run != recording.run
    assert torch.equal(interpreted([other])[0], recording([other])[0])
    assert count.item() == before + 2


def test_tensors_are_compared_wherever_their_numbers_lie() -> None:
    from nntrain.training.replay import _equal  # pyright: ignore[reportPrivateUsage]

    wide = torch.arange(12.0).reshape(4, 3)
    assert _equal(wide[:, :1], wide[:, :1].clone())
    assert not _equal(wide[:, :1], wide[:, 1:2])
