"""Rows that a network makes of draws: images on a sheet or one by one, arrays, tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from nntrain.commands.predicting.predict import prediction_columns
from nntrain.commands.predicting.prediction_files import ARRAY_SUFFIX, FRAME_SUFFIXES, TEXT_SUFFIXES, as_text, write_predictions
from nntrain.commands.predicting.prediction_forms import (
    check_folder,
    forms_of,
    is_folder,
    kinds,
    samples_file,
    target_files,
    ways_to_hold,
    write_arrays,
    write_folder,
    write_whole,
)
from nntrain.commands.screens.output import tell
from nntrain.commands.stored.opening import Stored
from nntrain.data.fields.field import Decoded
from nntrain.data.forms.form import Beside, Form
from nntrain.data.table import Table, counted, listed
from nntrain.errors import DataError, UsageError
from nntrain.generation import ways
from nntrain.generation.settings import GenerateSettings
from nntrain.nearest import nearest

if TYPE_CHECKING:
    from torch import Tensor

    from nntrain.data.fitted import FittedField
    from nntrain.data.table import Column
    from nntrain.modules.network import Network


@dataclass(frozen=True, slots=True)
class RowMaker:
    """A run with a point that can be drawn."""

    stored: Stored

    def check(self, output: Path | None, settings: GenerateSettings) -> None:
        """Refuse a point that can't be drawn, and a file that does not hold what is made. Raises `UsageError`."""
        made = self._targets(settings)
        needed = ways.needed_beside(self.stored.blueprint.program, self._point(settings), made)
        self._beside(settings.model_copy(update={"count": 1}), needed)
        whole, run = self._whole(made), self.stored.run.name
        sheet = next(iter(whole.values())).sheet if len(whole) == 1 else None
        if not whole:
            suffixes = TEXT_SUFFIXES + FRAME_SUFFIXES
            if output is not None and output.suffix.lower() not in suffixes:
                found = f"{run} makes rows of {', '.join(made)}, and {output.as_posix()} is no table"
                raise UsageError(
                    found, f"one of: {', '.join(suffixes)}   for example -o {samples_file(list(forms_of(self.stored).values()))}"
                )
        elif output is None:
            fitting = [*([f"-o samples{sheet}"] if sheet else []), *ways_to_hold(whole, "samples")]
            raise UsageError(f"{run} makes {kinds(whole)}, which no screen shows", "   or ".join(fitting))
        elif is_folder(output):
            if not any(form.each for form in whole.values()):
                raise UsageError(f"-o needs a file, got {output.as_posix()!r}", "   or ".join(ways_to_hold(whole, "samples")))
            check_folder(output, "-o")
        elif len(whole) > 1 and output.suffix.lower() in {form.sheet for form in whole.values()}:
            found = f"{run} makes several values a row ({', '.join(whole)}), and a sheet has one"
            raise UsageError(found, "   or ".join(ways_to_hold(whole, "samples")))
        elif output.suffix.lower() not in (sheet, ARRAY_SUFFIX):
            fitting = [*([f"-o {output.with_suffix(sheet).as_posix()}"] if sheet else []), *ways_to_hold(whole, output.stem)]
            raise UsageError(f"{run} makes {kinds(whole)}, which {output.suffix} files don't hold", "   or ".join(fitting))
        if output is not None and not output.resolve().parent.is_dir():
            raise UsageError(f"cannot write {output.as_posix()}: there is no folder {output.parent.as_posix()}", "make it first")

    def notes(self, settings: GenerateSettings) -> Sequence[str]:
        """Which point is drawn."""
        point = self._point(settings)
        told = [f"draws    {counted(settings.count)} of {point.name} {point.spec} from N(0, 1)"]
        given = settings.given or {}
        needed = ways.needed_beside(self.stored.blueprint.program, point, self._targets(settings))
        told += [f"given    {name}: {given[name]}" if name in given else f"given    {name}: each class in turn" for name in needed]
        left_out = [name for name in self.stored.blueprint.targets if name not in self._targets(settings)]
        return (*told, *([f"left out {', '.join(left_out)}: read beside it are inputs"] if left_out else []))

    def made(self, settings: GenerateSettings) -> Mapping[str, Decoded]:
        """The rows by target, as `predict` gives them."""
        from nntrain.generation.drawing import draw_outputs

        stored, point = self.stored, self._point(settings)
        network = cast("Network", stored.network)
        targets = self._targets(settings)
        beside = self._beside(settings, ways.needed_beside(stored.blueprint.program, point, targets))
        outputs = draw_outputs(network, point, settings.count, settings.seed, stored.device, stored.precision, beside)
        found: dict[str, Decoded] = {}
        for name in targets:
            plan, objective = stored.blueprint.targets[name], stored.objective.targets[name]
            target = replace(plan.target, classes=stored.fields.targets[name].classes)
            decoded = plan.task.decode(objective.predict(outputs[name]).cpu(), target, objective.reading.threshold)
            found[name] = replace(decoded, form=stored.fields.targets[name].form)
        return found

    def write(self, output: Path | None, settings: GenerateSettings, *, as_json: bool) -> dict[str, Any]:
        """What no table holds to a sheet, a folder or arrays; other rows to a table, else to stdout."""
        made = self.made(settings)
        whole, table = self._whole(tuple(made)), Table("samples", {}, settings.count)
        if output is None:
            text = as_text(table, prediction_columns(made))
            if not as_json:
                from nntrain.commands.screens.output import emit_data

                emit_data(text)
            return {"text": text}
        if not whole:
            write_predictions(output, table, prediction_columns(made))
        elif is_folder(output):
            write_folder(output, target_files(made, Beside(self.stored.fields, table, range(settings.count))))
        elif output.suffix.lower() == ARRAY_SUFFIX:
            write_arrays(output, made)
        else:
            name, form = next(iter(whole.items()))
            write_whole(output, form.on_sheet(made[name]))
        tell(f"wrote    {output.as_posix()}   {counted(settings.count)}")
        return {"file": str(output)}

    def _point(self, settings: GenerateSettings) -> ways.Point:
        try:
            return ways.drawn_point(self.stored.blueprint.program, settings.from_)
        except LookupError as error:
            raise UsageError(f"--from: {error.args[0]}" if settings.from_ is not None else error.args[0], "--from POINT") from None

    def _beside(self, settings: GenerateSettings, needed: Sequence[str]) -> Mapping[str, Tensor]:
        """What rows have of the fields that are read beside the point, by the keys of a batch. Raises `UsageError`."""
        if not needed:
            return {}
        import polars as pl

        from nntrain.data.batches import plain_batches

        count = settings.count
        columns: dict[str, Column] = {}
        fields = self.stored.fields.beside(needed)
        for field in fields.fields:
            if len(field.plan.columns) != 1:
                raise UsageError(f"{field.name} is made of {len(field.plan.columns)} columns, and --given has one value a field")
            values = _values(field, settings.given or {})
            column = field.plan.columns[0]
            columns[column] = pl.Series(column, [values[row % len(values)] for row in range(count)], dtype=pl.String)
        try:
            data = fields.encode(Table("--given", columns, count), with_targets=False)
        except DataError as error:
            raise UsageError(error.message, error.hint) from None
        return next(plain_batches(data, count)).inputs

    def _targets(self, settings: GenerateSettings) -> tuple[str, ...]:
        program, point = self.stored.blueprint.program, self._point(settings)
        found = ways.made_behind(program, point, settings.given or {})
        if not found:
            raise UsageError(*ways.beside_in_words(program, point))
        needed = ways.needed_beside(program, point, found)
        for name in settings.given or {}:
            if name not in needed:
                told = f"read beside {point.name}: {', '.join(needed) or 'nothing'}"
                raise UsageError(f"--given {name}=… has no effect: what is made is not made of {name}", told)
        return found

    def _whole(self, targets: Sequence[str]) -> dict[str, Form]:
        """Forms of the targets that no cell of a table holds."""
        forms = forms_of(self.stored)
        return {name: forms[name] for name in targets if not forms[name].in_cells}


def _values(field: FittedField, given: Mapping[str, str | float]) -> list[str]:
    """What the rows have of a field, one after another: what is given, else each class in turn. Raises `UsageError`."""
    from nntrain.data.fitted import MISSING_CLASS

    classes = [name for name in field.classes if name != MISSING_CLASS]
    if field.name not in given:
        return classes or ["0"]  # a number that nothing is made of, and that lies beside others that something is
    value = given[field.name]
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if field.plan.spec.kind == "index" and text not in classes:
        near = nearest(text, classes)
        told = f"nearest: {', '.join(near)}   " if near else ""
        raise UsageError(f"--given {field.name}={text}: no such class", f"{told}classes: {listed(classes, 12)}")
    return [text]
