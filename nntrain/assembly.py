"""From a blueprint to built objects: the single place where config meets torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import Tensor, nn

from nntrain.blueprint import Blueprint
from nntrain.config.experiment import Experiment
from nntrain.data.augmentation.augmenter import Augmenter
from nntrain.data.augmentation.views import Views
from nntrain.data.batches import TensorData
from nntrain.data.bucketing import Buckets, LaterBuckets
from nntrain.data.fitted import FittedFields
from nntrain.data.mask_plans import followed
from nntrain.data.moving import laid
from nntrain.data.noise import derive_seed
from nntrain.data.orders import drawn
from nntrain.data.preparing import Prepared
from nntrain.errors import ConfigError, DataError, Problem, SpecError
from nntrain.layers.depth import hidden_matrices, layer_depths
from nntrain.losses.loss import ClassLoss
from nntrain.modules.fused_optimizers import is_fused
from nntrain.optimizers.groups import parameter_groups
from nntrain.regularization import SWASettings
from nntrain.row_problems import check_rows
from nntrain.schedules.plateau import Plateau
from nntrain.schedules.schedule import Horizon
from nntrain.specs import teacher_port
from nntrain.targets import TargetPlan, part_factors
from nntrain.training.choosing import choose
from nntrain.training.class_orders import ClassOrder
from nntrain.training.compiling import CompiledForward
from nntrain.training.device import resolve_device, resolve_precision, use_tf32, use_threads
from nntrain.training.distributed import joined
from nntrain.training.early_stopping import BestStates, Converge, EarlyStopping, PlateauRule
from nntrain.training.ema import AveragedWeights
from nntrain.training.fading import Fading
from nntrain.training.first_rows import show_first_rows
from nntrain.training.growing import Growing
from nntrain.training.memory import Portions
from nntrain.training.mixing import Mixer
from nntrain.training.objective import Objective, TargetObjective, WeightedLoss
from nntrain.training.plan import Plan
from nntrain.training.progress import Progress
from nntrain.training.recordable import static_steps
from nntrain.training.repeated import Repeated
from nntrain.training.reproducibility import seed_everything, use_determinism
from nntrain.training.session import Origin, Session, Splits, TrainingProtocol
from nntrain.training.shaping import Shaping
from nntrain.training.sharding import shard
from nntrain.training.shared_batches import check_batches_fit
from nntrain.training.swa import StochasticAverage
from nntrain.training.thawing import Thawing

MAX_SAMPLE = 10_000
"""Most training rows on which train metrics are measured."""
MAX_SAMPLE_BYTES = 64 * 2**20
"""Memory that these rows may take where others are streamed."""


ClassWeights = dict[str, dict[str, Tensor]]
"""How much a row of each class counts, `[K]`, by target and loss."""


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything that the loop needs."""

    session: Session
    protocol: TrainingProtocol
    plan: Plan
    progress: Progress
    threads: int
    class_weights: ClassWeights
    """What was fitted on the training rows."""

    @property
    def device_name(self) -> str:
        """As people know it: `cpu`, `cuda (NVIDIA H100)`."""
        device = self.session.device
        return f"{device} ({torch.cuda.get_device_name(device)})" if device.type == "cuda" else str(device)


