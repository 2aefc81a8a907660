"""`nntrain generate`: a trained network goes on with a text or a piece of music, and the same from Python."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from nntrain.commands.output import emit, tell
from nntrain.commands.stored import Stored, open_run
from nntrain.errors import DataError, ResourceError, UsageError
from nntrain.generation.settings import GenerateSettings
from nntrain.runs import find_run, runs_root, write_atomically

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array
    from nntrain.data.fitted import FittedField

MIDI: Final = (".mid", ".midi")
"""Endings of the files that pieces of music are written to."""


def run(arguments: Sequence[str], flags: dict[str, Any], output: Path | None, *, as_json: bool, runs: Path | None) -> int:
    """Go on with a sequence; to `output`, else to stdout, where a text comes as it is drawn.

    Args:
        arguments: A run (the latest if there is none).
        flags: Settings that were given, by name; they go before those of the config.
        output: File to be written; replaced whole or not at all.
        as_json: Whether one JSON object is wanted.
        runs: The runs folder.
    """
    if len(arguments) > 1:
        raise UsageError(f"generate takes a run, got {' '.join(arguments)}", "nntrain generate runs/shakespeare --prompt 'ROMEO:'")
    found = find_run(arguments[0] if arguments else None, runs_root(runs))
    stored = open_run(found)
    writer = Writer.of(stored)
    writer.require_drawn(flags)
    settings = settings_of(stored, flags)
    opening = writer.opening(settings.prompt)
    is_text = isinstance(writer.render(opening), str)
    if not is_text and output is None:
        raise UsageError(f"{found.name} makes {writer.field.plan.field.type}, which no screen shows", "-o piece.mid")
    if output is not None and is_text == (output.suffix.lower() in MIDI):
        made, name = ("a text", output.with_suffix(".txt")) if is_text else ("a MIDI file", output.with_suffix(".mid"))
        raise UsageError(f"{found.name} makes {made}, and {output.as_posix()} would be none by its name", f"-o {name.as_posix()}")
    if output is not None and not output.resolve().parent.is_dir():  # said before all steps are drawn
        raise UsageError(f"cannot write {output.as_posix()}: there is no folder {output.parent.as_posix()}", "make it first")
    tell(f"run      {found.name}   step {stored.step:,}   seed {settings.seed}")
    for note in (*stored.notes, *writer.doubts(settings.prompt), *writer.limits(opening, settings.steps)):
        tell(note)
    if is_text and output is None and not as_json:
        _write(writer.texts(opening, settings))
        return 0
    content = writer.all(opening, settings)
    if output is not None:
        _keep(output, content)
        tell(f"wrote    {output.as_posix()}   {settings.steps:,} steps")
    if as_json:
        told = {"run": found.name, "prompt": settings.prompt, **settings.model_dump(mode="json", exclude={"prompt"})}
        emit(json.dumps({**told, **({"text": content} if isinstance(content, str) else {"file": str(output)})}, ensure_ascii=False))
    return 0


@dataclass(frozen=True, slots=True)
class Writer:
    """A run that goes on with sequences."""

    stored: Stored
    field: FittedField
    """The input that it reads step by step."""
    target: str

    @classmethod
    def of(cls, stored: Stored) -> Writer:
        """Raises `UsageError` where the network of a run predicts no next step."""
        plans = stored.blueprint.targets
        target = next((name for name, plan in plans.items() if plan.task.generates), None)
        inputs = [field for field in stored.fields.fields if field.plan.role == "input"]
        if target is None or len(inputs) != 1:
            tasks = ", ".join(dict.fromkeys(plan.task.type for plan in plans.values()))
            hint = f"nntrain predict {stored.run.name} DATA   a network that predicts the next step goes on: gpt of a running text, notes"
            raise UsageError(f"{stored.run.name} can't go on with a sequence: its task is {tasks}", hint)
        return cls(stored, inputs[0], target)

    def opening(self, prompt: str | None) -> Array:
        """The first steps. Raises `UsageError` for a prompt that can't be read."""
        try:
            return self.field.plan.field.opening(prompt, self.field.state)
        except DataError as error:
            raise UsageError(f"--prompt: {error.message}", error.hint) from None

    def doubts(self, prompt: str | None) -> Iterator[str]:
        """Tokens of a prompt that training never showed: they are read as one and the same, and written as what stands for it."""
        import polars as pl

        unseen = None if prompt is None else self.field.plan.field.unseen(pl.Series([prompt]), self.field.state)
        if unseen is not None and unseen.counts[0]:
            told = " ".join(repr(token) for token in unseen.examples[0])
            yield f"prompt   {unseen.counts[0]:,} of {unseen.totals[0]:,} tokens are new to the network: {told}"

    def limits(self, opening: Array, steps: int) -> Iterator[str]:
        """What is to be told of a sequence that becomes longer than the network reads at once."""
        from nntrain.generation.stepping import most_steps

        most = most_steps(self.stored.blueprint.program, self.field.name, self._longest)
        if most is not None and len(opening) > most:
            yield f"prompt   the last {most:,} of {len(opening):,} steps are read, as many as in training"
        elif most is not None and len(opening) + steps - 1 > most:  # the last step is not read
            yield f"reads    the last {most:,} steps at once, as many as in training"

    def require_drawn(self, flags: Mapping[str, Any]) -> None:
        """Raises `UsageError` for a flag that doesn't change how a step is drawn."""
        task = self.stored.blueprint.targets[self.target].task
        for name in sorted(task.undrawn):
            if flags.get(name) is not None:
                raise UsageError(f"--{name.replace('_', '-')} has no effect: {task.type} draws no tokens, of which it chooses", "remove it")

    def render(self, steps: Array) -> str | bytes:
        """Steps as people keep them."""
        return self.field.plan.field.rendered(steps, self.field.state)

    def steps(self, opening: Array, settings: GenerateSettings) -> Iterator[Array]:
        """The further steps, one after another, `[1, …]` each."""
        import torch

        from nntrain.generation.continuing import Generator

        stored = self.stored
        program, task = stored.blueprint.program, stored.blueprint.targets[self.target].task
        generator = Generator(stored.network, program, task, self.field.name, self.target, stored.precision, self._longest)
        for step in generator.steps(torch.from_numpy(opening).unsqueeze(0).to(stored.device), settings):
            yield step.cpu().numpy()

    def all(self, opening: Array, settings: GenerateSettings) -> str | bytes:
        """The sequence after all its steps."""
        import numpy as np

        return self.render(np.concatenate([opening, *self.steps(opening, settings)]))

    def texts(self, opening: Array, settings: GenerateSettings) -> Iterator[str]:
        """The text as it comes: its beginning, then what each step makes certain of it; all together it is what `all` gives."""
        from nntrain.data.tokenizing.streaming import TextStream

        decode = self.field.plan.field.to_text(self.field.state)
        assert decode is not None
        stream = TextStream(decode)
        yield stream.add(opening.tolist())
        for step in self.steps(opening, settings):
            yield stream.add(step.tolist())
        yield stream.end()

    @property
    def _longest(self) -> int | None:
        return self.field.plan.field.longest(self.field.state)


def settings_of(stored: Stored, flags: Mapping[str, Any]) -> GenerateSettings:
    """The config's settings under what was given. Raises `UsageError`."""
    base = stored.config.experiment.generate or GenerateSettings()
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return GenerateSettings.parse({**base.model_dump(mode="json"), **given})
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-")
        raise UsageError(f"--{name} {given.get(str(first['loc'][0]))}: {first['msg']}", "nntrain generate --help") from None


def _write(texts: Iterator[str]) -> None:
    """To stdout as it comes, and a line end where the text has none."""
    last = ""
    for text in texts:
        emit(text, end="")
        last = text or last
    emit("", end="" if last.endswith("\n") else "\n")


def _keep(output: Path, content: str | bytes) -> None:
    """Raises `ResourceError` where the file can't be written; what was there before is whole."""
    try:
        write_atomically(output.resolve(), content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None
