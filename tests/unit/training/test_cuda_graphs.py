"""Recorded steps as graphs, as far as that can be decided without a CUDA device: a stand-in takes the place of torch's graphs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from graph_stand_in import StandIn
from test_joint_rows import IMAGES, assembled
from tiny_run import CPU
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from nntrain.commands.training.running import Consumer
from nntrain.training import recordings, replay
from nntrain.training.cuda_graphs import WARM, Captured, CudaGraphs, obstacle, told
from nntrain.training.gradients import gradient_norm
from nntrain.training.recordable import static_steps
from nntrain.training.recordings import Recording
from nntrain.training.replay import StaticSteps
from nntrain.training.session import Session

ROWS = 16


def make() -> nn.Module:
    torch.manual_seed(3)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.GELU(), nn.Dropout(0.3), nn.Linear(8, 3))


def batches(count: int, rows: int = ROWS) -> list[tuple[Tensor, Tensor]]:
    generator = torch.Generator().manual_seed(7)
    return [(torch.randn(rows, 6, generator=generator), torch.randint(0, 3, (rows,), generator=generator)) for _ in range(count)]


def work_of(network: nn.Module, x: Tensor, y: Tensor) -> Callable[[], list[Tensor | None]]:
    """A step: its loss and the norm of its gradients, then these."""

    def work() -> list[Tensor | None]:
        for parameter in network.parameters():
            parameter.grad = None
        loss = cross_entropy(network(x), y)
        loss.backward()
        return [loss.detach(), gradient_norm(network.parameters()), *(parameter.grad for parameter in network.parameters())]

    return work


def taken(network: nn.Module, step: Callable[[Sequence[Tensor]], Sequence[Tensor | None]], count: int = 5) -> list[Tensor]:
    """All that some steps give, which move the weights, and where they leave the network and the generator."""
    torch.manual_seed(11)
    kept: list[Tensor] = []
    for batch in batches(count):
        loss, norm, *gradients = step(batch)
        assert loss is not None
        assert norm is not None
        kept += [loss, norm]  # as running losses are
        with torch.no_grad():
            for parameter, gradient in zip(network.parameters(), gradients, strict=True):
                parameter -= 0.1 * cast("Tensor", gradient)
    return [*kept, *network.state_dict().values(), torch.get_rng_state()]


def begun(graphs: StandIn, network: nn.Module) -> StaticSteps:
    steps, batch = StaticSteps(network, graphs=graphs), batches(1)[0]
    steps.begin(work_of(network, *batch), batch)
    return steps


def assert_equal(one: Sequence[Tensor], other: Sequence[Tensor]) -> None:
    assert len(one) == len(other)
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(one, other, strict=True))


def usual(network: nn.Module) -> list[Tensor]:
    return taken(network, lambda batch: work_of(network, *batch)())


def test_a_graph_gives_the_bits_of_the_steps_and_is_warmed_captured_and_replayed_in_this_order() -> None:
    graphs, network, other = StandIn(), make(), make()
    steps = begun(graphs, network)
    assert graphs.calls == ["warm", "capture", "replay"]  # the last one to be compared with the step
    assert (steps.is_graph, steps.why) == (True, "")
    other.load_state_dict(network.state_dict())
    found = steps.of(batches(1)[0])
    assert isinstance(found, Captured)
    assert_equal(taken(network, found), usual(other))
    assert graphs.calls[3:] == ["replay"] * 5


def test_scalars_outlive_a_step_and_gradients_stay_in_place() -> None:
    network = make()
    found = begun(StandIn(), network).of(batches(1)[0])
    assert found is not None
    first, second = (found(batch) for batch in batches(2))
    assert first[0] != second[0]
    assert [one.data_ptr() == other.data_ptr() for one, other in zip(first, second, strict=True)] == [False] * 2 + [True] * 6


def test_the_step_that_is_captured_is_the_usual_one() -> None:
    network, other, batch = make(), make(), batches(1)[0]
    torch.manual_seed(1)
    found = StaticSteps(network, graphs=StandIn()).begin(work_of(network, *batch), batch)
    ours = [*found, *network.state_dict().values(), torch.get_rng_state()]
    torch.manual_seed(1)
    assert_equal(cast("Any", ours), cast("Any", [*work_of(other, *batch)(), *other.state_dict().values(), torch.get_rng_state()]))


@pytest.mark.parametrize(
    ("graphs", "why"),
    [
        (StandIn(fails_to="warm"), "called a synchronizing CUDA operation"),
        (StandIn(fails_to="capture"), "CUDA error: operation not permitted when stream is capturing"),
        (StandIn(off_by=1e-6), "it did not give the bits of the step"),
        (StandIn(draws=False), "it did not give the bits of the step"),
    ],
    ids=["waits", "fails", "other bits", "other random numbers"],
)
def test_where_there_is_no_graph_the_recording_is_run_and_it_is_said_why(graphs: StandIn, why: str) -> None:
    network, other = make(), make()
    steps = begun(graphs, network)
    assert (steps.is_graph, steps.why) == (False, why)
    found = steps.of(batches(1)[0])
    assert isinstance(found, Recording)
    other.load_state_dict(network.state_dict())
    assert_equal(taken(network, found), usual(other))


def test_a_step_that_can_not_be_recorded_is_taken_as_usual_and_it_is_said_why() -> None:
    network, batch = nn.Linear(6, 3), batches(1)[0]
    steps = StaticSteps(network, graphs=StandIn())
    steps.begin(lambda: [network(batch[0]).sum().detach() * network.weight.max().item()], batch)
    assert steps.is_graph is False
    assert "looks at values" in steps.why
    assert steps.of(batch) is None

    def broken() -> list[Tensor | None]:
        raise RuntimeError("CUDA error: invalid argument")

    with pytest.raises(RuntimeError, match="invalid argument"):  # of the usual step
        StaticSteps(network, graphs=StandIn()).begin(broken, batch)


def test_a_large_step_is_not_recorded_on_a_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay, "SMALL_BYTES", 64)
    monkeypatch.setattr(recordings, "SMALL_BYTES", 64)
    graphs = StandIn()
    steps = begun(graphs, make())
    assert graphs.calls == []
    assert steps.of(batches(1)[0]) is None
    assert steps.why == "its tensors take more than 0 MiB"


def test_one_shape_is_captured_and_the_last_batch_of_an_epoch_never() -> None:
    network = make()
    steps = begun(StandIn(), network)
    assert not any(steps.is_due(batches(1, rows=5)[0]) for _ in range(2 * replay.AFTER))
    steps.forget()
    assert any(steps.is_due(batches(1)[0]) for _ in range(2 * replay.AFTER))


@pytest.mark.parametrize(
    ("tensors", "why"),
    [
        ([torch.zeros(16, 3), torch.zeros(16, dtype=torch.int64)], None),
        ([torch.zeros(16, 3), torch.zeros(16, device="meta")], "elsewhere"),
        ([torch.zeros(10, 3), torch.zeros(10)], "16 bytes"),
        ([torch.zeros(20, dtype=torch.uint8)], "16 bytes"),
    ],
)
def test_which_batches_a_graph_may_read(tensors: list[Tensor], why: str | None) -> None:
    found = obstacle(tensors, CPU)
    assert found is None if why is None else why in str(found)


def test_rows_that_end_anywhere_keep_the_recording() -> None:
    graphs, network, batch = StandIn(), make(), batches(1, rows=10)[0]
    steps = StaticSteps(network, graphs=graphs)
    steps.begin(work_of(network, batch[0][:9], batch[1][:9]), (batch[0][:9], batch[1][:9]))
    assert graphs.calls == []
    assert isinstance(steps.of((batch[0][:9], batch[1][:9])), Recording)
    assert "16 bytes" in steps.why


def test_of_two_errors_the_first_is_told() -> None:
    def broken_off() -> None:
        try:
            raise RuntimeError("CUDA out of memory. Tried to allocate 2 MiB\nand more")
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    with pytest.raises(RuntimeError, match="previous error") as caught:
        broken_off()
    assert told(caught.value) == "CUDA out of memory. Tried to allocate 2 MiB"
    assert told(RuntimeError("")) == "RuntimeError"


def session(folder: Path, layers: list[Any]) -> Session:
    return assembled(folder, IMAGES, architecture={"layers": layers})[0].session


def test_which_runs_are_captured(tmp_path: Path) -> None:
    cuda = torch.device("cuda")
    plain = session(tmp_path, ["flatten", {"linear": 4}, "relu"])
    found = static_steps(replace(plain, device=cuda), parts_are_ours=True)
    assert found is not None
    assert isinstance(found._graphs, CudaGraphs)  # pyright: ignore[reportPrivateUsage]
    on_cpu = static_steps(plain, parts_are_ours=True)
    assert on_cpu is not None
    assert on_cpu._graphs is None  # pyright: ignore[reportPrivateUsage]
    for other in (
        replace(plain, device=torch.device("mps")),
        replace(plain, device=cuda, accumulate=2),
        replace(plain, device=cuda, compiled=cast("Any", plain.network)),
        replace(plain, device=cuda, ranks=cast("Any", object())),
    ):
        assert static_steps(other, parts_are_ours=True) is None
    assert static_steps(replace(plain, device=cuda), parts_are_ours=False) is None


def test_recurrent_layers_are_not_recorded_on_cuda(tmp_path: Path) -> None:
    recurrent = session(tmp_path, [{"rearrange": "c h w -> h (c w)"}, {"gru": {"hidden_size": 4}}, {"pool": "last"}])
    assert static_steps(recurrent, parts_are_ours=True) is not None
    assert static_steps(replace(recurrent, device=torch.device("cuda")), parts_are_ours=True) is None


@pytest.mark.parametrize(
    ("is_graph", "why", "notes"),
    [(None, "", []), (True, "", ["a step is one CUDA graph"]), (False, "it waits", ["a step is no CUDA graph: it waits"])],
)
def test_it_is_told_once(is_graph: bool | None, why: str, notes: list[str]) -> None:
    said: list[str] = []
    static = SimpleNamespace(is_graph=is_graph, why=why)
    assembly = SimpleNamespace(session=SimpleNamespace(static=static))
    consumer: Any = SimpleNamespace(assembly=assembly, told_graph=False, display=SimpleNamespace(note=said.append))
    for _ in range(2):
        Consumer._tell_graph(consumer)  # pyright: ignore[reportPrivateUsage]
    assert said == notes


class OfTorch:
    """What `CudaGraphs` asks of `torch.cuda`, written down."""

    def __init__(self, patch: pytest.MonkeyPatch, fails: bool) -> None:
        self.calls: list[str] = []
        self.fails = fails
        self.current = "main"
        self.mode: int | str = 0
        for name in ("device", "stream", "graph"):
            patch.setattr(torch.cuda, name, getattr(self, f"{name}_context"))
        patch.setattr(torch.cuda, "Stream", lambda: SimpleNamespace(name="side", wait_stream=lambda other: self.waits("side", other)))
        patch.setattr(torch.cuda, "current_stream", self.current_stream)
        patch.setattr(torch.cuda, "CUDAGraph", lambda: SimpleNamespace(replay=lambda: self.calls.append(f"replay in {self.current}")))
        patch.setattr(torch.cuda, "get_sync_debug_mode", lambda: self.mode)
        patch.setattr(torch.cuda, "set_sync_debug_mode", lambda mode: setattr(self, "mode", mode))

    def current_stream(self) -> Any:
        name = self.current
        return SimpleNamespace(name=name, wait_stream=lambda other: self.waits(name, other))

    def waits(self, one: str, other: Any) -> None:
        self.calls.append(f"{one} waits for {other.name}")

    @contextmanager
    def device_context(self, device: torch.device):
        assert device == torch.device("cuda:1")
        yield

    @contextmanager
    def stream_context(self, stream: Any):
        before, self.current = self.current, stream.name
        try:
            yield
        finally:
            self.current = before

    def graph_context(self, graph: Any, *, stream: Any, capture_error_mode: str) -> AbstractContextManager[None]:
        assert capture_error_mode == "thread_local"
        owner = self

        class Capture:
            """As torch's, which leaves its stream current where the capture can't be ended."""

            def __enter__(self) -> None:
                owner.current = stream.name
                owner.calls.append("begin")

            def __exit__(self, *error: object) -> None:
                owner.calls.append("end")
                if owner.fails:
                    raise RuntimeError("operation failed due to a previous error during capture")
                owner.current = "side"

        return cast("Any", Capture())

    def run(self) -> str:
        self.calls.append(f"run in {self.current}{', never waiting' if self.mode == 'error' else ''}")
        return "found"


def test_the_calls_of_torch_when_a_step_is_captured(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = OfTorch(monkeypatch, fails=False)
    graphs = CudaGraphs(torch.device("cuda:1"))
    graphs.warm(cuda.run)
    graph, found = graphs.capture(cuda.run)
    graph.replay()
    warm = ["run in side", *["run in side, never waiting"] * (WARM - 1)]
    assert cuda.calls == ["side waits for main", *warm, "main waits for side", "begin", "run in side", "end", "replay in main"]
    assert (found, cuda.mode) == ("found", 0)


def test_after_a_capture_that_failed_the_stream_is_the_one_before(monkeypatch: pytest.MonkeyPatch) -> None:
    cuda = OfTorch(monkeypatch, fails=True)
    graphs = CudaGraphs(torch.device("cuda:1"))
    graphs.warm(cuda.run)
    with pytest.raises(RuntimeError, match="previous error"):
        graphs.capture(cuda.run)
    assert cuda.current == "main"

    def waiting() -> None:
        raise RuntimeError("called a synchronizing CUDA operation")

    with pytest.raises(RuntimeError, match="synchronizing"):
        graphs.warm(waiting)
    assert (cuda.current, cuda.mode) == ("main", 0)
    assert cuda.calls[-1] == "main waits for side"
