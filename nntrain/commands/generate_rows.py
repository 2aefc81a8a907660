"""Rows that a network makes of draws: images on a sheet or one by one, arrays, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nntrain.commands.image_files import SHEET_SUFFIX, check_folder, write_pictures, write_sheet
from nntrain.commands.output import tell
from nntrain.commands.predict import prediction_columns
from nntrain.commands.prediction_arrays import write_arrays
from nntrain.commands.prediction_files import ARRAY_SUFFIX, FRAME_SUFFIXES, TEXT_SUFFIXES, as_text, write_predictions
from nntrain.commands.prediction_masks import is_folder
from nntrain.commands.stored import Stored
from nntrain.data.table import Table, counted
from nntrain.errors import UsageError
from nntrain.generation import ways
from nntrain.generation.settings import GenerateSettings
from nntrain.tasks.task import Decoded

if TYPE_CHECKING:
    from nntrain.modules.network import Network


@dataclass(frozen=True, slots=True)
class RowMaker:
    """A run with a point that can be drawn."""

    stored: Stored

    def check(self, output: Path | None, settings: GenerateSettings) -> None:
        """Refuse a point that can't be drawn, and a file that does not hold what is made. Raises `UsageError`."""
        made = self._targets(self._point(settings))
        images, run = self._images(made), self.stored.run.name
        if not images:
            suffixes = TEXT_SUFFIXES + FRAME_SUFFIXES
            if output is not None and output.suffix.lower() not in suffixes:
                found = f"{run} makes rows of {', '.join(made)}, and {output.as_posix()} is no table"
                raise UsageError(found, f"one of: {', '.join(suffixes)}")
        elif output is None:
            fitting = f"-o samples{SHEET_SUFFIX}   or -o FOLDER   or -o samples{ARRAY_SUFFIX}"
            raise UsageError(f"{run} makes images, which no screen shows", fitting)
        elif is_folder(output):
            check_folder(output)
        elif output.suffix.lower() not in (SHEET_SUFFIX, ARRAY_SUFFIX):
            fitting = f"-o {output.with_suffix(SHEET_SUFFIX).as_posix()}   or a folder, or a name that ends in {ARRAY_SUFFIX}"
            raise UsageError(f"{run} makes images, which {output.suffix} files don't hold", fitting)
        elif len(images) > 1 and output.suffix.lower() == SHEET_SUFFIX:
            found = f"{run} makes several images a row ({', '.join(images)}), and a sheet has one"
            raise UsageError(found, f"-o FOLDER   or -o samples{ARRAY_SUFFIX}")
        if output is not None and not output.resolve().parent.is_dir():
            raise UsageError(f"cannot write {output.as_posix()}: there is no folder {output.parent.as_posix()}", "make it first")

    def notes(self, settings: GenerateSettings) -> Sequence[str]:
        """Which point is drawn."""
        point = self._point(settings)
        told = f"draws    {counted(settings.count)} of {point.name} {point.spec} from N(0, 1)"
        left_out = [name for name in self.stored.blueprint.targets if name not in self._targets(point)]
        return (told, *([f"left out {', '.join(left_out)}: read beside it are inputs"] if left_out else []))

    def made(self, settings: GenerateSettings) -> Mapping[str, Decoded]:
        """The rows by target, as `predict` gives them."""
        from nntrain.generation.drawing import draw_outputs

        stored, point = self.stored, self._point(settings)
        network = cast("Network", stored.network)
        outputs = draw_outputs(network, point, settings.count, settings.seed, stored.device, stored.precision)
        found: dict[str, Decoded] = {}
        for name in self._targets(point):
            plan, objective = stored.blueprint.targets[name], stored.objective.targets[name]
            target = replace(plan.target, classes=stored.fields.targets[name].classes)
            found[name] = plan.task.decode(objective.predict(outputs[name]).cpu(), target, objective.reading.threshold)
        return found

    def write(self, output: Path | None, settings: GenerateSettings, *, as_json: bool) -> dict[str, Any]:
        """Images to a sheet, a folder or arrays; other rows to a table, else to stdout."""
        made = self.made(settings)
        images = self._images(tuple(made))
        if output is None:
            text = as_text(Table("samples", {}, settings.count), prediction_columns(made))
            if not as_json:
                from nntrain.commands.output import emit

                emit(text, end="")
            return {"text": text}
        if not images:
            write_predictions(output, Table("samples", {}, settings.count), prediction_columns(made))
        elif is_folder(output):
            write_pictures(output, {name: made[name].values for name in images})
        elif output.suffix.lower() == ARRAY_SUFFIX:
            write_arrays(output, made)
        else:
            write_sheet(output, made[images[0]].values)
        tell(f"wrote    {output.as_posix()}   {counted(settings.count)}")
        return {"file": str(output)}

    def _point(self, settings: GenerateSettings) -> ways.Point:
        try:
            return ways.drawn_point(self.stored.blueprint.program, settings.from_)
        except LookupError as error:
            raise UsageError(f"--from: {error.args[0]}" if settings.from_ is not None else error.args[0], "--from POINT") from None

    def _targets(self, point: ways.Point) -> tuple[str, ...]:
        program = self.stored.blueprint.program
        found = ways.made_behind(program, point)
        if not found:
            raise UsageError(*ways.beside_in_words(program, point))
        return found

    def _images(self, targets: Sequence[str]) -> list[str]:
        plans = self.stored.blueprint.targets
        return [name for name in targets if plans[name].target.field_type == "image"]
