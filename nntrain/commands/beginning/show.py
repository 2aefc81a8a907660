"""`nntrain show`: the network line by line, and every setting that applies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from nntrain.blueprint import Blueprint
from nntrain.commands.beginning.check import Look, check
from nntrain.commands.beginning.rates import rate_lines
from nntrain.commands.command_line.arguments import only_config, split_arguments
from nntrain.commands.screens.figures import format_bytes
from nntrain.commands.stored.opening import stored_blueprint
from nntrain.config.loading import dump
from nntrain.config.reading import find_config, read_config
from nntrain.config.resolving import resolved_tree
from nntrain.data.field_rows import field_rows
from nntrain.errors import UsageError
from nntrain.layers.program import Row
from nntrain.runs import find_run, runs_root

MAX_LAYER_WIDTH = 44


def run(arguments: Sequence[str], look: Look, *, runs: Path | None, as_json: bool) -> str:
    """Show a config (with overrides) or a run.

    Args:
        arguments: A config and overrides, or a run, named as for `eval`.
        look: How much of the config's data is read.
        runs: The runs folder.
        as_json: One JSON object instead of text.

    Raises:
        UsageError: There is no such config or run.
        ConfigError: The config is wrong.
        DataError: The head of its data cannot be read.
    """
    if arguments and _is_run(arguments[0]):
        found = find_run(arguments[0], runs_root(runs))
        if len(arguments) > 1:
            raise UsageError(f"a run is shown as it is, without {' '.join(arguments[1:])}", "overrides go with a config")
        return _json(stored_blueprint(found)) if as_json else _text(found.name, stored_blueprint(found))
    paths, changes = split_arguments(arguments)
    path = find_config(only_config(paths))
    blueprint = check(read_config(path, changes), look)
    if blueprint is None:
        raise UsageError(
            f"{path.as_posix()} does not say which columns there are, and without a look at the data nothing else does",
            "name and type them in data.fields, or leave --no-data out",
        )
    return _json(blueprint) if as_json else _text(path.as_posix(), blueprint)


def _is_run(argument: str) -> bool:
    """Whether a first argument names a run: it is neither a config nor an override."""
    path = Path(argument)
    return "=" not in argument and path.suffix not in {".yaml", ".yml"} and not path.is_file()


def _json(blueprint: Blueprint) -> str:
    program = blueprint.program
    shown = {
        "layers": [asdict(row) for row in program.rows()],
        "parameters": program.num_parameters,
        "trainable": program.num_trainable,
        "config": resolved_tree(blueprint.experiment),
    }
    return json.dumps(shown, indent=1)


def _text(name: str, blueprint: Blueprint) -> str:
    lines = [_title(name, blueprint), "", *program_lines(blueprint), ""]
    rates = rate_lines(blueprint)
    lines += ["  rates before the schedule", *rates, ""] if rates else []
    lines += [f"warning: {warning}" for warning in blueprint.warnings]
    return "\n".join([*lines, "# all settings that apply; null is off", dump(resolved_tree(blueprint.experiment)).rstrip()])


def _title(name: str, blueprint: Blueprint) -> str:
    targets = ", ".join(f"{plan.task.type} of {target}" for target, plan in blueprint.targets.items())
    return f"{name}   {targets}; judged by {blueprint.best.monitor}"


def program_lines(blueprint: Blueprint) -> list[str]:
    """The fields and the network, one line a layer: name, layer, output shape, parameters."""
    fields = field_rows(blueprint.layout)
    rows = [_cells(row) for row in blueprint.program.rows()]
    table = [("field", "type", "shape", ""), *fields, ("", "", "", ""), ("step", "layer", "output", "parameters"), *rows]
    widths = [max(len(line[column]) for line in table) for column in range(3)]
    lines = [
        ("  " + "  ".join([*(cell.ljust(width) for cell, width in zip(line[:3], widths, strict=True)), line[3]])).rstrip() for line in table
    ]
    return [*lines, f"  {_total(blueprint)}"]


def _cells(row: Row) -> tuple[str, str, str, str]:
    layer = row.layer if len(row.layer) <= MAX_LAYER_WIDTH else row.layer[: MAX_LAYER_WIDTH - 1] + "…"
    count = "" if row.parameters == 0 else "?" if row.parameters is None else f"{row.parameters:,}"
    note = "; ".join(text for text in (row.frozen_text, row.note) if text)
    return row.name, layer, row.output, f"{count:>10}{'   ' + note if note else ''}"


def _total(blueprint: Blueprint) -> str:
    count, trainable = blueprint.program.num_parameters, blueprint.program.num_trainable
    if count is None or trainable is None:
        return "sizes in <> are known once the data is read: nntrain check --data"
    told = f"{count:,} parameters, {format_bytes(4 * count)} as float32"
    return told if trainable == count else f"{told}; {trainable:,} are trained, {count - trainable:,} are frozen"
