"""What the diagnosis is told of a config, its data and its network, and the rows that it looks at."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from nntrain.commands.preparing.memory import free_bytes, row_bytes
from nntrain.errors import YamlPath, render_path
from nntrain.insight.findings import Facts, Rows, Target
from nntrain.insight.watching import activation_paths, watched
from nntrain.training.place import cores

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from torch import Tensor

    from nntrain.assembly import Assembly
    from nntrain.commands.preparing.jobs import Job
    from nntrain.data.batches import Batch
    from nntrain.insight.probe import Answers, Peers, Probe, Seen
    from nntrain.targets import TargetPlan
    from nntrain.training.objective import PartName
    from nntrain.training.session import RivalsProtocol, Session

MOST_ROWS: Final = 256
"""Rows of a look at the network."""
MOST_VALUES: Final = 2**17
"""Input values of these rows, where a batch has fewer rows: for what a batch takes there is memory, and this is little beside it."""
SMALL_PART: Final = 0.25
"""Part of the free memory that rows may take which are streamed and need not be."""
AT_ONCE: Final = 2**20
"""Bytes that layers make of the rows of a look that are computed at once; more only where half a batch of training has more."""
FEW: Final = 64
"""Rows without which nothing can be said of units that are off for all of them."""


def facts_of(job: Job, assembly: Assembly) -> Facts:
    """What a config and its data say. The baseline's metrics come at the end."""
    blueprint, session, plan = job.blueprint, assembly.session, assembly.plan
    experiment = blueprint.experiment
    optimizer, scheduler, architecture = experiment.optimizer, experiment.scheduler, experiment.architecture
    assert optimizer is not None
    assert scheduler is not None
    first = next(iter(optimizer.parts.values()))
    hidden: Any = getattr(architecture, "hidden", ())
    return Facts(
        monitor=blueprint.best.monitor,
        direction=blueprint.best.direction,
        optimizer=optimizer.type,
        lr=first.lr,
        default_lr=float(type(first).model_fields["lr"].default),
        scales_gradients=first.scales_gradients,
        scheduler=scheduler.type,
        steps_per_epoch=plan.steps_per_epoch,
        total_steps=plan.total_steps,
        max_epochs=plan.settings.max_epochs,
        max_steps=plan.settings.max_steps,
        stops_early=plan.settings.early_stopping is not None,
        batch_size=min(session.batch_size * session.accumulate, len(session.splits.train)),
        micro_batch=session.batch_size,
        train_rows=session.splits.train.shown,
        validation_rows=0 if session.splits.validation is None else len(session.splits.validation),
        num_parameters=blueprint.program.num_trainable or 0,
        regularization={name: value for name, value in experiment.regularization if value is not None},
        activations={kind: _spelled(job, kind, paths) for kind, paths in activation_paths(blueprint.program).items()},
        normed=tuple(step.name for step in blueprint.program.steps if step.layer.type.startswith("batch_norm") and step.spec.rank == 1),
        widths=cast("tuple[int, ...]", hidden) if isinstance(hidden, tuple) else (),
        initializes=getattr(architecture, "initializer", None) is not None,
        targets=tuple(_target(job, plan) for plan in blueprint.targets.values() if _has_classes(plan)),
        starts_trained=blueprint.starts_trained,
        rows=_rows_of(job, session),
        compares_rows=session.objective.compared_rows is not None,
        has_rivals=blueprint.protocol.has_rivals,
        single_target=len(blueprint.targets) == 1,
    )


def _rows_of(job: Job, session: Session) -> Rows:
    """How rows come to a step, and whether those that are read anew could be kept."""
    import torch

    changed = () if session.augmenter is None else tuple(session.augmenter.transforms)
    streamed = session.splits.train.streamed
    if streamed is None:
        return Rows(augmented=changed, cores=cores())
    free = free_bytes(torch.device("cpu"))
    size = sum(len(data) for data in job.prepared.splits.values()) * streamed.store.bytes_per_row
    fit = free is not None and size <= SMALL_PART * free
    return Rows(tuple(streamed.store.names), streamed.reading.workers, fit, changed, cores())


def _spelled(job: Job, kind: str, paths: list[YamlPath]) -> tuple[str, ...]:
    """What stands before the `=` of an override that replaces each of these activations."""
    found: list[str] = []
    for path in paths:
        item: Any = job.config.document.tree
        for part in job.config.document.shown(path):
            item = _part(item, part)
        is_itself = kind in (item, _part(item, "type"))
        found.append(render_path(path) if is_itself else f"{render_path(path)}.activation")
    return tuple(dict.fromkeys(found))


def _part(item: Any, part: str | int) -> Any:
    """What stands at a place of a config; `None` where nothing does."""
    try:
        return item[part]
    except (LookupError, TypeError):
        return None


