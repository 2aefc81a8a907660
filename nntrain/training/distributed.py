"""Several processes that train one network: who they are, and what they tell each other. Over `torch.distributed` (gloo, nccl).

Each runs the same loop over its share of the rows of each step, so that all decide the same. Gradients are added up in memory that
processes of one machine share, or sent in buckets while the backward pass still runs, as torch's DistributedDataParallel does. That class
is not used: importing it takes more than a second (it loads torch's compiler), a step of a small network took five times as long, and it
divides by the number of processes, where a loss is to be divided by the weight of the whole step.
"""

from __future__ import annotations

import json
import math
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, cast

import torch
import torch.distributed as c10d
from torch import Tensor, nn

from nntrain.data.noise import derive_seed
from nntrain.data.shares import Share
from nntrain.losses.loss import Part
from nntrain.training.gradients import trained
from nntrain.training.peers import told_as_lost
from nntrain.training.place import Place
from nntrain.training.reduction import Reducer
from nntrain.training.shared_memory import IS_SUPPORTED, Machine

if TYPE_CHECKING:
    from nntrain.data.batches import TensorData
    from nntrain.training.objective import PartName
    from nntrain.training.session import Metrics

_PATIENCE: Final = timedelta(hours=12)
"""How long processes wait for each other: an evaluation or a save may take long. One that is gone is noticed at once all the same."""
SIGNALS: Final = ("SIGHUP", "SIGINT", "SIGTERM")
"""Requests to stop, the least first."""


@dataclass(slots=True)
class StepWish:
    """What a process asks for at a step."""

    signal: str | None = None
    """Name of the signal that asked for a stop."""
    pause: bool = False
    """Whether something is to be saved."""


def _nothing(_step: int) -> StepWish:
    return StepWish()


@dataclass(slots=True)
class Agreement:
    """Sums over all processes that are on their way: they are waited for where they are needed."""

    _weights: Tensor
    """Of each part of the loss, float64 `[P]`, on the device."""
    _told: Tensor
    """What the processes wish for, float64, on the CPU."""
    _dtypes: Mapping[PartName, torch.dtype]
    _works: list[c10d.Work]
    _grant: Callable[[Sequence[float]], None]

    def weights(self) -> dict[PartName, Tensor]:
        """The weights of each part of the loss over all processes; wishes are granted when they are first asked for.

        Raises:
            PeerLostError: Another process is gone.
        """
        if self._works:
            with told_as_lost():
                for work in self._works:
                    work.wait()
            self._works.clear()
            self._grant(cast("list[float]", self._told.tolist()))
        return {name: self._weights[place].to(dtype) for place, (name, dtype) in enumerate(self._dtypes.items())}


