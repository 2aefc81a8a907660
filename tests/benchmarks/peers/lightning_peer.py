# pyright: basic, reportMissingImports=false
"""Lightning. Nothing is logged, saved or shown; `bare` is its option `barebones`, which takes away checks too."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import lightning
import torch
from torch.utils.data import DataLoader, TensorDataset
from workloads import Stopwatch, Workload

warnings.simplefilter("ignore")


class Module(lightning.LightningModule):
    """The network with its optimizer."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.workload, self.network = workload, workload.model()

    def training_step(self, batch: Any, _: int) -> torch.Tensor:
        return self.workload.loss(self.network(batch[0]), batch[1])

    def validation_step(self, batch: Any, _: int) -> None:
        self.workload.loss(self.network(batch[0]), batch[1])

    def configure_optimizers(self) -> Any:
        return self.workload.optimizer(self.network.parameters())


def train(workload: Workload, epochs: int, options: Sequence[str] = ()) -> dict[str, float]:
    """One fit."""
    module = Module(workload)
    watch = Stopwatch()
    off: Any = {"logger": False, "enable_checkpointing": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = lightning.Trainer(
        accelerator="cpu",
        devices=1,
        max_epochs=epochs,
        num_sanity_val_steps=0,
        gradient_clip_val=workload.clip or None,
        **({"barebones": True} if "bare" in options else off),
    )
    measured = DataLoader(TensorDataset(workload.xv, workload.yv), workload.batch) if workload.validate else None
    trainer.fit(module, DataLoader(TensorDataset(workload.x, workload.y), workload.batch, shuffle=True), measured)
    watch.stop()
    return watch.result(workload, epochs, workload.score(module.network))
