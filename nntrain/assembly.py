"""From a blueprint to built objects: the single place where config meets torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from nntrain.blueprint import Blueprint, TargetPlan
from nntrain.data.batches import TensorData
from nntrain.data.fitted import FittedFields
from nntrain.data.noise import derive_seed
from nntrain.data.preparing import Prepared
from nntrain.errors import DataError
from nntrain.layers.depth import hidden_matrices, layer_depths
from nntrain.optimizers.groups import parameter_groups
from nntrain.protocols.protocol import Protocol, Supervised
from nntrain.schedules.schedule import Horizon
from nntrain.training.device import resolve_device, resolve_precision, use_threads
from nntrain.training.early_stopping import Converge, EarlyStopping
from nntrain.training.ema import AveragedWeights
from nntrain.training.objective import Objective, TargetObjective
from nntrain.training.plan import Plan
from nntrain.training.progress import Progress
from nntrain.training.reproducibility import seed_everything, use_determinism
from nntrain.training.session import Session, Splits, TrainingProtocol

MAX_SAMPLE = 10_000
"""Most training rows on which train metrics are measured."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything that the loop needs."""

    session: Session
    protocol: TrainingProtocol
    plan: Plan
    progress: Progress
    threads: int

    @property
    def device_name(self) -> str:
        """As people know it: `cpu`, `cuda (NVIDIA H100)`."""
        device = self.session.device
        return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def assemble(blueprint: Blueprint, prepared: Prepared) -> Assembly:
    """Build network, optimizer and the rest. The initial weights are a function of the seed.

    Raises:
        ConfigError: The device or number format is not there, or a pattern of parameter names matches nothing.
        DataError: All rows of a split have the weight 0.
    """
    experiment, training = blueprint.experiment, blueprint.training
    assert experiment.optimizer is not None
    assert experiment.scheduler is not None
    device = resolve_device(training.device)
    threads = use_threads(training.threads)
    use_determinism(training.deterministic)
    seed_everything(experiment.seed)
    network = blueprint.program.build().to(device)
    regularization = experiment.regularization
    groups = parameter_groups(
        network,
        weight_decay=regularization.weight_decay or 0.0,
        decay_all=bool(regularization.decay_all),
        rules=experiment.optimizer.groups,
        scales=_rate_scales(blueprint),
        matrices=hidden_matrices(blueprint.program) if experiment.optimizer.splits_matrices else (),
    )
    batch_size = len(prepared.train) if experiment.data.batch_size == "full" else experiment.data.batch_size
    session = Session(
        network=network,
        objective=build_objective(blueprint, prepared.fields),
        optimizer=experiment.optimizer.build(groups),
        schedule=experiment.scheduler,
        horizon=Horizon(total_steps=0, steps_per_epoch=1),
        splits=_splits(prepared, experiment.seed, device),
        device=device,
        precision=resolve_precision(training.precision, device),
        seed=experiment.seed,
        batch_size=batch_size,
        accumulate=training.accumulate,
        clip_norm=regularization.clip_norm,
        ema=AveragedWeights(network, regularization.ema.decay) if regularization.ema is not None else None,
    )
    settings = Supervised() if training.protocol is None else training.protocol
    assert isinstance(settings, Protocol)
    protocol = settings.build()
    plan = Plan(training, protocol.steps_per_epoch(session), blueprint.best, blueprint.directions)
    session = replace(session, horizon=Horizon(plan.total_steps, plan.steps_per_epoch))
    return Assembly(session, protocol, plan, new_progress(blueprint), threads)


def _rate_scales(blueprint: Blueprint) -> dict[str, float] | None:
    """Factors on the learning rate by parameter name, where it decays from layer to layer."""
    optimizer = blueprint.experiment.optimizer
    if optimizer is None or optimizer.layer_decay is None:
        return None
    return {name: optimizer.layer_decay**depth for name, depth in layer_depths(blueprint.program).items()}


def build_objective(blueprint: Blueprint, fields: FittedFields) -> Objective:
    """How the outputs of the network are scored and judged."""
    return Objective({name: _target_objective(blueprint, plan, fields) for name, plan in blueprint.targets.items()})


def _target_objective(blueprint: Blueprint, plan: TargetPlan, fields: FittedFields) -> TargetObjective:
    smoothing = blueprint.experiment.regularization.label_smoothing or 0.0
    loss = plan.loss.build(label_smoothing=smoothing if plan.loss.smooths_labels else 0.0)
    metrics = {metric.label: metric for metric in plan.metrics}
    return TargetObjective(plan.target, plan.task, loss, metrics, fields.targets[plan.target.name].to_raw)


def new_progress(blueprint: Blueprint) -> Progress:
    """The position before the first step, with the rules that watch metrics."""
    training, best = blueprint.training, blueprint.best
    stopping = training.early_stopping
    converge = training.converge
    rule = EarlyStopping(best.direction)
    if stopping is not None:
        rule = EarlyStopping(best.direction, stopping.patience, stopping.min_delta, stopping.warmup_epochs)
    return Progress(rule, None if converge is None else Converge(converge.tolerance, converge.patience))


def _splits(prepared: Prepared, seed: int, device: torch.device) -> Splits:
    for name, data in (("training", prepared.train), ("validation", prepared.validation)):
        if data is not None and data.weights is not None and not bool(data.weights.any()):
            raise DataError(f"all {len(data):,} {name} rows have the weight 0: none of them counts")
    train = prepared.train.to(device)
    validation = prepared.validation.to(device) if prepared.validation is not None else None
    return Splits(train, validation, _sample(prepared.train, validation, seed).to(device))


def _sample(train: TensorData, validation: TensorData | None, seed: int) -> TensorData:
    """As many training rows as there are validation rows, else all, at most `MAX_SAMPLE`; fixed by the seed."""
    rows = min(len(train), MAX_SAMPLE, len(validation) if validation is not None else len(train))
    if rows == len(train):
        return train
    generator = torch.Generator().manual_seed(derive_seed(seed, "train sample"))
    return train.take(torch.randperm(len(train), generator=generator)[:rows].sort().values)