def assemble(
    blueprint: Blueprint,
    prepared: Prepared,
    threads: int | None = None,
    start: Callable[[nn.Module], None] | None = None,
    *,
    is_new: bool = True,
) -> Assembly:
    """Build network, optimizer and the rest. The initial weights are a function of the seed.

    Args:
        blueprint: What is to be built.
        prepared: Its data.
        threads: CPU threads where the config names none: those that a resumed run had. `None`: torch's choice.
        start: Fills the network with trained weights.
        is_new: Whether the network begins here; else a state is restored into it.

    Raises:
        ConfigError: The device or number format is not there, or a pattern of parameter names matches nothing.
        DataError: All rows of a split have the weight 0, or a loss can't score a target.
        ResourceError: Shared memory is too small for the batches of `data.workers`.
    """
    experiment = blueprint.experiment
    assert experiment.optimizer is not None
    assert experiment.scheduler is not None
    ranks = joined()
    device = resolve_device(blueprint.training.device) if ranks is None else ranks.device
    training = choose(blueprint.training, blueprint.program, device).settings
    use_tf32(training.precision, device)
    threads = use_threads(threads if training.threads is None else training.threads)
    use_determinism(training.deterministic)
    class_weights = fit_class_weights(blueprint, prepared.train)
    check_rows(blueprint, prepared)
    seed_everything(experiment.seed)
    network = blueprint.program.build()
    objective = build_objective(blueprint, prepared.fields, _on(device, class_weights))
    if is_new:  # else what they begin with comes with the state
        show_first_rows(network, objective, prepared.train, experiment.seed, experiment.data.batch_size)
    if start is not None:
        start(network)
    network = network.to(device)
    if training.shard and ranks is not None:
        shard(network, ranks)
    if training.channels_last is True:  # before anything is made in the image of a parameter
        cast("Any", network).to(memory_format=torch.channels_last)
    regularization = experiment.regularization
    groups = parameter_groups(
        network,
        weight_decay=regularization.weight_decay or 0.0,
        decay_all=bool(regularization.decay_all),
        rules=experiment.optimizer.groups,
        scales=_rate_scales(blueprint),
        matrices=hidden_matrices(blueprint.program) if experiment.optimizer.splits_matrices else (),
    )
    buckets = _buckets(experiment, prepared.train, objective)
    batch_size = prepared.train.shown if experiment.data.batch_size == "full" else experiment.data.batch_size
    if isinstance(buckets, Buckets) and buckets.tokens is not None:
        batch_size = buckets.tokens // buckets.longest  # as many rows as fit whatever their lengths
    session = Session(
        network=network,
        objective=objective,
        optimizer=experiment.optimizer.build(groups),
        schedule=experiment.scheduler,
        horizon=Horizon(total_steps=0, steps_per_epoch=1),
        splits=_splits(prepared, experiment.seed, device, on_device=training.data_on_device is not False),
        device=device,
        precision=resolve_precision(training.precision, device, training.matmul),
        seed=experiment.seed,
        batch_size=batch_size,
        accumulate=training.accumulate,
        ranks=ranks,
        portions=_portions(blueprint),
        compiled=CompiledForward(network) if training.compile is True else None,
        shaping=Shaping.of(regularization, network, experiment.seed),
        input_noise=regularization.noise,
        ema=AveragedWeights(network, regularization.ema.decay) if regularization.ema is not None else None,
        augmenter=Augmenter.of(
            {plan.name: plan.field for plan in blueprint.layout.fields if plan.role == "input"},
            experiment.seed,
            followed(blueprint.layout.fields),
        ),
        growing=Growing.of(blueprint.layout.fields),
        mixer=_mixer(blueprint),
        thawing=Thawing(blueprint.program.thawed) if blueprint.program.thawed else None,
        buckets=buckets,
        by_class=class_order(experiment, prepared.train),
    )
    protocol = blueprint.protocol.build(Origin(experiment.data.source, prepared.fields))
    plan = Plan(training, protocol.steps_per_epoch(session), blueprint.best, blueprint.directions)
    horizon = Horizon(plan.total_steps, plan.steps_per_epoch)
    average = session.ema if regularization.swa is None else _stochastic_average(experiment, regularization.swa, network, horizon)
    fading = Fading.of(regularization.scheduler, network, session.optimizer)
    session = replace(session, horizon=horizon, ema=average, fading=fading)
    parts = [protocol, *(each for plan in blueprint.targets.values() for each in (plan.task, plan.link, *plan.losses))]
    are_ours = all(type(part).__module__.startswith("nntrain.") for part in parts)
    session = replace(session, static=static_steps(session, parts_are_ours=are_ours))
    is_plain = session.static is not None and session.shaping.is_idle and is_fused(session.optimizer) and not session.portions.halves
    session = replace(session, moves_directly=is_plain and device.type == "cpu")  # elsewhere norms would be waited for before
    if session.thawing is not None:
        session.thawing.begin(network, 0)
    check_batches_fit(session)
    return Assembly(session, protocol, plan, new_progress(blueprint), threads, class_weights)


def _buckets(experiment: Experiment, train: TensorData, objective: Objective) -> Buckets | LaterBuckets | None:
    """How rows are put together by their lengths, where they are. Raises `DataError` for rows that are too long."""
    batch = experiment.data.batch
    if batch is None or not (batch.bucket or batch.tokens is not None):
        return None
    if train.in_blocks:
        return LaterBuckets(int(experiment.data.batch_size))
    return Buckets.of(train, [name for name, target in objective.targets.items() if target.is_taught], batch.tokens)


