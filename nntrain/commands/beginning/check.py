"""`nntrain check`: is a config right? Names, values, columns and shapes, from the config and the header of its data alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.blueprint import Blueprint, can_draw, draw, draw_first
from nntrain.commands.screens.output import emit, tell
from nntrain.config.reading import Config, find_config, read_config
from nntrain.config.rendering import error_as_json
from nntrain.data.layout import plan_layouts
from nntrain.errors import ConfigError, NNTrainError, UsageError

if TYPE_CHECKING:
    from nntrain.commands.trials.findings import TrialResult


class Look(Enum):
    """How much of the data is read."""

    NOTHING = "nothing"
    HEADER = "header"
    ALL = "all"
    RUN = "run"
    """All of it, and some steps are taken."""

    @staticmethod
    def of(*, data: bool, no_data: bool, run: bool = False) -> Look:
        """What the options ask for together. Raises `UsageError` where they exclude each other."""
        if (data or run) and no_data:
            raise UsageError(f"{'--run' if run else '--data'} and --no-data exclude each other")
        return Look.RUN if run else Look.ALL if data else Look.NOTHING if no_data else Look.HEADER


class Form(Enum):
    """How the findings are printed."""

    TEXT = "text"
    JSON = "json"
    GITHUB = "github"
    """Workflow commands, which GitHub shows beside the lines of a pull request."""

    @staticmethod
    def of(given: str | None, *, as_json: bool) -> Form:
        """What the two options ask for together.

        Raises:
            UsageError: There is no such form, or both are given.
        """
        if given is None:
            return Form.JSON if as_json else Form.TEXT
        if as_json:
            raise UsageError("--format and --json exclude each other")
        if given != Form.GITHUB.value:
            raise UsageError(f"no format {given!r}", "--format github, or --json")
        return Form.GITHUB


@dataclass(frozen=True, slots=True)
class How:
    """How much is looked at, and what counts as a fault."""

    look: Look = Look.HEADER
    strict: bool = False
    """Whether warnings are faults."""
    plot: Path | None = None
    """Where the learning-rate range test of `--run` is drawn."""

    def check_plot(self, configs: int) -> None:
        """Refuse a picture that nobody draws or that can't be written. Raises `UsageError`."""
        if self.plot is None:
            return
        if self.look is not Look.RUN:
            raise UsageError("--plot has no effect: it draws the range test of --run", "add --run")
        if configs > 1:
            raise UsageError("--plot draws one config, and several are given", "check them one by one")
        from nntrain.commands.trials.rate_plot import check_plot

        check_plot(self.plot)


def run(paths: Sequence[Path], changes: Sequence[str], how: How, overlays: Sequence[Path], form: Form) -> int:
    """Check each config by itself; print what was found, and return the exit code of the worst.

    Raises:
        UsageError: There is no config, or an option has no effect.
    """
    paths = paths or [find_config(None)]
    how.check_plot(len(paths))
    results = [_check(path, changes, how, overlays) for path in paths]
    if form is Form.JSON:
        emit(json.dumps(_as_json(results), indent=1))
    elif form is Form.GITHUB:
        emit("\n".join(line for result in results for line in _annotations(result)))
    else:
        for result in results:
            result.print()
    return max(result.exit_code for result in results)


def check(config: Config, look: Look) -> Blueprint | None:
    """Draw the blueprint of a config from as much of its data as `look` says; `None` where that is too little for one.

    Raises:
        ConfigError: With all problems, rendered.
        DataError: The data is not there, or can't be read.
    """
    data = config.experiment.data
    plans = plan_layouts(data, config.folder, look=look is not Look.NOTHING)
    layout, problems = likeliest = next(plans)
    if look is Look.NOTHING and not can_draw(layout):
        if problems:
            raise config.error(problems)
        return None
    blueprint = draw_first(config, chain([likeliest], plans))
    if blueprint.training.bag is not None:
        from nntrain.commands.members import bags

        bags.check(config, blueprint)
    if blueprint.training.shard:  # several processes are certain then
        from nntrain.commands.preparing.shareable import check_shareable

        check_shareable(config, blueprint)
    if look is Look.ALL:
        from nntrain.assembly import class_order
        from nntrain.commands.preparing.from_config import prepare_data

        prepared = prepare_data(config)
        blueprint = draw(config, prepared.layout, train_rows=prepared.train.shown)
        try:
            class_order(blueprint.experiment, prepared.train)
        except ConfigError as error:
            raise config.error(error.problems) from None
        from nntrain.commands.preparing.suspecting import suspicions_of

        suspicions = [each.sentence for each in suspicions_of(blueprint, prepared)]
        blueprint = replace(blueprint, warnings=(*blueprint.warnings, *suspicions))
    return blueprint


