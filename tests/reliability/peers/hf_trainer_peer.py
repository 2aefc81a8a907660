# pyright: basic, reportMissingImports=false
"""The Trainer of transformers in the experiment. Variants: see `run.py`."""

from __future__ import annotations

import importlib.metadata
import os
import warnings
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from experiment import BATCH, EPOCHS, RATE, SAVE_EVERY, SEED, Peer, Record, Rows, large, main, network
from torch import Tensor, nn
from transformers import Trainer, TrainerCallback, TrainingArguments, set_seed

warnings.simplefilter("ignore")


class Named(torch.utils.data.Dataset[dict[str, Any]]):
    """The rows as the Trainer wants them."""

    def __init__(self, data: Rows) -> None:
        self.data = data

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> dict[str, Any]:
        inputs, label, row = self.data[index]
        return {"inputs": inputs, "labels": label, "row": row}


class Model(nn.Module):
    """The network with its loss."""

    def __init__(self, record: Record, dropout: float) -> None:
        super().__init__()
        self.network, self.record, self.step = network(dropout), record, 0

    def forward(self, inputs: Tensor, labels: Tensor, row: Tensor) -> dict[str, Tensor]:
        self.record.step(self.step, row.tolist())
        logits = self.network(inputs)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class Counts(TrainerCallback):
    """Tells the model which step comes."""

    def __init__(self, model: Model) -> None:
        self.model = model

    def on_step_begin(self, args: Any, state: Any, control: Any, **rest: Any) -> None:
        self.model.step = state.global_step


def train(folder: Path, variant: str, record: Record, resume: bool) -> dict[str, Tensor]:
    words = set(variant.split())
    set_seed(SEED)
    model = Model(record, 0.0 if "undropped" in words else 0.3)
    options = TrainingArguments(
        output_dir=str(folder / "checkpoints"),
        per_device_train_batch_size=BATCH,
        num_train_epochs=EPOCHS,
        learning_rate=RATE,
        lr_scheduler_type="linear",
        save_strategy="epoch" if "epoch" in words else "steps",
        save_steps=SAVE_EVERY,
        seed=SEED,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        logging_strategy="no",
        remove_unused_columns=False,
        dataloader_num_workers=2 if "workers" in words else 0,
        dataloader_pin_memory=False,
    )
    trainer = Trainer(model, options, train_dataset=Named(Rows(noise="noise" in words)), callbacks=[Counts(model)])
    trainer.train(resume_from_checkpoint=resume or None)
    return {name: value.detach().clone() for name, value in model.network.state_dict().items()}


class Large(nn.Module):
    """A state of 20 MB."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = large()

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        raise NotImplementedError


def write(folder: Path) -> None:
    options = TrainingArguments(output_dir=str(folder), use_cpu=True, report_to=[], save_only_model=True)
    trainer = Trainer(Large(), options)
    trainer.state.global_step = 10
    for _ in range(10_000):
        trainer._save_checkpoint(trainer.model, trial=None)
        (folder / "saved").touch()


def read(folder: Path) -> None:
    from safetensors.torch import load_file

    place = folder / "checkpoint-10"
    Large().load_state_dict(load_file(place / "model.safetensors"))
    if not (place / "trainer_state.json").read_text().rstrip().endswith("}"):
        raise ValueError("trainer_state.json is cut off")


def newest(folder: Path) -> Path:
    return max((folder / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))


def truncate(folder: Path) -> None:
    """Half of the optimizer's state."""
    path = newest(folder) / "optimizer.pt"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def remove(folder: Path) -> None:
    """The file that is written last."""
    (newest(folder) / "trainer_state.json").unlink()


if __name__ == "__main__":
    variants = {"every 10 steps": 37, "every 10 steps undropped": 37, "epoch": 60, "every 10 steps workers": 37, "every 10 steps noise": 37}
    versions = {name: importlib.metadata.version(name) for name in ("transformers", "accelerate")}
    main(Peer(versions, variants, train, {"newest truncated": truncate, "newest missing a file": remove}, write, read))
