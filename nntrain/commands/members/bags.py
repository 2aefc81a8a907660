"""`training.bag`: several networks that are trained on parts of the rows, and are measured and used as one."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from nntrain.blueprint import Blueprint
from nntrain.commands.members.spread import Spread
from nntrain.commands.preparing.from_config import prepare_data
from nntrain.commands.preparing.jobs import Options, Outcome
from nntrain.commands.screens.results import Summary, better_line, confusions, labelled, result_screen, spread_text
from nntrain.commands.stored.bagged import READINGS, as_one, open_bag, plain_readings
from nntrain.commands.stored.members_record import Plan
from nntrain.commands.stored.model_card import CardFacts, write_card
from nntrain.commands.stored.opening import Stored, stored_config
from nntrain.config.reading import Config, read_document
from nntrain.data.scored_units import num_scored
from nntrain.errors import CheckpointError, Problem, UsageError
from nntrain.runs import Run, count_test_look

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.batches import TensorData
    from nntrain.data.preparing import Prepared
    from nntrain.training.baselines import Baseline
    from nntrain.training.settings import BagSettings

_WHOLE: Final = ("data.split.validation_folds=null", "data.split.validation_fold=null", "data.split.validation=null")
"""Overrides that leave all rows but the test rows together."""


def bag_of(config: Config) -> BagSettings | None:
    """What a config says of a bag."""
    training = config.experiment.training
    return None if training is None else training.bag


def as_members(config: Config, options: Options) -> tuple[Config, Options]:
    """A config and the options of a run, with the members of a bag where the config asks for one.

    Raises:
        UsageError: The options don't go with a bag.
        ConfigError: The config has validation rows that a bag cuts itself.
    """
    bag = bag_of(config)
    if bag is None:
        return config, options
    if options.members is not None:
        word = f"--{options.members.kind}"
        raise UsageError(
            f"{word} trains a config several times, and training.bag trains several networks already", "training.bag=null, or leave it out"
        )
    for flag, is_on in (("--profile", options.profile), ("--tune", options.tune), ("--processes", options.processes is not None)):
        if is_on:
            raise UsageError(f"{flag} is for one network, and training.bag trains several", f"leave {flag} out, or training.bag=null")
    if config.experiment.data.source.type == "rows":
        raise UsageError("training.bag reads its rows from files, for each member anew", "write the rows to a file, or training.bag=null")
    options = replace(options, members=Plan("bag", bag.count))
    if bag.folds is None:
        return config, options
    if found := _cut_twice(config, bag):
        raise config.error(found)
    return read_document(config.document, _fold(bag.folds, 1), config.folder, _name_of(config)), options


def _name_of(config: Config) -> str:
    """The name of the runs of a config, which may be that of its file."""
    assert config.experiment.name is not None
    return config.experiment.name


def _fold(count: int, fold: int) -> tuple[str, ...]:
    return (f"data.split.validation_folds={count}", f"data.split.validation_fold={fold}")


def changes(bag: BagSettings, member: int) -> tuple[str, ...]:
    """Overrides that make a member, counted from 1, of the config of a bag; its seed and split seed come beside."""
    own = () if bag.folds is None else _fold(bag.folds, (member - 1) % bag.folds + 1)
    return ("training.bag=null", "baselines=[]", *own)


def word(bag: BagSettings, seed: int, member: int) -> str:
    """What a member is called: `part 1 of 5`, `seed 0`, `part 1, seed 5`."""
    if bag.folds is None:
        return f"seed {seed}"
    part = (member - 1) % bag.folds + 1
    return f"part {part} of {bag.folds}" if bag.seeds == 1 else f"part {part}, seed {seed}"


def check(config: Config, blueprint: Blueprint) -> None:
    """Make sure that a bag can be made of a config, where it asks for one. Raises `ConfigError`, rendered."""
    bag = bag_of(config)
    if bag is not None and (found := [*_cut_twice(config, bag), *problems(blueprint)]):
        raise config.error(found)


def _cut_twice(config: Config, bag: BagSettings) -> list[Problem]:
    if bag.folds is None or config.experiment.data.split.validation_folds is None:
        return []
    message = "has no effect: training.bag.folds cuts the rows"
    return [Problem(("data", "split", "validation_folds"), message, "remove one of the two", on_key=True)]


def problems(blueprint: Blueprint) -> list[Problem]:
    """Why the predictions of several networks for a target have no mean."""
    path = ("training", "bag")
    for name, plan in blueprint.targets.items():
        task = plan.task
        if not task.predicts or not task.supervised or task.port(plan.target) is not None or task.unit_axis(plan.target) is not None:
            return [Problem(path, f"averages one answer for each row, and {name} has none ({task.type})", "remove it", on_key=True)]
        if task.joined(plan.target) or task.takes_strangers or task.nodes(plan.target):
            return [Problem(path, f"averages answers, and {task.type} ({name}) has none to average", "remove it", on_key=True)]
    return []


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Rows, and what members say of them that were not trained on them."""

    data: TensorData
    outputs: Mapping[str, Sequence[Tensor]]
    """By target, `[N, …]`: of the rows as they are, then of each further view."""