@dataclass(slots=True)
class Ranks:
    """The processes of a run, as one of them sees them."""

    place: Place
    backend: str
    """`gloo` or `nccl`."""
    device: torch.device
    share: Share
    """Of the rows of a step."""
    wish: Callable[[int], StepWish] = _nothing
    """What this process asks for; told the number of steps that will be complete when it is granted."""
    granted: StepWish = field(default_factory=StepWish)
    """What all have agreed on in this step: one wish is enough."""
    elapsed_s: float = 0.0
    """How long the run has trained, by the clock of the first process."""
    started: float = field(default_factory=time.monotonic)
    """When it began to train by that clock."""
    step: int = 0
    """Steps that are complete."""
    is_sharded: bool = False
    """Whether each process has a piece of each parameter; torch sums the gradients then."""
    machine: Machine | None = None
    """Where all are on one machine and compute on its processors: they may add up in its memory."""
    reducer: Reducer | None = None
    """Sums gradients; made in the first step."""

    @property
    def rank(self) -> int:
        """From 0."""
        return self.place.rank

    @property
    def size(self) -> int:
        """How many processes there are."""
        return self.place.size

    @property
    def is_first(self) -> bool:
        """Whether this one writes and prints."""
        return self.place.is_first

    @property
    def words(self) -> str:
        """`2 (gloo)`."""
        way = ", sharded" if self.is_sharded else "" if self.machine is None else ", one machine"
        return f"{self.size} ({self.backend}{way})"

    def begin_step(self, step: int, seed: int) -> None:
        """Be at a step. The random numbers of other processes than the first are a function of it: nothing of them is to be saved."""
        self.step = step
        if not self.is_first:
            torch.manual_seed(derive_seed(seed, "process", self.rank, step))

    def begin(self, weights: Mapping[PartName, Tensor], optimizer: torch.optim.Optimizer) -> Agreement:
        """Before the first forward pass of a step.

        Args:
            weights: Of each part of the loss, over the rows of this process.
            optimizer: What moves the parameters.

        Returns:
            What gives the weights over the rows of all processes, which is on its way while the network computes.
        """
        found = self.agree(weights)
        if not self.is_sharded:
            if self.reducer is None:
                self.reducer = Reducer(trained(optimizer), len(weights), self.machine)
            self.reducer.begin()
        return found

    def begin_last(self) -> None:
        """Before the last backward pass of a step."""
        if self.reducer is not None:
            self.reducer.begin_last()

    def finish(self, parts: Mapping[PartName, Part], weights: Mapping[PartName, Tensor]) -> dict[PartName, Part]:
        """After the last backward pass: the parts of the loss over all processes, and parameters have the sums of their gradients."""
        sums = torch.stack([part.sum.float() for part in parts.values()])
        if self.reducer is None:
            self.add(sums)
        else:
            sums = self.reducer.finish(sums)
        return {name: Part(sums[place], weights[name], part.factor) for place, (name, part) in enumerate(parts.items())}

    def agree(self, weights: Mapping[PartName, Tensor]) -> Agreement:
        """Begin to sum the weights of each part of the loss over all processes, and with them what they wish for."""
        told_to_all = torch.tensor(self._wishes(), dtype=torch.float64)
        own = torch.stack([weight.detach().double() for weight in weights.values()])
        if self.device.type == "cpu":
            both = torch.cat([own, told_to_all])
            sent = [both]
            own, told_to_all = both[: len(own)], both[len(own) :]
        else:  # what is agreed is read on the CPU, without waiting for the device
            sent = [told_to_all, own]
        with told_as_lost():
            works = [cast("c10d.Work", c10d.all_reduce(values, async_op=True)) for values in sent]
        return Agreement(own, told_to_all, {name: weight.dtype for name, weight in weights.items()}, works, self._grant)

    def _wishes(self) -> list[float]:
        """What this process asks for, and its clock if it is the one that counts; sums are read by `_grant`."""
        mine = self.wish(self.step + 1)
        clock = time.monotonic() - self.started if self.is_first else 0.0
        return [*(float(mine.signal == name) for name in SIGNALS), float(mine.pause), clock]

    def _grant(self, told: Sequence[float]) -> None:
        *signals, pause, self.elapsed_s = told
        found = [name for name, count in zip(SIGNALS, signals, strict=True) if count]
        self.granted = StepWish(found[-1] if found else None, bool(pause) or bool(found))

    def add(self, values: Tensor) -> None:
        """Sum a tensor over all processes, in place."""
        with told_as_lost():
            c10d.all_reduce(values)

    def tell(self, message: Callable[[], Any]) -> Any:
        """What the first process says, a plain JSON tree; the others wait for it."""
        text = json.dumps(message()).encode() if self.is_first else b""
        length = torch.tensor([len(text)])
        with told_as_lost():
            c10d.broadcast(length, 0)
            content = torch.frombuffer(bytearray(text), dtype=torch.uint8) if self.is_first else torch.empty(int(length), dtype=torch.uint8)
            c10d.broadcast(content, 0)
        return json.loads(content.numpy().tobytes())

    def judge(self, network: nn.Module, measure: Callable[[], Metrics | None]) -> Metrics | None:
        """What all measure together, to the last bit the same for all; `None` where a stop was wanted in between.

        The running statistics are those of the first process, which are the ones that are saved.
        """
        self.copy_first([buffer.data for buffer in network.buffers()])
        metrics = measure()
        told = torch.tensor(self._wishes(), dtype=torch.float64)
        self.add(told)
        self._grant(cast("list[float]", told.tolist()))
        return self.tell(lambda: metrics)

    def part_of(self, data: TensorData) -> TensorData:
        """The rows of a split that this process measures."""
        edges = [len(data) * rank // self.size for rank in (self.rank, self.rank + 1)]
        return data.narrow(*edges)

    def idle(self, total: int, own: int, rows: int) -> int:
        """Batches of so many rows that this process has less than another, where a forward pass is one of all processes."""
        most = math.ceil(total / self.size)
        return math.ceil(most / rows) - math.ceil(own / rows) if self.is_sharded else 0

    def gather(self, told: Any, tensors: Sequence[Tensor | None]) -> list[tuple[Any, list[Tensor | None]]]:
        """What all processes say, by rank: a plain JSON tree and some tensors each, on the device of this one."""
        own = [None if tensor is None else tensor.cpu().contiguous() for tensor in tensors]
        form = [None if tensor is None else [str(tensor.dtype).removeprefix("torch."), list(tensor.shape)] for tensor in own]
        head = json.dumps([told, form]).encode()
        content = b"".join([head, *(tensor.reshape(-1).view(torch.uint8).numpy().tobytes() for tensor in own if tensor is not None)])
        lengths = [torch.zeros(2, dtype=torch.int64) for _ in range(self.size)]
        with told_as_lost():
            c10d.all_gather(lengths, torch.tensor([len(head), len(content)]))
            longest = max(int(each[1]) for each in lengths)
            sent = torch.zeros(longest, dtype=torch.uint8)
            sent[: len(content)] = torch.frombuffer(bytearray(content), dtype=torch.uint8)
            found = [torch.empty(longest, dtype=torch.uint8) for _ in range(self.size)]
            c10d.all_gather(found, sent)
        return [_unpacked(part, int(length[0]), self.device) for part, length in zip(found, lengths, strict=True)]

    def copy_first(self, tensors: Sequence[Tensor]) -> None:
        """Give all processes the tensors of the first, in place."""
        with told_as_lost():
            for tensor in tensors:
                c10d.broadcast(tensor, 0)

    def meet(self) -> None:
        """Wait for all."""
        with told_as_lost():
            c10d.barrier(device_ids=None if self.backend == "gloo" else [self.device.index])  # nccl guesses a device otherwise


def _unpacked(content: Tensor, head: int, device: torch.device) -> tuple[Any, list[Tensor | None]]:
    told, form = json.loads(content[:head].numpy().tobytes())
    tensors: list[Tensor | None] = []
    start = head
    for each in form:
        if each is None:
            tensors.append(None)
            continue
        dtype, shape = getattr(torch, each[0]), each[1]
        end = start + math.prod(shape) * dtype.itemsize
        tensors.append(content[start:end].clone().view(dtype).reshape(shape).to(device))
        start = end
    return told, tensors


_ranks: list[Ranks] = []
"""The processes that this one has joined: torch has one group of them."""


def joined() -> Ranks | None:
    """The processes that this one has joined; `None` where it is alone."""
    return _ranks[0] if _ranks else None


def join(place: Place, device: torch.device) -> Ranks:
    """Find the other processes; waits for them.

    Args:
        place: Which one this is.
        device: Where it computes.
    """
    if _ranks:
        return _ranks[0]
    if place.size == place.local_size and "GLOO_SOCKET_IFNAME" not in os.environ:
        loopback = next((name for _, name in socket.if_nameindex() if name.startswith("lo")), None)
        if loopback is not None:  # all on one machine: nothing is sent over a network, nor waits for one
            os.environ["GLOO_SOCKET_IFNAME"] = loopback
    backend = "nccl" if device.type == "cuda" else "gloo"
    if device.type == "cuda":
        torch.cuda.set_device(device)
    with told_as_lost():
        c10d.init_process_group(
            "cpu:gloo,cuda:nccl" if backend == "nccl" else "gloo",
            init_method="env://" if place.store is None else f"file://{place.store}",
            rank=place.rank,
            world_size=place.size,
            timeout=_PATIENCE,
        )
    found = Ranks(place, backend, device, Share(place.rank, place.size))
    _ranks.append(found)  # from here on there is something to leave
    is_told = place.store is not None or "LOCAL_WORLD_SIZE" in os.environ  # else nobody says that all are on this machine
    if IS_SUPPORTED and device.type == "cpu" and place.size == place.local_size and is_told:
        found.machine = Machine.meet(place.rank, place.size, found.tell)
    return found


def leave() -> None:
    """Leave the others, who don't need this process any more."""
    if _ranks:
        if (machine := _ranks.pop().machine) is not None:
            machine.close()
        c10d.destroy_process_group()