def class_order(experiment: Experiment, train: TensorData) -> ClassOrder | None:
    """The order of rows that looks at their classes, where there is one. Raises `ConfigError` for rows of too few classes."""
    sampler = None if experiment.data.batch is None else experiment.data.batch.sampler
    if sampler is None:
        return None
    classes = next(iter(train.targets.values())).long().cpu()
    if isinstance(sampler, str):
        return ClassOrder(classes)
    try:
        return ClassOrder(classes, sampler.several, sampler.positive_fraction, in_triplets=sampler.type == "triplets")
    except SpecError as error:
        raise ConfigError([Problem(("data", "batch", "sampler", *error.options), error.message, error.hint)]) from None


def _portions(blueprint: Blueprint) -> Portions:
    """What is done where a batch does not fit."""
    program = blueprint.program
    mixes = any(step.layer.mixes_rows and step.name not in program.resting for step in program.steps)
    return Portions(halves=blueprint.training.on_oom == "halve", least=2 if mixes else 1)


def _mixer(blueprint: Blueprint) -> Mixer | None:
    """How the rows of a step are mixed, where they are."""
    mixup, cutmix = blueprint.experiment.regularization.mixup, blueprint.experiment.regularization.cutmix
    if mixup is None and cutmix is None:
        return None
    values = frozenset(name for name, plan in blueprint.targets.items() if plan.kind == "values")
    seed = blueprint.experiment.seed
    return Mixer(seed, None if mixup is None else mixup.alpha, None if cutmix is None else cutmix.alpha, values)


def _stochastic_average(experiment: Experiment, settings: SWASettings, network: nn.Module, horizon: Horizon) -> StochasticAverage:
    assert experiment.optimizer is not None
    every = settings.every_steps or (settings.every_epochs or 1) * horizon.steps_per_epoch
    rate = None if settings.lr is None else settings.lr / experiment.optimizer.lr
    return StochasticAverage(network, round(settings.start_fraction * horizon.total_steps), every, rate)


def _rate_scales(blueprint: Blueprint) -> dict[str, float] | None:
    """Factors on the learning rate by parameter name, where it decays from layer to layer."""
    optimizer = blueprint.experiment.optimizer
    if optimizer is None or optimizer.layer_decay is None:
        return None
    return {name: optimizer.layer_decay**depth for name, depth in layer_depths(blueprint.program).items()}


def build_objective(blueprint: Blueprint, fields: FittedFields, class_weights: ClassWeights) -> Objective:
    """How the outputs of the network are scored and judged."""
    targets = {name: _target_objective(blueprint, plan, fields, class_weights[name]) for name, plan in blueprint.targets.items()}
    parts = {f"loss.{name}": factor for name, factor in part_factors(blueprint.program, blueprint.experiment).items()}
    told = blueprint.program.told
    hinted = tuple(name for name, target in targets.items() if not target.is_taught and teacher_port(name) in told)
    inputs = {plan.name: plan.field for plan in blueprint.layout.fields if plan.role == "input"}
    seed = blueprint.experiment.seed
    times = max((plan.task.times_shown for plan in blueprint.targets.values()), default=1)
    repeated = Repeated.of(times, Augmenter.of(inputs, seed))
    compares = any(loss.compares_rows(plan.scored_kind) for plan in blueprint.targets.values() for loss in plan.losses)
    compared = blueprint.experiment.data.batch_size if compares else None
    return Objective(targets, blueprint.program.auxiliary, parts, hinted, Views.of(inputs, seed), repeated, compared)


def _target_objective(blueprint: Blueprint, plan: TargetPlan, fields: FittedFields, class_weights: dict[str, Tensor]) -> TargetObjective:
    smoothing = blueprint.experiment.regularization.label_smoothing or 0.0
    losses: dict[str, WeightedLoss] = {}
    for loss in plan.losses:
        amount = smoothing if loss.smooths_labels else 0.0
        function = loss.build_for(plan.scored_kind, label_smoothing=amount, class_weights=class_weights.get(loss.type))
        losses[loss.type] = WeightedLoss(function, loss.weight, loss.gives_chances)
    metrics = {metric.label: metric for metric in plan.metrics}
    fitted = fields.targets[plan.target.name]
    scale, naive = (_numbers(part) if plan.kind == "values" else () for part in (fitted.raw_scale, fitted.naive))
    reading, members = plan.task.reading(), blueprint.program.members_of(plan.target.name)
    found = TargetObjective(plan.target, plan.task, losses, metrics, fitted.to_raw, plan.link, reading, scale, naive, members)
    return replace(found, hold=fitted.held) if plan.task.is_held else found


