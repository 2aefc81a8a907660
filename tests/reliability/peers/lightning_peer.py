# pyright: basic, reportMissingImports=false, reportArgumentType=false
"""Lightning in the experiment. Variants: see `run.py`."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import warnings
from pathlib import Path
from typing import Any

import lightning
import torch
from experiment import BATCH, EPOCHS, RATE, SAVE_EVERY, SEED, Peer, Record, Rows, large, main, network
from lightning.pytorch.callbacks import ModelCheckpoint
from torch import Tensor, nn
from torch.utils.data import DataLoader

warnings.simplefilter("ignore")


class Module(lightning.LightningModule):
    """The network, its optimizer and a schedule by steps."""

    def __init__(self, record: Record, *, dropout: float, keeps_rng: bool) -> None:
        super().__init__()
        self.network, self.record, self.keeps_rng = network(dropout), record, keeps_rng

    def training_step(self, batch: Any, index: int) -> Tensor:
        inputs, classes, rows = batch
        self.record.step(self.global_step, rows.tolist())
        return nn.functional.cross_entropy(self.network(inputs), classes)

    def configure_optimizers(self) -> Any:
        optimizer = torch.optim.AdamW(self.parameters(), lr=RATE)
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": torch.optim.lr_scheduler.StepLR(optimizer, 40, 0.5), "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.keeps_rng:
            checkpoint["torch_rng"] = torch.get_rng_state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        if self.keeps_rng:
            self.saved_rng = checkpoint["torch_rng"]

    def on_train_batch_start(self, batch: Any, index: int) -> None:
        if getattr(self, "saved_rng", None) is not None:
            torch.set_rng_state(self.saved_rng)
            self.saved_rng = None


def train(folder: Path, variant: str, record: Record, resume: bool) -> dict[str, Tensor]:
    words = set(variant.split())
    lightning.seed_everything(SEED, verbose=False)
    loader: Any = DataLoader
    if "stateful" in words:
        loader = importlib.import_module("torchdata.stateful_dataloader").StatefulDataLoader
    data = loader(Rows(noise="noise" in words), batch_size=BATCH, shuffle=True, num_workers=2 if "workers" in words else 0)
    every = {"every_n_epochs": 1, "save_on_train_epoch_end": True} if "epoch" in words else {"every_n_train_steps": SAVE_EVERY}
    saving = ModelCheckpoint(folder / "checkpoints", save_last=True, save_top_k=-1, **every)
    module = Module(record, dropout=0.0 if "undropped" in words else 0.3, keeps_rng="rng" in words)
    trainer = _trainer(folder, callbacks=[saving], max_epochs=EPOCHS)
    trainer.fit(module, data, ckpt_path=folder / "checkpoints" / "last.ckpt" if resume else None)
    return {name: value.detach().clone() for name, value in module.network.state_dict().items()}


def _trainer(folder: Path, **options: Any) -> lightning.Trainer:
    return lightning.Trainer(
        accelerator="cpu",
        devices=1,
        default_root_dir=folder,
        logger=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )


class Large(lightning.LightningModule):
    """A state of 20 MB."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = large()

    def training_step(self, batch: Any, index: int) -> Tensor:
        raise NotImplementedError

    def configure_optimizers(self) -> Any:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def write(folder: Path) -> None:
    trainer = _trainer(folder, max_epochs=1)
    trainer.strategy.connect(Large())
    trainer.strategy._lightning_module = trainer.strategy.model
    for _ in range(10_000):
        trainer.save_checkpoint(folder / "last.ckpt")
        (folder / "saved").touch()


def read(folder: Path) -> None:
    Large().load_state_dict(torch.load(folder / "last.ckpt", weights_only=True)["state_dict"])


def truncate(folder: Path) -> None:
    """Half of the newest."""
    for path in (
        folder / "checkpoints" / "last.ckpt",
        max((folder / "checkpoints").glob("epoch=*.ckpt"), key=lambda path: path.stat().st_mtime),
    ):
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def remove(folder: Path) -> None:
    """The file that `last` is."""
    (folder / "checkpoints" / "last.ckpt").unlink()


if __name__ == "__main__":
    variants = {"every 10 steps": 37, "every 10 steps undropped": 37, "epoch": 60, "epoch undropped": 60, "every 10 steps rng hook": 37}
    variants |= {"epoch rng hook": 60, "every 10 steps workers": 37}
    if importlib.util.find_spec("torchdata"):
        variants |= {"every 10 steps stateful loader": 37, "every 10 steps stateful loader rng hook": 37}
    versions = {name: importlib.metadata.version(name) for name in ("lightning", "torchdata") if importlib.util.find_spec(name)}
    main(Peer(versions, variants, train, {"newest truncated": truncate, "newest missing": remove}, write, read))