class _Result:
    """What came of one config."""

    def __init__(
        self,
        path: Path,
        blueprint: Blueprint | None,
        error: NNTrainError | None,
        *,
        strict: bool,
        start: Sequence[str] = (),
        findings: Sequence[TrialResult] | None = None,
    ) -> None:
        self.path = path
        self.blueprint, self.start = blueprint, start
        self.error = error
        self.findings = findings
        self.warnings = [] if blueprint is None else list(blueprint.warnings)
        self.warnings += [f"{finding.label}: {finding.text.splitlines()[0]}" for finding in findings or () if finding.is_warning]
        self.fails_for_warnings = strict and bool(self.warnings)

    @property
    def exit_code(self) -> int:
        if self.error is not None:
            return self.error.exit_code
        return 2 if self.fails_for_warnings else 0

    def print(self) -> None:
        if self.error is not None:
            tell(str(self.error))
        elif self.blueprint is None:
            emit(f"{self.path.as_posix()}   ok   columns and shapes were not checked: their types stand in the data")
        else:
            emit("\n".join([_line(self.path, self.blueprint), *(f"   start: {line}" for line in self.start)]))
            if self.blueprint.layout.dialect is not None:
                self._print_dialect(self.blueprint.layout.dialect)
            if self.findings is not None:
                from nntrain.commands.trials.findings import told

                emit(told(self.findings))
            for warning in self.blueprint.warnings:
                tell(f"   warning: {warning}")

    def _print_dialect(self, dialect: str) -> None:
        from nntrain.data.dialect import PLAIN

        if dialect != PLAIN:
            emit(f"   data: {dialect}")

    def as_json(self) -> dict[str, Any]:
        errors = [] if self.error is None else _errors(self.error, self.path)
        program = None if self.blueprint is None else self.blueprint.program
        return {
            "ok": self.exit_code == 0,
            "errors": errors,
            "warnings": self.warnings,
            "parameters": None if program is None else program.num_parameters,
            "layers": None if program is None else len(program.steps),
            **({} if self.findings is None else {"run": {finding.label: finding.as_json() for finding in self.findings}}),
        }


def _check(path: Path, changes: Sequence[str], how: How, overlays: Sequence[Path]) -> _Result:
    try:
        if how.look is Look.RUN:
            return _tried(path, changes, how, overlays)
        config = read_config(path, changes, overlays)
        blueprint = check(config, how.look)
        return _Result(path, blueprint, None, strict=how.strict, start=_start(config, blueprint))
    except NNTrainError as error:
        return _Result(path, None, error, strict=how.strict)


def _tried(path: Path, changes: Sequence[str], how: How, overlays: Sequence[Path]) -> _Result:
    """What came of a config that was tried out. Raises `NNTrainError`."""
    from nntrain.commands.trials.trying import begin_trial, try_out

    gone = begin_trial()
    config = read_config(path, changes, overlays)
    blueprint, findings = try_out(config, how.plot, gone)
    return _Result(path, blueprint, None, strict=how.strict, start=_start(config, blueprint), findings=findings)


def _start(config: Config, blueprint: Blueprint | None) -> list[str]:
    """What the network would start from, where that is not random. Raises `ConfigError` where too little of it fits."""
    if blueprint is None or not blueprint.starts_trained:
        return []
    from nntrain.commands.starting.trained_weights import beginning_of

    start = beginning_of(config, blueprint)
    return [] if start is None else start.lines()


def _line(path: Path, blueprint: Blueprint) -> str:
    count = blueprint.program.num_parameters
    size = f"{count:,} parameters" if count is not None else "parameters known once the data is read (--data)"
    return f"{path.as_posix()}   ok   {len(blueprint.program.steps)} layers, {size}"


def _errors(error: NNTrainError, path: Path) -> list[dict[str, Any]]:
    if isinstance(error, ConfigError):
        return error_as_json(error)
    return [{"file": path.as_posix(), "line": None, "column": None, "path": None, "message": error.message, "hint": error.hint}]


def _annotations(result: _Result) -> list[str]:
    """Workflow commands: one a problem, one a warning, one for a config without either."""
    found = result.as_json()
    lines = [
        _annotation("error", each["file"], each["line"], each["column"], f"{each['path'] or ''}   {each['message']}", each["hint"])
        for each in found["errors"]
    ]
    level = "error" if result.fails_for_warnings else "warning"
    lines += [_annotation(level, result.path.as_posix(), None, None, warning, None) for warning in found["warnings"]]
    return lines or [f"{result.path.as_posix()}   ok"]


def _annotation(level: str, file: str | None, line: int | None, column: int | None, message: str, hint: str | None) -> str:
    places = {"file": file, "line": line, "col": column}
    told = ",".join(f"{key}={_escaped(str(value), in_property=True)}" for key, value in places.items() if value is not None)
    text = _escaped("\n".join([message.strip(), *([hint] if hint else [])]), in_property=False)
    return f"::{level} {told}::{text}" if told else f"::{level}::{text}"


def _escaped(text: str, *, in_property: bool) -> str:
    """As workflow commands want it: https://docs.github.com/actions/reference/workflow-commands-for-github-actions."""
    for char, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), *(((":", "%3A"), (",", "%2C")) if in_property else ())):
        text = text.replace(char, code)
    return text


def _as_json(results: Sequence[_Result]) -> dict[str, Any]:
    if len(results) == 1:
        return results[0].as_json()
    configs = [{"file": result.path.as_posix(), **result.as_json()} for result in results]
    return {"ok": all(config["ok"] for config in configs), "configs": configs}