def _has_classes(plan: TargetPlan) -> bool:
    return plan.kind in ("classes", "binary") and plan.task.unit_axis(plan.target) is None and len(plan.target.classes) > 1


def _target(job: Job, plan: TargetPlan) -> Target:
    from nntrain.modules.narrow import class_counts

    train, name = job.prepared.train.once(), plan.target.name
    encoded = train.targets[name] if name in train.targets and name not in train.target_pixels else train.target(name)
    counts = cast("list[int]", class_counts(encoded, len(plan.target.classes)).tolist())
    weighs = any(loss.weighs_classes for loss in plan.losses)
    is_entropy = len(plan.losses) == 1 and plan.losses[0].is_entropy
    return Target(name, tuple(counts), tuple(plan.target.classes), weighs, is_entropy, plan.losses[0].type)


def probe_of(job: Job, assembly: Assembly) -> Probe | None:
    """What looks at the network; `None` where no loss of given rows is what a step makes smaller."""
    from nntrain.insight.probe import Probe
    from nntrain.protocols.supervised import SupervisedProtocol

    session, protocol = assembly.session, assembly.protocol
    if type(protocol) is SupervisedProtocol:
        names = [name for name, plan in job.blueprint.targets.items() if _has_classes(plan)]
        run = partial(_passes, session, _portions(session, _rows(session), row_bytes(job)), names)
    elif job.blueprint.protocol.has_rivals:
        run = partial(_rivals_pass, session, cast("RivalsProtocol", protocol), next(protocol.batches(session, 0, 0)))
    else:
        return None
    return Probe(session.network, session.optimizer, watched(job.blueprint.program), run, _peers(session))


def _peers(session: Session) -> Peers | None:
    """The processes among which the network is shared out, where it is."""
    from nntrain.insight.probe import Peers
    from nntrain.training.sharding import take_apart
    from nntrain.training.state import piece

    ranks = session.ranks
    if ranks is None or not ranks.is_sharded:
        return None

    def joined(values: Tensor) -> Tensor:
        ranks.add(values)
        return values

    return Peers(ranks.size, joined, piece, partial(take_apart, session.network))


def _rows(session: Session) -> Batch:
    """The training rows of a look: fixed by the seed, at most as many as a batch has where they are large."""
    from nntrain.data.lanes import read_batches
    from nntrain.data.noise import derive_seed
    from nntrain.data.orders import drawn

    sample = session.objective.measured(session.splits.sample)
    batch = session.portions.rows or session.batch_size
    small = min(MOST_VALUES // max(1, sample.values_per_row), max(4 * batch, FEW))
    rows = min(MOST_ROWS, len(sample), max(1, batch, small))
    if sample.lanes is None and rows < len(sample) and not sample.in_blocks:
        sample = sample.take(drawn(len(sample), rows, seed=derive_seed(session.seed, "look")))
    return next(iter(read_batches(sample, rows)))


def _rivals_pass(session: Session, protocol: RivalsProtocol, batches: tuple[Batch, ...]) -> Iterator[Seen]:
    """What networks lose that learn against each other, on the rows and the noise of the first step."""
    from nntrain.insight.probe import Seen

    yield Seen(protocol.losses(session, batches), (), sum(len(batch) for batch in batches))


def _portions(session: Session, batch: Batch, size: int | None) -> tuple[Batch, ...]:
    """The rows of a look in portions that need less memory than a step, or little; `size` is what layers make of a row, in bytes."""
    if session.objective.compared_rows is not None or session.splits.sample.lanes is not None:
        return (batch,)
    half = (session.portions.rows or session.batch_size) // 2
    return batch.split(max(1, half, 0 if size is None else AT_ONCE // max(1, size)))


def _passes(session: Session, batches: tuple[Batch, ...], names: list[str]) -> Iterator[Seen]:
    """The forward passes of all portions."""
    weights = session.objective.weights(batches) if len(batches) > 1 else None
    for batch in batches:
        yield _pass(session, batch, names, weights)


def _pass(session: Session, batch: Batch, names: list[str], weights: Mapping[PartName, Tensor] | None) -> Seen:
    import torch

    from nntrain.insight.probe import Answers, Seen
    from nntrain.training.objective import total

    outputs: dict[str, Tensor] = session.network(session.objective.inputs(batch))[0]
    loss = total(session.objective.parts(outputs, batch), weights)
    answers: list[Answers] = []
    with torch.no_grad():
        for name in names:
            target = session.objective.targets[name]
            if target.members == 1 and len(outputs[name]) == len(batch):
                chances = target.predict(outputs[name].detach())
                chances = torch.stack([1 - chances, chances], dim=1) if chances.ndim == 1 else chances
                answers.append(Answers(name, chances, batch.targets[name].long(), batch.rows))
    return Seen(loss, answers, len(batch))
