# pyright: basic, reportMissingImports=false
"""The Learner of fastai, without its progress bar; what it calls epochs without validation sees no validation rows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from fastai.basics import DataLoader, DataLoaders, Learner, OptimWrapper
from fastai.callback.training import GradientClip
from torch.utils.data import TensorDataset
from workloads import Stopwatch, Workload


def train(workload: Workload, epochs: int, options: Sequence[str] = ()) -> dict[str, float]:
    """One fit."""
    network = workload.model()
    watch = Stopwatch()
    loaders = DataLoaders(
        DataLoader(TensorDataset(workload.x, workload.y), bs=workload.batch, shuffle=True),
        DataLoader(TensorDataset(workload.xv, workload.yv), bs=workload.batch) if workload.validate else None,
    )
    others = {name: value for name, value in workload.opt_args.items() if name != "lr"}
    optimizer = partial(OptimWrapper, opt=partial(getattr(torch.optim, workload.opt), **others))
    clipping = [GradientClip(workload.clip)] if workload.clip else []
    learner = Learner(loaders, network, loss_func=workload.loss, opt_func=optimizer, lr=workload.opt_args["lr"], cbs=clipping)
    with learner.no_bar(), learner.no_logging():
        learner.fit(epochs)
    watch.stop()
    return watch.result(workload, epochs, workload.score(network))