def finish_bag(run: Run, bag: BagSettings, *, test: bool, at_once: bool) -> Outcome:
    """Measure the members of a bag as one, tune what the tasks ask for, and write the summary.

    Validation rows are predicted by the members that were not trained on them alone, test rows by all.
    """
    from nntrain.training.tuning import told

    stored = open_bag(run)
    summaries = [member.run.read_json("summary.json") for member in stored.members]
    prepared = prepare_data(stored_config(run, () if bag.folds is None else _WHOLE))
    unseen = _unseen(bag, stored, prepared)
    tuned: dict[str, dict[str, Any]] = {}
    metrics: dict[str, float | None] = {}
    if unseen is not None:
        tuned, metrics = _validated(run, stored, unseen)
    readings = plain_readings(stored) | tuned
    run.write_json(READINGS, {"readings": readings})
    stored = replace(stored, objective=stored.objective.tuned(readings))
    baseline: dict[str, float | None] = {}
    tables: dict[str, Any] = {}
    splits: dict[Any, TensorData] = {} if unseen is None else {"validation": unseen.data}
    if test and prepared.test is not None:
        splits["test"] = prepared.test.to(stored.device)
        scores = stored.protocol.measure(stored.subject, splits["test"], "test")
        metrics |= {f"test.{name}": value for name, value in scores.metrics.items()}
        tables = {f"test.{name}": table for name, table in scores.tables.items()}
    for name, data in splits.items():
        found = stored.protocol.measure_baseline(stored.subject, data, name)
        baseline |= {f"{name}.{metric}": value for metric, value in found.items()}
    simple = _company(stored, prepared.train, splits)
    summary: dict[str, Any] = {
        "run": run.name,
        "stop_reason": "finished",
        "kind": "bag",
        "seconds": round((max if at_once else sum)(member["seconds"] for member in summaries), 3),
        "parameters": sum(member["parameters"] for member in summaries),
        "monitor": summaries[0]["monitor"],
        "directions": summaries[0]["directions"],
        "best": {"epoch": None, "step": None, **{name: value for name, value in metrics.items() if name.startswith("validation.")}},
        "last": {"epoch": None, "step": None},
        "test": {name.removeprefix("test."): value for name, value in metrics.items() if name.startswith("test.")},
        "baseline": baseline,
        "baselines": {name: {**each.metrics, "seconds": each.seconds} for name, each in simple.items()},
        "tables": tables,
        "rows": {"train": num_scored(prepared.train), **{name: num_scored(data) for name, data in splits.items()}},
        "notes": list(prepared.notes),
        "bag": [{key: member[key] for key in ("run", "stop_reason", "epochs", "steps", "best")} for member in summaries],
    }
    if "test" in splits:
        summary["test_looks"] = count_test_look(prepared.fingerprints["test"], run)
    unwritten = write_card(run, CardFacts(stored.config, stored.blueprint, stored.fields, summary, summary["rows"], prepared.notes))
    run.write_json("summary.json", summary)  # last: with it the run is finished
    monitor, quoted = summary["monitor"], shlex.quote(run.name)
    screen = result_screen(
        Summary(
            stop_reason=f"{len(summaries)} members, which predict as one",
            best_at=None,
            seconds=summary["seconds"],
            metrics=metrics,
            baseline_name=stored.blueprint.baseline_name,
            baseline=baseline,
            simple={each.head: each.metrics for each in simple.values()},
            simple_seconds={each.head: each.seconds for each in simple.values()},
            better=_better(summary, metrics, simple),
            confusions=confusions(stored.fields, {name.removeprefix("test."): table for name, table in tables.items()}, "test"),
            next=tuple(f"nntrain {words}" for words in (f"eval {quoted}", f"report {quoted}", f"predict {quoted} DATA -o FILE")),
        )
    )
    each = Spread(tuple(member["best"].get(monitor) for member in summaries))
    own = f"{monitor} {spread_text(each.mean, each.sd)} each, on rows of its own"
    return Outcome(run, summary, "\n".join([*told(tuned), *unwritten, labelled([("members", own)]), screen]))


