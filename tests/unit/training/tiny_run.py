"""Small runs for the tests of the loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from nntrain.data.batches import TensorData
from nntrain.losses.classification import CrossEntropy
from nntrain.losses.links import Softmax
from nntrain.losses.regression import MeanSquaredError
from nntrain.metrics.classification import Accuracy, ConfusionMatrix
from nntrain.metrics.regression import MAE, RMSE
from nntrain.optimizers.adam import AdamW
from nntrain.optimizers.groups import parameter_groups
from nntrain.optimizers.optimizer import Optimizer
from nntrain.protocols.supervised import SupervisedProtocol
from nntrain.regularization import Regularization
from nntrain.schedules.constant import Constant
from nntrain.schedules.plateau import Plateau
from nntrain.schedules.schedule import Horizon, Schedule
from nntrain.specs import Spec
from nntrain.tasks.classification import Classification
from nntrain.tasks.regression import Regression
from nntrain.tasks.task import Target
from nntrain.training.device import resolve_precision
from nntrain.training.early_stopping import Converge, EarlyStopping, PlateauRule
from nntrain.training.ema import AveragedWeights
from nntrain.training.loop import Pause, Report, fit
from nntrain.training.objective import Objective, TargetObjective, WeightedLoss
from nntrain.training.plan import Plan, Watch
from nntrain.training.progress import Progress
from nntrain.training.reproducibility import seed_everything
from nntrain.training.session import Session, Splits
from nntrain.training.settings import TrainingSettings
from nntrain.training.shaping import Shaping
from nntrain.training.swa import StochasticAverage

CPU = torch.device("cpu")
RAW_SCALE, RAW_SHIFT = 10.0, 100.0


class Net(nn.Module):
    """Four numbers to three classes and to one value."""

    def __init__(self, *, dropout: float = 0.0, batch_norm: bool = False) -> None:
        super().__init__()
        norm = [nn.BatchNorm1d(8)] if batch_norm else []
        self.body = nn.Sequential(nn.Linear(4, 8), *norm, nn.ReLU(), nn.Dropout(dropout))
        self.heads = nn.ModuleDict({"label": nn.Linear(8, 3), "size": nn.Linear(8, 1)})

    def forward(self, inputs: Mapping[str, Tensor], state: Mapping[str, Any] | None = None) -> tuple[dict[str, Tensor], dict[str, Any]]:
        hidden = self.body(inputs["@number"])
        return {name: head(hidden) for name, head in self.heads.items()}, {}


def make_data(rows: int, *, seed: int = 0, weights: bool = False) -> TensorData:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(rows, 4, generator=generator)
    label = inputs[:, :3].argmax(dim=1)
    size = inputs.sum(dim=1) + 0.1 * torch.randn(rows, generator=generator)
    row_weights = torch.rand(rows, generator=generator) + 0.5 if weights else None
    return TensorData({"@number": inputs}, {"label": label, "size": size}, row_weights, torch.arange(rows))


def make_objective(*names: str) -> Objective:
    label = Target("label", "category", Spec((), (), "index", classes=3), ("a", "b", "c"))
    metrics = {"accuracy": Accuracy(), "confusion_matrix": ConfusionMatrix()}
    targets = {
        "label": TargetObjective(label, Classification(), {"cross_entropy": WeightedLoss(CrossEntropy().build())}, metrics, link=Softmax()),
        "size": TargetObjective(
            Target("size", "number", Spec((), ())),
            Regression(),
            {"mse": WeightedLoss(MeanSquaredError().build())},
            {"rmse": RMSE(), "mae": MAE()},
            lambda values: values * RAW_SCALE + RAW_SHIFT,
        ),
    }
    return Objective({name: targets[name] for name in names})


@dataclass
class TinyRun:
    """Everything that `fit` takes, made from a seed."""

    session: Session
    protocol: SupervisedProtocol
    plan: Plan
    progress: Progress

    def events(self, pause_at: int | None = None) -> list[Report | Pause]:
        """Train until the end, or until a step is complete."""
        found: list[Report | Pause] = []
        for event in fit(self.session, self.protocol, self.plan, self.progress, lambda step: step == pause_at):
            found.append(event)
            if event.step == pause_at:
                break
        return found

    def reports(self) -> list[Report]:
        return [event for event in self.events() if isinstance(event, Report)]


def make_run(
    training: TrainingSettings | None = None,
    *,
    seed: int = 0,
    rows: int = 50,
    batch_size: int = 16,
    targets: tuple[str, ...] = ("label",),
    network: Net | None = None,
    dropout: float = 0.0,
    batch_norm: bool = False,
    optimizer: Optimizer | None = None,
    schedule: Schedule | None = None,
    clip_norm: float | None = None,
    ema: float | None = None,
    weights: bool = False,
    decay: float = 0.01,
    regularization: Regularization | None = None,
) -> TinyRun:
    training = training or TrainingSettings(max_epochs=2)
    regularization = regularization or Regularization()
    seed_everything(seed)
    network = network or Net(dropout=dropout, batch_norm=batch_norm)
    train, validation = make_data(rows, weights=weights), make_data(30, seed=1)
    session = Session(
        network=network,
        objective=make_objective(*targets),
        optimizer=(optimizer or AdamW(lr=0.01)).build(parameter_groups(network, weight_decay=decay)),
        schedule=schedule or Constant(),
        horizon=Horizon(0, 1),
        splits=Splits(train, validation, train),
        device=CPU,
        precision=resolve_precision(training.precision, CPU),
        seed=seed,
        batch_size=batch_size,
        accumulate=training.accumulate,
        shaping=Shaping.of(regularization.model_copy(update={"clip_norm": clip_norm or regularization.clip_norm}), network, seed),
        input_noise=regularization.noise,
        ema=AveragedWeights(network, ema) if ema is not None else None,
    )
    protocol = SupervisedProtocol()
    plan = Plan(training, protocol.steps_per_epoch(session), Watch("validation.loss", "min"), {"validation.accuracy": "max"})
    stopping, converge = training.early_stopping, training.converge
    rule = EarlyStopping("min", None if stopping is None else stopping.patience)
    progress = Progress(rule, None if converge is None else Converge(converge.tolerance, converge.patience))
    if isinstance(schedule, Plateau):
        relative = schedule.threshold_mode == "rel"
        progress.plateau = PlateauRule("validation.loss", "min", schedule.patience, schedule.threshold, relative, schedule.cooldown)
    session = replace(session, horizon=Horizon(plan.total_steps, plan.steps_per_epoch))
    swa = regularization.swa
    if swa is not None:
        every = swa.every_steps or (swa.every_epochs or 1) * plan.steps_per_epoch
        session = replace(session, ema=StochasticAverage(network, round(swa.start_fraction * plan.total_steps), every, swa.lr))
    return TinyRun(session, protocol, plan, progress)
