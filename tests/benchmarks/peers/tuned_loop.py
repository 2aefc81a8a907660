"""A loop in plain PyTorch as an expert writes it: rows gathered by index, a fused optimizer, nothing read from a tensor within an epoch.

It trains and does nothing else: no history, no metrics, no checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor
from workloads import Stopwatch, Workload


def _batches(workload: Workload, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    size = workload.batch
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield workload.x.index_select(0, rows), workload.y.index_select(0, rows)


def _gathered(workload: Workload, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    x, y, size = workload.x.index_select(0, order), workload.y.index_select(0, order), workload.batch
    for start in range(0, len(order), size):
        yield x[start : start + size], y[start : start + size]


def train(workload: Workload, epochs: int, options: Sequence[str] = ()) -> dict[str, float]:
    """One fit. The option `gather` puts the rows of an epoch into their order once and cuts them then."""
    network = workload.model()
    watch = Stopwatch()
    parameters = list(network.parameters())
    optimizer = workload.optimizer(parameters, fused=True)
    for _ in range(epochs):
        network.train()
        order, total = torch.randperm(len(workload.x)), torch.zeros(())
        for inputs, classes in _gathered(workload, order) if "gather" in options else _batches(workload, order):
            loss = workload.loss(network(inputs), classes)
            loss.backward()
            if workload.clip:
                torch.nn.utils.clip_grad_norm_(parameters, workload.clip)
            optimizer.step()
            optimizer.zero_grad()
            total += loss.detach() * len(inputs)
        total.item()
        if workload.validate:
            network.eval()
            with torch.inference_mode():
                outputs = network(workload.xv)
                workload.loss(outputs, workload.yv).item()
                workload.accuracy(outputs.argmax(-1))
    watch.stop()
    return watch.result(workload, epochs, workload.score(network))