def _validated(run: Run, stored: Stored, unseen: _Unseen) -> tuple[dict[str, dict[str, Any]], dict[str, float | None]]:
    """What is tuned on rows by members that have not seen them, and their metrics; what they miss is kept for intervals."""
    from nntrain.commands.stored.intervals import keep_predicted
    from nntrain.training.evaluation import evaluate_predictions
    from nntrain.training.tuning import tune_on

    data = unseen.data
    truth = {name: data.target(name).cpu() for name in stored.objective.targets}
    tuned = tune_on(stored.objective, unseen.outputs, truth, None if data.weights is None else data.weights.cpu())
    objective = stored.objective.tuned(plain_readings(stored) | tuned)
    predictions: dict[str, Tensor] = {}
    for name, target in objective.targets.items():
        first, *others = [target.predict(output) for output in unseen.outputs[name]]
        predictions[name] = objective.mean(name, [first, *others], len(data)) if others else first
    keep_predicted(run, stored.checkpoint, objective, predictions, data)
    scores = evaluate_predictions(objective, predictions, data)
    return tuned, {f"validation.{name}": value for name, value in scores.metrics.items()}


def _better(summary: Mapping[str, Any], metrics: Mapping[str, float | None], simple: Mapping[str, Baseline]) -> str | None:
    """The simple model that beats the bag in what decides, on the test rows; where it has none of that, in the first metric."""
    first = f"test.{str(summary['monitor']).partition('.')[2]}"
    names = [first, *(name for name in metrics if name.startswith("test."))]
    return better_line(metrics, summary["seconds"], simple, names, summary["directions"])


def _unseen(bag: BagSettings, stored: Stored, prepared: Prepared) -> _Unseen | None:
    """The validation rows of all members, with what those say that have them as such; `None` where there are none.

    Args:
        bag: The settings.
        stored: The bag.
        prepared: Its data; the training rows are all but the test rows where members have parts of them.
    """
    import torch

    from nntrain.training.evaluation import raw_outputs

    def outputs(members: Sequence[Stored], data: TensorData) -> dict[str, list[Tensor]]:
        return raw_outputs(as_one(members), stored.objective, data.to(stored.device), stored.precision)

    if bag.folds is None:
        return None if prepared.validation is None else _Unseen(prepared.validation, outputs(stored.members, prepared.validation))
    pool = prepared.train
    found: list[dict[str, list[Tensor]]] = []
    rows: list[Tensor] = []
    for fold in range(1, bag.folds + 1):
        members = stored.members[fold - 1 :: bag.folds]
        part = prepare_data(stored_config(members[0].run)).validation
        if part is None:
            raise CheckpointError(f"{members[0].run.name} has no validation rows")
        found.append(outputs(members, part))
        rows.append(part.rows)
    numbers, order = torch.cat(rows).sort()
    kept = pool.take(torch.searchsorted(pool.rows, numbers))
    joined = {
        name: [torch.cat(views)[order] for views in zip(*(each[name] for each in found), strict=True)] for name in stored.objective.targets
    }
    return _Unseen(kept, joined)


def _company(stored: Stored, train: TensorData, splits: Mapping[str, TensorData]) -> dict[str, Baseline]:
    """The simple models that the config asks for, fitted on all rows that the members share, and measured on the test rows."""
    from nntrain.training.baselines import measure_baselines

    names = stored.config.experiment.baselines
    shown = {name: data.to("cpu") for name, data in splits.items() if name == "test"}
    seed = stored.config.experiment.seed
    return measure_baselines(names, stored.objective, train.to("cpu"), shown, seed) if names and shown else {}
