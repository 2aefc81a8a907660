"""Arguments, help and exit codes. A verb's module is imported only when it runs, so that help and checks never load torch."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from copy import copy
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any

import typer

from nntrain import plugins
from nntrain.commands.arguments import check_command, only_config, only_run, split_arguments
from nntrain.commands.output import emit, tell
from nntrain.errors import NNTrainError, UsageError

app = typer.Typer(
    name="nntrain",
    add_completion=False,
    no_args_is_help=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    help="Train a neural network from one YAML file.",
)


def _allow(modules: list[str] | None) -> list[str] | None:
    """Load plug-ins before anything is read that names them."""
    for module in modules or ():
        plugins.allow(module)
    return modules


Arguments = Annotated[list[str] | None, typer.Argument(help="A config, then overrides such as optimizer.lr=3e-4.")]
RunArguments = Annotated[list[str] | None, typer.Argument(help="A run folder; the latest if none is given.")]
With = Annotated[list[Path] | None, typer.Option("--with", help="A config that is laid over the config; may be repeated.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout.")]
Plugins = Annotated[
    list[str] | None,
    typer.Option("--plugin", help="Allow a module of your own components to be loaded; may be repeated.", callback=_allow),
]
Runs = Annotated[Path | None, typer.Option("--runs", help="The runs folder; default: $NNTRAIN_RUNS, else runs.")]


@app.callback(invoke_without_command=True)
def start(context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    """Train a neural network from one YAML file."""
    if version or context.invoked_subcommand is None:
        from nntrain.commands import start as command

        emit(command.version() if version else command.screen())


@app.command()
def init(
    data: Annotated[Path | None, typer.Argument(help="A table, a text, or a folder of images, sounds, or images and masks.")] = None,
    target: Annotated[str | None, typer.Option("--target", help="The column that is to be predicted.")] = None,
    example: Annotated[str | None, typer.Option("--example", help="Copy an example instead; nntrain list examples.")] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="The config; default: named like the data.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a config that is there.")] = False,
    preset: Annotated[str | None, typer.Option("--preset", help="Of a table: fast, good (default) or best; its cost is told.")] = None,
) -> None:
    """Look at data and write a config for it."""
    from nntrain.commands import init as command

    emit(command.run(data, command.Options(target, example, output, force, preset)))


@app.command()
def check(
    configs: Arguments = None,
    data: Annotated[bool, typer.Option("--data", help="Read and fit the data, and check every size.")] = False,
    no_data: Annotated[bool, typer.Option("--no-data", help="Don't look at the data at all.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Warnings fail too.")] = False,
    overlays: With = None,
    form: Annotated[str | None, typer.Option("--format", help="github: problems as annotations of a workflow.")] = None,
    as_json: Json = False,
    plugin_modules: Plugins = None,
) -> None:
    """Check configs: names, values, columns and shapes, in an instant."""
    from nntrain.commands import check as command

    paths, changes = split_arguments(configs)
    look, output = command.Look.of(data=data, no_data=no_data), command.Form.of(form, as_json=as_json)
    raise typer.Exit(command.run(paths, changes, look, tuple(overlays or ()), strict=strict, form=output))


@app.command()
def show(
    arguments: Arguments = None,
    no_data: Annotated[bool, typer.Option("--no-data", help="Don't look at the data at all.")] = False,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Print the network with shapes and parameters, and all settings."""
    from nntrain.commands import show as command
    from nntrain.commands.check import Look

    emit(command.run(arguments or [], Look.of(data=False, no_data=no_data), runs=runs, as_json=as_json))


