"""Verbs that train: fit, verify."""

from __future__ import annotations

import os
from functools import partial
from typing import Annotated

import typer

from nntrain.cli.app import Arguments, Json, Plugins, RunArguments, Runs, With, app
from nntrain.commands.command_line.arguments import only_config, only_run, split_arguments
from nntrain.errors import UsageError


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
    json_lines: Annotated[bool, typer.Option("--json-lines", help="A JSON object a line: start, each evaluation, end.")] = False,
    runs: Runs = None,
    plugin_modules: Plugins = None,
) -> None:
    """Train a network, and measure its best state."""
    from nntrain.commands.fitting import automatic, placing
    from nntrain.commands.fitting import fit as command
    from nntrain.commands.stored.members_record import Plan

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
        json_lines=json_lines,
        overlays=tuple(overlays or ()),
        members=Plan.of(seeds, folds),
        skip_done=skip_done,
        processes=processes,
        tune=tune,
        profile=profile,
        trace=trace,
    )
    run = placing.command_of(options, plugin_modules or [], smoke=smoke, each=each)
    if smoke:
        from nntrain.commands.proofs import smoke as smoke_command

        run = partial(smoke_command.run, fake_data=fake_data)
    if no_cache:
        from nntrain.commands.fitting.caching import keeping_nothing

        run = keeping_nothing(run)
    raise typer.Exit(command.run_each(paths, changes, options, run) if each else run(only_config(paths), changes, options))


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
    from nntrain.commands.proofs import verify as command

    options = command.Options(rerun=rerun, steps=steps, seed=seed, runs=runs, as_json=as_json)
    raise typer.Exit(command.run(only_run(run), options))
