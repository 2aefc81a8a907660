"""`nntrain fit --seeds N` and `--folds N`: one run of several members, and what they say together.

A member is an ordinary run in `members/01` of the run's folder. It is trained from the run's resolved config with a few overrides,
so that types and defaults are settled once for all members. Members of one shape are trained at once (`nntrain.commands.members.together`),
others one after another; which of the two is decided once, by config and data, and noted in `members.json`.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from nntrain.blueprint import draw, draw_first
from nntrain.commands.members import bags
from nntrain.commands.members.out_of_fold import write_out_of_fold
from nntrain.commands.members.spread import Spread
from nntrain.commands.preparing.from_config import prepare_job
from nntrain.commands.preparing.going_on import resume_command
from nntrain.commands.preparing.jobs import Job, Options, Outcome, Watchers
from nntrain.commands.preparing.signals import InterruptedRun
from nntrain.commands.screens.figures import format_seconds
from nntrain.commands.screens.results import WIDTH, aligned, labelled, spread_text
from nntrain.commands.stored.members_record import RECORD, Plan, members_record
from nntrain.commands.stored.model_card import CardFacts, CardMembers, write_card
from nntrain.commands.stored.opening import open_run, record_of, stored_config
from nntrain.commands.training.one_run import fit_in, resume_job
from nntrain.commands.training.tracking import tell_together
from nntrain.config.reading import Config, read_document
from nntrain.data.layout import plan_layouts, splits_at_random
from nntrain.data.settings import SplitSettings
from nntrain.errors import CheckpointError, ConfigError, DataError
from nntrain.runs import MEMBERS, Run, is_finished

if TYPE_CHECKING:
    from nntrain.commands.members.together import Ready


def word_of(plan: Plan, job: Job, member: int) -> str:
    """What a member is called: `seed 0`, `fold 1`."""
    bag = bags.bag_of(job.config)
    if plan.kind == "bag" and bag is not None:
        return bags.word(bag, job.config.experiment.seed + member - 1, member)
    return f"fold {member}" if plan.kind == "folds" else f"seed {job.config.experiment.seed + member - 1}"


def changes_of(plan: Plan, job: Job, member: int) -> tuple[str, ...]:
    """Overrides that make a member out of the config: another seed for all but the split, or another fold for the split alone."""
    experiment = job.config.experiment
    if plan.kind == "folds":
        unset = SplitSettings.model_fields["test"].default  # the fold is the test rows, whatever share stood there
        return (f"data.split.folds={plan.count}", f"data.split.fold={member}", f"data.split.test={unset}")
    has_column = any(field.role == "split" for field in job.blueprint.layout.fields)
    is_split = splits_at_random(experiment.data, has_column=has_column)
    split_seed = experiment.seed if experiment.data.split.seed is None else experiment.data.split.seed
    bag = bags.bag_of(job.config)
    own = bags.changes(bag, member) if plan.kind == "bag" and bag is not None else ()
    return (f"seed={experiment.seed + member - 1}", *([f"data.split.seed={split_seed}"] if is_split else []), *own)


def check(plan: Plan, job: Job) -> None:
    """Make sure that members can be made of a config, before there is a folder for them.

    Raises:
        ConfigError: Config and members don't fit together; rendered.
        DataError: The rows can't be cut into so many folds.
    """
    config = read_document(job.config.document, changes_of(plan, job, 1), job.config.folder)
    first = draw_first(config, plan_layouts(config.experiment.data, config.folder, look=True))
    if plan.kind == "bag" and (found := bags.problems(first)):
        raise job.config.error(found)  # at the line of the file, not at an override that nobody wrote
    if plan.kind == "folds" or config.experiment.data.split.validation_folds is not None:
        _check_folds(config, next((field.name for field in first.layout.fields if field.role == "group"), None))


def _check_folds(config: Config, group: str | None) -> None:
    """Cut the rows into folds once. Raises as `check` does; `group` is the field whose groups are kept whole."""
    from nntrain.data.preparing import try_split

    try:
        try_split(config.experiment.data, config.folder, seed=config.experiment.seed)
    except ConfigError as error:
        raise config.error(error.problems) from None
    except DataError as error:
        where = "" if group is None else f"data.fields.{group} (role: group): "
        raise DataError(f"{where}{error.message}", error.hint) from None


def write_plan(run: Run, plan: Plan, job: Job) -> None:
    """Note what the members are; with it the folder is a run of several members."""
    members = [
        {"name": f"{index:02d}", "word": word_of(plan, job, index), "changes": changes_of(plan, job, index)}
        for index in range(1, plan.count + 1)
    ]
    run.write_json(RECORD, {"kind": plan.kind, "count": plan.count, "members": members, "way": "undecided"})


def train_members(run: Run, job: Job | None, options: Options, watchers: Watchers) -> Outcome:
    """Train the members that are not finished yet, and write what all of them say together. The run is locked by the caller.

    Args:
        run: The run that they are members of.
        job: Config and data of the whole, where they are prepared already.
        options: What the command line says beside the config.
        watchers: Display and signals.

    Raises:
        NNTrainError: A member ends early; the others stay as they are, and the run can be resumed.
    """
    try:
        with watchers.signals.interruptible():
            outcome = _train_each(run, job, options, watchers)
    except InterruptedRun as stop:
        summary = {"run": run.name, "stop_reason": "interrupted"}
        run.write_json("summary.json", summary)
        return Outcome(run, summary, f"interrupted between members. Go on with: {resume_command(run)}", stop.exit_code)
    if is_finished(run):
        tell_together(run, stored_config(run, for_its_data=False), outcome.summary, watchers.display, watchers.lost_trackers)
    return outcome


def _train_each(run: Run, job: Job | None, options: Options, watchers: Watchers) -> Outcome:
    record = members_record(run)
    plan = Plan(record["kind"], record["count"])
    whole = options
    options = replace(options, test=False) if plan.kind == "bag" else options  # test rows are shown to all members together
    prepared = job.prepared if job is not None and plan.kind == "seeds" else None
    if record.get("way", "separate") != "separate":  # runs of older versions have no way
        stopped = _train_together(run, record, prepared, options, watchers)
        if stopped is not None:
            return stopped
    for member in record["members"]:
        target = Run(run.path / MEMBERS / member["name"])
        if is_finished(target):
            continue
        member_job = _job(run, tuple(member["changes"]), prepared)
        prepared = member_job.prepared if plan.kind == "seeds" else None
        outcome = _train(target, member["word"], member_job, options, watchers)
        if outcome.exit_code:
            return _interrupted(run, member["word"], outcome)
    return _all_finished(run, members_record(run), plan, whole)


def _all_finished(run: Run, record: Mapping[str, Any], plan: Plan, options: Options) -> Outcome:
    bag = bags.bag_of(stored_config(run)) if plan.kind == "bag" else None
    if bag is not None:
        return bags.finish_bag(run, bag, test=options.test, at_once=record.get("way") == "together")
    return _finish(run, plan, {member["word"]: Run(run.path / MEMBERS / member["name"]) for member in record["members"]}, test=options.test)


def _interrupted(run: Run, word: str, outcome: Outcome) -> Outcome:
    run.write_json("summary.json", {"run": run.name, "stop_reason": "interrupted"})
    return Outcome(run, outcome.summary, f"{word} saved. Go on with: {resume_command(run)}", outcome.exit_code)


def _train_together(run: Run, record: Mapping[str, Any], prepared: Any, options: Options, watchers: Watchers) -> Outcome | None:
    """Train the members at once where they are of one shape, else none; what was interrupted, or `None`."""
    from nntrain.commands.members.together import Entry, Title, are_even, make_ready, reason_against, train_together

    if all(is_finished(Run(run.path / MEMBERS / member["name"])) for member in record["members"]):
        return None
    plan = Plan(record["kind"], record["count"])
    found: list[tuple[Entry, Ready | None]] = []
    reason: str | None = None
    for member in record["members"]:
        target = Run(run.path / MEMBERS / member["name"])
        member_job = None if is_finished(target) else _job(run, tuple(member["changes"]), prepared)
        if record["kind"] == "seeds" and member_job is not None:
            prepared = member_job.prepared
        entry = Entry(target, member["word"], member_job)
        ready = make_ready(entry, options)
        found.append((entry, ready))
        if record["way"] == "undecided" and ready is not None and reason is None:
            reason = reason_against([each.assembly for _, each in found if each is not None])
        if reason is not None:
            break
    if record["way"] == "undecided":
        assemblies = [each.assembly for _, each in found if each is not None]
        record = {**record, "way": "together" if reason is None else "separate", "reason": reason, "even": are_even(assemblies)}
        run.write_json(RECORD, record)
    if reason is not None:
        watchers.display.note(labelled([(plan.noun.partition(" ")[0], f"trained one after another: {reason}")]))
        return None
    title = Title(f"{run.name}   {record['count']} {plan.noun}, trained at once", plan.noun)
    outcomes = train_together(title, found, options, watchers, is_even=bool(record.get("even")))
    stopped = {word: outcome for word, outcome in outcomes.items() if outcome.exit_code}
    if stopped:
        return _interrupted(run, ", ".join(stopped), next(iter(stopped.values())))
    return None


def _job(run: Run, changes: tuple[str, ...], prepared: Any) -> Job:
    config = stored_config(run, changes)
    if prepared is None:
        return prepare_job(config)
    return Job(config, draw(config, prepared.layout, train_rows=prepared.train.shown), prepared)


def _train(target: Run, word: str, job: Job, options: Options, watchers: Watchers) -> Outcome:
    if (target.path / "resolved.yaml").is_file():
        return resume_job(target, job, options, watchers)

    def made() -> Run:
        target.path.mkdir(parents=True, exist_ok=True)
        if target.checkpoints.exists():  # without the config that they belong to
            raise CheckpointError(f"{target.name} has lost its resolved.yaml", f"remove {target.name}, then go on: it is trained anew")
        return target

    return fit_in(made, job, options, watchers, word)


def _finish(run: Run, plan: Plan, members: Mapping[str, Run], *, test: bool) -> Outcome:
    """Mean and standard deviation over the members, and for folds the prediction of each row by the member that has not seen it."""
    summaries = [member.read_json("summary.json") for member in members.values()]
    found = {part: _spreads([summary[part] for summary in summaries]) for part in ("best", "last", "test", "baseline")}
    simple = {name: _spreads([summary["baselines"][name] for summary in summaries]) for name in _simple_of(summaries)}
    parts = {part: {name: spread.mean for name, spread in spreads.items()} for part, spreads in found.items()}
    summary = {
        "run": run.name,
        "stop_reason": "finished",
        "kind": plan.kind,
        "seconds": round((max if members_record(run).get("way") == "together" else sum)(member["seconds"] for member in summaries), 3),
        "parameters": summaries[0]["parameters"],
        "monitor": summaries[0]["monitor"],
        "directions": summaries[0]["directions"],
        **parts,
        "baselines": {name: {metric: spread.mean for metric, spread in spreads.items()} for name, spreads in simple.items()},
        "sd": {part: {name: spread.sd for name, spread in spreads.items()} for part, spreads in found.items()},
        "members": [{key: member[key] for key in ("run", "stop_reason", "epochs", "steps", "best", "test")} for member in summaries],
    }
    lines = [_screen(plan, list(members), summary, found, {**simple, "trivial": found["baseline"]})]
    if plan.kind == "folds" and test:
        written = write_out_of_fold(run, list(members.values())).as_posix()
        lines.append(labelled([("wrote", f"{written}: each row predicted by the fold that left it out")]))
    lines += _write_card(run, plan, next(iter(members.values())), summary)
    run.write_json("summary.json", summary)  # last: with it the run is finished
    first, whole = shlex.quote(next(iter(members.values())).name), shlex.quote(run.name)
    steps = f"nntrain compare {whole}\nnntrain report {whole}\nnntrain eval {first}"
    return Outcome(run, summary, "\n".join([*lines, labelled([("next", steps)])]))


def _write_card(run: Run, plan: Plan, first: Run, summary: Mapping[str, Any]) -> tuple[str, ...]:
    """Write the card of all members; what kept it from being written, which must not cost the result that it describes."""
    if plan.kind == "bag":  # which has a card as one network
        return ()
    try:
        stored = open_run(first)
        record = record_of(first)
        facts = CardFacts(
            stored_config(run, for_its_data=False),
            stored.blueprint,
            stored.fields,
            summary,
            record["rows"],
            record.get("notes", []),
            CardMembers(plan.count, plan.kind, first),
        )
    except CheckpointError as error:
        return (str(error),)
    return write_card(run, facts)


def _spreads(parts: Sequence[Mapping[str, Any]]) -> dict[str, Spread]:
    names = [name for name in parts[0] if name not in {"epoch", "step"}]
    return {name: Spread(tuple(part.get(name) for part in parts)) for name in names}


def _simple_of(summaries: Sequence[Mapping[str, Any]]) -> list[str]:
    """The simple models that are beside every member; runs of older versions name none."""
    found: list[Mapping[str, Any]] = [summary.get("baselines") or {} for summary in summaries]
    return [name for name in found[0] if all(name in each for each in found)]


def _screen(
    plan: Plan,
    words: Sequence[str],
    summary: Mapping[str, Any],
    found: Mapping[str, Mapping[str, Spread]],
    others: Mapping[str, Mapping[str, Spread]],
) -> str:
    """The table of `fit`: mean and standard deviation, then each member where there is room, else in a line; and others' means."""
    metrics = {**{name: spread for name, spread in found["best"].items() if name.startswith("validation.")}}
    metrics |= {f"test.{name}": spread for name, spread in found["test"].items()}
    rows = [
        [
            name,
            spread_text(spread.mean, spread.sd),
            *(spread_text(value, None) for value in spread.values),
            *(_mean(other.get(name)) for other in others.values()),
        ]
        for name, spread in (metrics or found["best"]).items()
    ]
    head = ["", f"mean ± sd (n = {plan.count})", *words, *others]
    table = aligned([head, *rows], gap=3)
    if plan.count > MOST_COLUMNS or max(map(len, table.splitlines())) > WIDTH:
        short = aligned([[*row[:2], *row[-len(others) :]] for row in [head, *rows]], gap=3)
        table = "\n".join([short, *_each(words, summary["monitor"], found["best"])])
    varied = "initial weights, row order, dropout; the split stays" if plan.kind == "seeds" else "the rows: each is tested once"
    title = f"finished {plan.count} {plan.kind} ({varied})   {format_seconds(summary['seconds'])}"
    return f"{title}\n{table}"


def _each(words: Sequence[str], monitor: str, best: Mapping[str, Spread]) -> list[str]:
    """What the monitored metric is in each member, where the screen has no column for them; empty where nothing is monitored."""
    if monitor not in best:
        return []
    values = (f"{spread_text(value, None)} ({word})" for word, value in zip(words, best[monitor].values, strict=True))
    return [labelled([("each", f"{monitor} {', '.join(values)}")])]


MOST_COLUMNS = 5
"""Members that are shown with a column each, where these fit on the screen."""


def _mean(spread: Spread | None) -> str:
    return spread_text(None if spread is None else spread.mean, None)
