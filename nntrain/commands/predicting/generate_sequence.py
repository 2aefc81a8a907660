"""A text or a piece of music that a network goes on with, step by step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nntrain.commands.screens.output import emit_data, tell
from nntrain.commands.stored.opening import Stored
from nntrain.data.fields.field import Field
from nntrain.data.settings import FIELD_SLOT
from nntrain.errors import DataError, ResourceError, UsageError
from nntrain.generation.settings import GenerateSettings
from nntrain.runs import write_atomically
from nntrain.schema import load_class

if TYPE_CHECKING:
    from nntrain.data.fields.field import Array
    from nntrain.data.fitted import FittedField


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

    def check(self, output: Path | None, settings: GenerateSettings) -> None:
        """Refuse a file that can't be written, or that would not be what its name says. Raises `UsageError`."""
        run, is_text = self.stored.run.name, isinstance(self.render(self.opening(settings.prompt)), str)
        field = self.field.plan.field
        if not is_text and output is None:
            raise UsageError(f"{run} makes {field.type}, which no screen shows", f"-o piece{field.piece_suffixes[0]}")
        fits = output is None or (not _is_of_pieces(output) if is_text else output.suffix.lower() in field.piece_suffixes)
        if output is not None and not fits:
            made, suffix = ("a text", ".txt") if is_text else (f"a {field.piece_suffixes[0]} file", field.piece_suffixes[0])
            found = f"{run} makes {made}, and {output.as_posix()} would be none by its name"
            raise UsageError(found, f"-o {output.with_suffix(suffix).as_posix()}")
        if output is not None and not output.resolve().parent.is_dir():  # said before all steps are drawn
            raise UsageError(f"cannot write {output.as_posix()}: there is no folder {output.parent.as_posix()}", "make it first")

    def notes(self, settings: GenerateSettings) -> Sequence[str]:
        """What is new to the network in the prompt, and what it can't read at once."""
        return (*self.doubts(settings.prompt), *self.limits(self.opening(settings.prompt), settings.steps))

    def made(self, settings: GenerateSettings) -> str | bytes:
        """The sequence after all its steps."""
        return self.all(self.opening(settings.prompt), settings)

    def write(self, output: Path | None, settings: GenerateSettings, *, as_json: bool) -> dict[str, Any]:
        """To the file, else to stdout, where a text comes as it is drawn."""
        opening = self.opening(settings.prompt)
        if output is None and not as_json:
            _write(self.texts(opening, settings))
            return {}
        content = self.all(opening, settings)
        if output is not None:
            _keep(output, content)
            tell(f"wrote    {output.as_posix()}   {settings.steps:,} steps")
        return {"text": content} if isinstance(content, str) else {"file": str(output)}

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


def _is_of_pieces(output: Path) -> bool:
    """Whether a file has the ending of a generated sequence that is no text, of any type of field."""
    types = (load_class(found) for found in FIELD_SLOT.table.values())
    return any(output.suffix.lower() in found.piece_suffixes for found in types if issubclass(found, Field))


def _write(texts: Iterator[str]) -> None:
    """To stdout as it comes, and a line end where the text has none."""
    last = ""
    for text in texts:
        emit_data(text)
        last = text or last
    emit_data("" if last.endswith("\n") else "\n")


def _keep(output: Path, content: str | bytes) -> None:
    """Raises `ResourceError` where the file can't be written; what was there before is whole."""
    try:
        write_atomically(output.resolve(), content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise ResourceError(f"cannot write {output.as_posix()}: {error.strerror}") from None