def _numbers(values: Tensor | None) -> tuple[float, ...]:
    return () if values is None else tuple(cast("list[float]", values.tolist()))


def fit_class_weights(blueprint: Blueprint, train: TensorData) -> ClassWeights:
    """How much a row of each class counts, by target and loss, for the losses that say so; fitted on the training rows."""
    return {
        name: {
            loss.type: _class_weights(loss, plan, train.once().target(name).cpu(), None if train.weights is None else train.weights.cpu())
            for loss in plan.losses
            if isinstance(loss, ClassLoss) and loss.class_weights is not None
        }
        for name, plan in blueprint.targets.items()
    }


def _on(device: torch.device, class_weights: ClassWeights) -> ClassWeights:
    """Copied once, not at every step."""
    return {name: {tag: weights.to(device) for tag, weights in by_loss.items()} for name, by_loss in class_weights.items()}


def _class_weights(loss: ClassLoss, plan: TargetPlan, encoded: Tensor, weights: Tensor | None) -> Tensor:
    """Float32 `[K]`. A class without training rows counts once."""
    classes = plan.target.classes
    if isinstance(loss.class_weights, dict):
        return torch.tensor([loss.class_weights.get(name, 1.0) for name in classes])
    rows = encoded.new_ones(encoded.shape, dtype=torch.float64) if weights is None else weights.double()
    rows = rows.reshape(-1, *[1] * (encoded.ndim - 1)).expand(encoded.shape) if rows.ndim < encoded.ndim else rows
    is_there = encoded >= 0  # a unit of -1 counts nothing
    counts = encoded[is_there].long().bincount(weights=rows[is_there], minlength=len(classes))
    shown = counts > 0
    balanced = counts.sum() / (len(classes) * counts.clamp(min=torch.finfo(torch.float64).tiny))
    return torch.where(shown, balanced, 1.0).float()


def new_progress(blueprint: Blueprint) -> Progress:
    """The position before the first step, with the rules that watch metrics."""
    training, best = blueprint.training, blueprint.best
    stopping = training.early_stopping
    converge = training.converge
    rule = EarlyStopping(best.direction)
    if stopping is not None:
        rule = EarlyStopping(best.direction, stopping.patience, stopping.min_delta, stopping.warmup_epochs, stopping.ties)
    soup = None if training.soup is None else BestStates(best.direction, training.soup, rule.ties)
    return Progress(rule, None if converge is None else Converge(converge.tolerance, converge.patience), _plateau(blueprint), soup)


def _plateau(blueprint: Blueprint) -> PlateauRule | None:
    """The rule of a schedule that watches a metric."""
    schedule = blueprint.experiment.scheduler
    if not isinstance(schedule, Plateau):
        return None
    monitor = schedule.monitor or blueprint.best.monitor
    direction = blueprint.directions[monitor]
    return PlateauRule(monitor, direction, schedule.patience, schedule.threshold, schedule.threshold_mode == "rel", schedule.cooldown)


def _splits(prepared: Prepared, seed: int, device: torch.device, *, on_device: bool) -> Splits:
    for name, data in (("training", prepared.train), ("validation", prepared.validation)):
        if data is not None and data.weights is not None and not bool(data.weights.any()):
            raise DataError(f"all {len(data):,} {name} rows have the weight 0: none of them counts")
    validation = prepared.validation
    train, sample = (laid(data, device, on_device=on_device) for data in (prepared.train, _sample(prepared.train, validation, seed)))
    return Splits(train, None if validation is None else laid(validation, device, on_device=on_device), sample)


def _sample(train: TensorData, validation: TensorData | None, seed: int) -> TensorData:
    """As many training rows as there are validation rows, else all, at most `MAX_SAMPLE`; fixed by the seed; of lanes the first."""
    if train.lanes is not None:
        train = train.once()
        return train.head(min(MAX_SAMPLE, len(validation) if validation is not None else len(train)))
    rows = min(len(train), MAX_SAMPLE, len(validation) if validation is not None else len(train))
    if rows == len(train):
        return train
    sample = train.take(drawn(len(train), rows, seed=derive_seed(seed, "train sample")))
    return sample.loaded() if sample.in_blocks and _is_small(sample) else sample  # else each report would read all blocks for it


def _is_small(data: TensorData) -> bool:
    """Whether streamed rows may as well be kept in memory."""
    return data.streamed is not None and len(data) * data.streamed.store.bytes_per_row <= MAX_SAMPLE_BYTES
