"""A loop in plain PyTorch as tutorials write it: a DataLoader over tensors, torch's default optimizer, `loss.item()` at each step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch.utils.data import DataLoader, TensorDataset
from workloads import Stopwatch, Workload


def train(workload: Workload, epochs: int, options: Sequence[str] = ()) -> dict[str, float]:
    """One fit."""
    if options:
        raise NotImplementedError(f"options {', '.join(options)}")
    network = workload.model()
    watch = Stopwatch()
    optimizer = workload.optimizer(network.parameters())
    loader: Any = DataLoader(TensorDataset(workload.x, workload.y), workload.batch, shuffle=True)
    measured: Any = DataLoader(TensorDataset(workload.xv, workload.yv), workload.batch)
    for _ in range(epochs):
        network.train()
        total = 0.0
        for inputs, classes in loader:
            optimizer.zero_grad()
            loss = workload.loss(network(inputs), classes)
            loss.backward()
            if workload.clip:
                torch.nn.utils.clip_grad_norm_(network.parameters(), workload.clip)
            optimizer.step()
            total += loss.item() * len(inputs)
        if workload.validate:
            network.eval()
            right, total = 0, 0.0
            with torch.no_grad():
                for inputs, classes in measured:
                    outputs = network(inputs)
                    total += workload.loss(outputs, classes).item() * len(inputs)
                    right += int((outputs.argmax(-1) == classes).sum().item())
    watch.stop()
    return watch.result(workload, epochs, workload.score(network))