@app.command(epilog="On several machines: torchrun --nnodes 2 --nproc-per-node 8 … -m nntrain fit CONFIG")
def fit(
    arguments: Arguments = None,
    resume: Annotated[str | None, typer.Option("--resume", help="Go on with a run; auto: the one of this config, if there is one.")] = None,
    resume_anyway: Annotated[bool, typer.Option("--resume-anyway", help="Resume although config or data differ.")] = False,
    run_id: Annotated[str | None, typer.Option("--run-id", help="The run folder's name; slurm: the job's.")] = None,
    smoke: Annotated[bool, typer.Option("--smoke", help="Prove the whole way on a few batches, in a temporary folder.")] = False,
    fake_data: Annotated[bool, typer.Option("--fake-data", help="With --smoke: make rows up where the data is not there.")] = False,
    no_test: Annotated[bool, typer.Option("--no-test", help="Leave the test rows unseen.")] = False,
    overlays: With = None,
    seeds: Annotated[int | None, typer.Option("--seeds", help="Train N seeds, not beside --folds; RUN/members/01 predicts.")] = None,
    folds: Annotated[int | None, typer.Option("--folds", help="Train on N folds: every row is tested once.")] = None,
    each: Annotated[bool, typer.Option("--each", help="Train each of several configs by itself.")] = False,
    skip_done: Annotated[bool, typer.Option("--skip-done", help="Leave out what has a finished run already.")] = False,
    processes: Annotated[
        int | None, typer.Option("--processes", help="Train in N processes; not beside --seeds, --folds, --tune, --profile, --smoke.")
    ] = None,
    tune: Annotated[bool, typer.Option("--tune", help="First measure precision, memory layout, compile, threads.")] = False,
    profile: Annotated[bool, typer.Option("--profile", help="First show where the time of a step goes.")] = False,
    trace: Annotated[bool, typer.Option("--trace", help="With --profile: write RUN/trace.json, for ui.perfetto.dev.")] = False,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep no rows of streamed tables in the cache folder.")] = False,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Train a network, and measure its best state."""
    from nntrain.commands import automatic, members, placing
    from nntrain.commands import fit as command

    if profile:
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # else the C++ part of torch's profiler writes lines of its own among ours
    if fake_data and not smoke:
        raise UsageError("--fake-data makes rows up for a smoke run; fit trains on data that is there", "add --smoke")
    paths, changes = split_arguments(arguments)
    options = command.Options(
        resume=resume,
        resume_anyway=resume_anyway,
        run_id=automatic.settled_run_id(run_id),
        test=not no_test,
        runs=runs,
        as_json=as_json,
        overlays=tuple(overlays or ()),
        members=members.Plan.of(seeds, folds),
        skip_done=skip_done,
        processes=processes,
        tune=tune,
        profile=profile,
        trace=trace,
    )
    run = placing.command_of(options, plugin_modules or [], smoke=smoke, each=each)
    if smoke:
        from nntrain.commands import smoke as smoke_command

        run = partial(smoke_command.run, fake_data=fake_data)
    if no_cache:
        from nntrain.commands.caching import keeping_nothing

        run = keeping_nothing(run)
    raise typer.Exit(command.run_each(paths, changes, options, run) if each else run(only_config(paths), changes, options))


@app.command("eval")
def evaluate(
    run: RunArguments = None,
    data: Annotated[Path | None, typer.Option("--data", help="Evaluate on the rows of this file.")] = None,
    split: Annotated[str | None, typer.Option("--split", help="train, validation or test.")] = None,
    minimum: Annotated[list[str] | None, typer.Option("--min", help="Fail (exit 6) below: --min accuracy=0.9")] = None,
    maximum: Annotated[list[str] | None, typer.Option("--max", help="Fail (exit 6) above: --max rmse=2")] = None,
    sure: Annotated[bool, typer.Option("--sure", help="--min and --max hold for the unfavourable end of the interval.")] = False,
    intervals: Annotated[bool, typer.Option("--intervals", help="Where each metric probably lies (bootstrap).")] = False,
    level: Annotated[float | None, typer.Option("--level", help="Of the intervals; default 0.95.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="The metrics for each value of this column too.")] = None,
    once: Annotated[bool, typer.Option("--no-test-augment", help="See each row as it is, without the views of test_augment.")] = False,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Measure a trained network on a split or on new rows."""
    from nntrain.commands import evaluate as command

    bars = command.Bars.of(minimum or [], maximum or [], sure=sure)
    extras = command.Extras.of(intervals=intervals, sure=sure, level=level, by=by, once=once)
    raise typer.Exit(command.run(only_run(run), command.Where(data, split), bars, extras, runs=runs, as_json=as_json))


@app.command()
def predict(
    arguments: Annotated[list[str] | None, typer.Argument(help="A run folder (the latest if none is given), then the data.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write here: .csv, .tsv, .parquet or .jsonl, masks to a folder; default: stdout, as CSV."),
    ] = None,
    interval: Annotated[
        float | None, typer.Option("--interval", help="Beside each number limits that hold this share of new values: 0.9")
    ] = None,
    missing_columns: Annotated[
        str | None, typer.Option("--missing-columns", help="as-missing: a column that is not there is a missing value in every row.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option("--steps", help="Rows that are forecast after the last one; default: the horizon of data.window.")
    ] = None,
    overlay: Annotated[
        Path | None, typer.Option("--overlay", help="Folder for the images with masks drawn over them, errors red where they are known.")
    ] = None,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Predict for new rows, beside the columns that they have; of a forecast the rows that follow."""
    from nntrain.commands import predict as command

    wanted = command.Wanted.of(interval, missing_columns, steps, overlay)
    raise typer.Exit(command.run(arguments or [], output, wanted, runs=runs))


@app.command()
def generate(
    arguments: RunArguments = None,
    prompt: Annotated[str | None, typer.Option("--prompt", help="What the sequence begins with.")] = None,
    steps: Annotated[int | None, typer.Option("--steps", help="Tokens of a text, or steps of music, that are generated.")] = None,
    temperature: Annotated[
        float | None, typer.Option("--temperature", help="Below 1 the likelier is taken more often; 0 takes the likeliest.")
    ] = None,
    top_k: Annotated[int | None, typer.Option("--top-k", help="Draw from the k likeliest tokens only.")] = None,
    top_p: Annotated[float | None, typer.Option("--top-p", help="Draw from the likeliest tokens that make up this share only.")] = None,
    repetition_penalty: Annotated[
        float | None, typer.Option("--repetition-penalty", help="Above 1, tokens that were there before become less likely.")
    ] = None,
    point: Annotated[str | None, typer.Option("--from", help="Point that is drawn; default: the only one.")] = None,
    given: Annotated[list[str] | None, typer.Option("--given", help="FIELD=VALUE that is read beside the point: label=3.")] = None,
    count: Annotated[int | None, typer.Option("--count", help="Rows, such as images, that are drawn.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides what is drawn.")] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Write here: a text, a MIDI file, a sheet of images (.png), a folder; default: stdout."),
    ] = None,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Go on with a text or a piece of music, or make images of draws, by a network that can."""
    from nntrain.commands import generate as command

    flags: dict[str, Any] = {"prompt": prompt, "steps": steps, "temperature": temperature, "top_k": top_k, "top_p": top_p}
    flags |= {"repetition_penalty": repetition_penalty, "from": point, "given": given, "count": count, "seed": seed}
    raise typer.Exit(command.run(arguments or [], flags, output, as_json=as_json, runs=runs))


@app.command()
def compare(
    arguments: Annotated[list[str] | None, typer.Argument(help="Runs; with --by, folders of runs (default: all).")] = None,
    by: Annotated[str | None, typer.Option("--by", help="config: one row for all finished runs of a config.")] = None,
    form: Annotated[str | None, typer.Option("--format", help="text, markdown, latex, csv or json.")] = None,
    tolerance: Annotated[list[str] | None, typer.Option("--tolerance", help="Fail (exit 6) where the first is worse by more.")] = None,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """Compare finished runs: mean and spread, parameters, time."""
    from nntrain.commands import compare as command

    form = "json" if as_json else form
    raise typer.Exit(command.run(arguments or [], runs=runs, by=by, form=form, tolerance=tolerance or []))


@app.command()
def verify(
    run: RunArguments = None,
    rerun: Annotated[bool, typer.Option("--rerun", help="Train it again from the start too, and compare every report.")] = False,
    steps: Annotated[int | None, typer.Option("--steps", help="Steps to prove; default: what some seconds are enough for.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", help="Decides after which steps it is killed; default: drawn, and printed.")] = None,
    as_json: Json = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Prove that a run can be killed and resumed without changing a byte."""
    from nntrain.commands import verify as command

    options = command.Options(rerun=rerun, steps=steps, seed=seed, runs=runs, as_json=as_json)
    raise typer.Exit(command.run(only_run(run), options))


@app.command("runs")
def list_runs(
    unfinished: Annotated[bool, typer.Option("--unfinished", help="Only those that may go on.")] = False,
    as_json: Json = False,
    runs: Runs = None,
) -> None:
    """List the runs with their validation metrics."""
    from nntrain.commands import runs as command

    emit(command.run(runs, as_json=as_json, unfinished=unfinished))


@app.command()
def schema(markdown: Annotated[bool, typer.Option("--markdown", help="The reference as Markdown instead.")] = False) -> None:
    """Print the JSON Schema of configs, for editors."""
    from nntrain.commands import schema as command

    emit(command.run(markdown=markdown))


@app.command("list")
def list_components(
    kind: Annotated[str | None, typer.Argument(help="layers, losses, optimizers, … or examples.")] = None, as_json: Json = False
) -> None:
    """List what may stand in a config, or the examples."""
    from nntrain.commands import list as command

    emit(command.run(kind, as_json=as_json))


@app.command()
def doctor(as_json: Json = False, runs: Runs = None) -> None:
    """Look at this installation: what it has, what it can do, what is missing."""
    from nntrain.commands import doctor as command

    text, code = command.run(runs, as_json=as_json)
    emit(text)
    raise typer.Exit(code)


@app.command("help", context_settings={"ignore_unknown_options": True})
def explain_word(
    context: typer.Context,
    word: Annotated[str | None, typer.Argument(help="A setting, a component, a metric, a command or its option.")] = None,
) -> None:
    """Explain a setting, a component, a metric, a command or an option of one in a few lines."""
    from nntrain.commands import help as command
    from nntrain.commands.verbs import option_help

    group: Any = context.parent and context.parent.command
    option = None if group is None or word is None else option_help(word, group.commands)
    emit(_help_of_command(context, word) or command.run(word, option))


def _help_of_command(context: typer.Context, word: str | None) -> str | None:
    """What `nntrain WORD --help` prints, if there is such a command."""
    parent = context.parent
    if parent is None or word is None:
        return None
    group: Any = parent.command
    verb = group.get_command(parent, word)
    return None if verb is None else str(verb.get_help(type(context)(verb, info_name=word, parent=parent)))


DISK_ERRORS = {errno.ENOSPC, errno.EIO, getattr(errno, "EDQUOT", errno.ENOSPC)}


@cache
def _parser(verb: str | None) -> Callable[..., Any]:
    """What reads the arguments of a verb, without one those of all, for help. Typer takes 2 ms for each that it looks into."""
    told = copy(app)
    if verb is not None:
        told.registered_commands = [each for each in app.registered_commands if _verb(each) == verb]
    return typer.main.get_command(told)


def _verb(command: typer.models.CommandInfo) -> str:
    return command.name or getattr(command.callback, "__name__", "")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return the exit code. A user's mistake is told in words, never by a traceback."""
    given = sys.argv[1:] if arguments is None else arguments
    # pydantic would look through all installed packages for plug-ins of its own: time, and code that nobody asked for
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        verb = given[0] if given and not given[0].startswith("-") else None
        if verb is not None:
            check_command(verb, [_verb(each) for each in app.registered_commands])
        return int(_parser(None if verb == "help" else verb)(given, prog_name="nntrain", standalone_mode=False) or 0)
    except NNTrainError as error:
        tell(str(error))
        return error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        tell("interrupted")
        return 130
    except OSError as error:  # a name that is too long, a disk that is full or gone: of the machine, not of ours
        tell(f"{error.filename or 'cannot read or write'}: {error.strerror or error}")
        return 7 if error.errno in DISK_ERRORS else 3
    except Exception as error:
        show = getattr(error, "show", None)  # a usage error of click's, which typer ships inside itself
        if show is None:
            tell("this is a fault of nntrain, not yours; please report it with the lines below")
            raise
        from nntrain.commands.verbs import number_fault

        fault = number_fault(error, given)
        show() if fault is None else tell(str(fault))
        return 2
