# pyright: basic, reportMissingImports=false
"""The Trainer of transformers; where the optimizer is AdamW, which is its own."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch import nn
from transformers import Trainer, TrainingArguments
from workloads import Stopwatch, Workload


class Named(torch.utils.data.Dataset[dict[str, Any]]):
    """Rows as the Trainer wants them."""

    def __init__(self, x: torch.Tensor, y: torch.Tensor) -> None:
        self.x, self.y = x, y

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, row: int) -> dict[str, Any]:
        return {"x": self.x[row], "labels": self.y[row]}


class WithLoss(nn.Module):
    """A network that gives its loss."""

    def __init__(self, workload: Workload) -> None:
        super().__init__()
        self.workload, self.network = workload, workload.model()

    def forward(self, x: torch.Tensor, labels: torch.Tensor) -> dict[str, torch.Tensor]:
        logits = self.network(x)
        return {"loss": self.workload.loss(logits, labels), "logits": logits}


def train(workload: Workload, epochs: int, options: Sequence[str] = ()) -> dict[str, float]:
    """One fit."""
    if workload.opt != "AdamW":
        raise NotImplementedError(f"an optimizer of its own, not {workload.opt}")
    module = WithLoss(workload)
    betas = workload.opt_args.get("betas", (0.9, 0.999))
    with tempfile.TemporaryDirectory() as folder:
        watch = Stopwatch()
        arguments = TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=workload.batch,
            per_device_eval_batch_size=workload.batch,
            num_train_epochs=epochs,
            learning_rate=workload.opt_args["lr"],
            weight_decay=workload.opt_args.get("weight_decay", 0.01),
            adam_beta1=betas[0],
            adam_beta2=betas[1],
            optim="adamw_torch",
            lr_scheduler_type="constant",
            max_grad_norm=workload.clip,
            eval_strategy="epoch" if workload.validate else "no",
            prediction_loss_only=True,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
        )
        rows, measured = Named(workload.x, workload.y), Named(workload.xv, workload.yv)
        Trainer(module, arguments, train_dataset=rows, eval_dataset=measured).train()
        watch.stop()
    return watch.result(workload, epochs, workload.score(module.network))
